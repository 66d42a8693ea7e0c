//! Rows 1 to 5: encryption, versions, what is told at login, passwords, startup parameters.

use crate::support::run;
use crate::support::wire::{GSSENC_REQUEST, Raw, SSL_REQUEST, message, packet, startup, tags};

use super::{SUBJECT, connect, done, ends, fresh, hello, read, session, session_with_key};

/// Logs in with an MD5 password, and gives everything that was answered to it.
async fn with_password(
    user: &str,
    password: &str,
) -> (Raw, String, Vec<crate::support::wire::Frame>) {
    let mut raw = connect().await;
    raw.send(&startup(
        3 << 16,
        &[("user", user), ("database", &SUBJECT.database)],
    ))
    .await;
    let asked = raw.frame().await.expect("a question");
    assert_eq!(
        (asked.tag, &asked.body[..4]),
        ('R', &5_i32.to_be_bytes()[..]),
        "MD5, and no SCRAM"
    );
    let salt = [asked.body[4], asked.body[5], asked.body[6], asked.body[7]];
    let hash =
        postgres_protocol::authentication::md5_hash(user.as_bytes(), password.as_bytes(), salt);
    raw.send(&message(b'p', &[hash.as_bytes(), b"\0"].concat()))
        .await;
    let frames = raw.until_ready().await;
    let tags = tags(&frames);
    (raw, tags, frames)
}

#[test]
fn fact_01_encryption_is_declined_and_only_protocol_3_0_is_spoken() {
    run(async {
        let mut raw = connect().await;
        for request in [SSL_REQUEST, GSSENC_REQUEST] {
            raw.send(&packet(request, b"")).await;
            assert_eq!(raw.byte().await, Some('N'));
        }
        raw.send(&hello(&[("_pq_.x", "1")])).await;
        assert!(raw.until_ready().await.iter().all(|frame| frame.tag != 'v'));
        for version in [(3 << 16) + 2, 4 << 16, 2 << 16] {
            let mut raw = connect().await;
            raw.send(&startup(
                version,
                &[("user", &SUBJECT.user), ("database", &SUBJECT.database)],
            ))
            .await;
            assert!(ends(&mut raw).await, "{version:x} is hung up on");
        }
    });
}

#[test]
fn fact_02_the_key_comes_before_four_parameters_and_the_application_if_it_was_named() {
    run(async {
        let mut raw = connect().await;
        raw.send(&hello(&[])).await;
        assert_eq!(tags(&raw.until_ready().await), "RKSSSSZ");
        let mut raw = connect().await;
        raw.send(&hello(&[("application_name", "app1")])).await;
        let welcome = raw.welcomed().await;
        let names: Vec<&str> = welcome
            .parameters
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "TimeZone",
                "client_encoding",
                "standard_conforming_strings",
                "server_version",
                "application_name"
            ]
        );
        assert_eq!(welcome.parameters[3].1, "13.14.0");
    });
}

#[test]
fn fact_03_pid_and_key_are_one_counter() {
    run(async {
        let (mut raw, first) = session_with_key().await;
        let (_, second) = session_with_key().await;
        assert_eq!(first.pid.to_be_bytes().to_vec(), first.key);
        assert!(second.pid > first.pid);
        assert_eq!(
            read(&mut raw, "select pg_backend_pid()").await,
            [first.pid.to_string()]
        );
    });
}

#[test]
fn fact_03_a_login_with_a_password_gets_no_key() {
    run(async {
        let user = fresh("u");
        done(
            &mut session().await,
            &format!("create user {user} with password 'p1'"),
        )
        .await;
        let (mut raw, tags, _) = with_password(&user, "p1").await;
        assert_eq!(tags, "RSSSSZ");
        assert_eq!(read(&mut raw, "select pg_backend_pid()").await.len(), 1);
    });
}

#[test]
fn fact_04_who_may_not_log_in_is_told_so_by_xx000_and_hung_up_on() {
    run(async {
        let (user, locked) = (fresh("u"), fresh("u"));
        let mut root = session().await;
        done(&mut root, &format!("create user {user} with password 'p1'")).await;
        done(
            &mut root,
            &format!("create user {locked} with nologin password 'p1'"),
        )
        .await;
        let (mut raw, tags, frames) = with_password(&user, "wrong").await;
        assert_eq!(tags, "E");
        assert_eq!(
            (frames[0].sqlstate(), frames[0].field('M')),
            ("XX000".to_owned(), Some("Invalid password".to_owned()))
        );
        assert!(ends(&mut raw).await);
        let refused = [
            (
                "nosuchuser",
                "dev",
                "XX000",
                "Catalog error: Role nosuchuser does not exist".to_owned(),
            ),
            (
                SUBJECT.user.as_str(),
                "nosuchdb",
                "3D000",
                "Catalog error: database not found: nosuchdb".to_owned(),
            ),
            (
                &locked,
                "dev",
                "XX000",
                format!("Permission denied: User {locked} is not allowed to login"),
            ),
        ];
        for (user, database, code, why) in refused {
            let mut raw = connect().await;
            raw.send(&startup(3 << 16, &[("user", user), ("database", database)]))
                .await;
            let error = raw.frame().await.expect("an error");
            assert_eq!(
                (error.sqlstate(), error.field('S')),
                (code.to_owned(), Some("ERROR".to_owned()))
            );
            assert_eq!(
                error.field('M'),
                Some(format!("Failed to start a new session: {why}"))
            );
            assert!(ends(&mut raw).await);
        }
    });
}

#[test]
fn fact_05_startup_parameters_but_three_are_passed_over() {
    run(async {
        let more = [
            ("TimeZone", "Nowhere/Land"),
            ("client_encoding", "LATIN1"),
            ("options", "-c statement_timeout=5s -c nosuch=1"),
            ("nosuch", "1"),
        ];
        for parameter in more {
            let mut raw = connect().await;
            raw.send(&hello(&[parameter])).await;
            assert_eq!(raw.welcomed().await.parameters[0].1, "UTC", "{parameter:?}");
            assert_eq!(read(&mut raw, "show statement_timeout").await, ["0ms"]);
        }
    });
}

#[test]
fn fact_05_user_and_database_have_defaults_but_not_both() {
    run(async {
        let mut raw = connect().await;
        raw.send(&startup(3 << 16, &[("database", "dev")])).await;
        raw.welcomed().await;
        assert_eq!(read(&mut raw, "select current_user").await, ["root"]);
        let mut raw = connect().await;
        raw.send(&startup(3 << 16, &[("user", "root")])).await;
        raw.welcomed().await;
        assert_eq!(read(&mut raw, "select current_database()").await, ["dev"]);
        let mut raw = connect().await;
        raw.send(&startup(3 << 16, &[])).await;
        assert!(ends(&mut raw).await);
    });
}

#[test]
fn fact_05_an_empty_last_value_is_hung_up_on() {
    run(async {
        let mut raw = connect().await;
        raw.send(&hello(&[("application_name", "")])).await;
        assert!(ends(&mut raw).await);
    });
}
