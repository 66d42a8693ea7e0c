//! Who may log in, as whom the router logs in behind, and what a client is told.

use tokio_postgres::NoTls;

use crate::support::postgres::PAIR;
use crate::support::tide::{Setup, Tide, open};
use crate::support::wire::{Raw, message, startup, tags};
use crate::support::{program, run, sql};

const SCRAM: &str = "{ method: scram-sha-256, users: { scram_user: { password: 'scram secret' }, app: { password: x } } }";

#[test]
fn scram_lets_in_who_knows_the_password() {
    run(async {
        let tide = Setup::new("scram").await.auth(SCRAM).start().await;
        let mut config = tide.config("scram_user");
        config.password("scram secret");
        let (client, _) = open(&config, NoTls).await.expect("a login");
        assert_eq!(
            sql::scalar(&client, "SELECT current_user").await,
            "scram_user"
        );
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "100"
        );
    });
}

#[test]
fn a_wrong_password_and_an_unknown_user_cannot_be_told_apart() {
    run(async {
        let tide = Setup::new("scram_wrong").await.auth(SCRAM).start().await;
        let mut told = Vec::new();
        for user in ["scram_user", "nobody", "plain"] {
            let mut config = tide.config(user);
            config.password("wrong");
            let error = sql::db(open(&config, NoTls).await.map(drop).unwrap_err());
            assert_eq!(error.code().code(), "28P01", "{user}");
            assert_eq!(error.severity(), "FATAL");
            assert_eq!((error.detail(), error.hint()), (None, None));
            told.push(error.message().replace(user, "USER"));
        }
        assert_eq!((&told[0], &told[0]), (&told[1], &told[2]));
    });
}

#[test]
fn the_password_exchange_looks_the_same_for_users_who_do_not_exist() {
    run(async {
        let tide = Setup::new("scram_same").await.auth(SCRAM).start().await;
        let mut shapes = Vec::new();
        for user in ["scram_user", "nobody"] {
            let mut salts = Vec::new();
            for _ in 0..2 {
                let mut raw = Raw::connect(&tide.router.address).await;
                let login = startup(
                    3 << 16,
                    &[("user", user), ("database", &tide.sides.database)],
                );
                raw.send(&login).await;
                let offered = raw.frame().await.unwrap();
                let first = b"n,,n=,r=abcdefgh";
                let mut body = b"SCRAM-SHA-256\0\0\0\0".to_vec();
                body.push(u8::try_from(first.len()).unwrap());
                body.extend_from_slice(first);
                raw.send(&message(b'p', &body)).await;
                let challenge = raw.frame().await.unwrap();
                assert_eq!(challenge.tag, 'R');
                let text = String::from_utf8(challenge.body[4..].to_vec()).unwrap();
                let fields: Vec<String> = text.split(',').map(str::to_owned).collect();
                assert_eq!(fields.len(), 3, "{text}");
                salts.push(fields[1].clone());
                shapes.push((offered, fields[1].len(), fields[2].clone()));
            }
            assert_eq!(salts[0], salts[1], "a salt is a user's own");
        }
        assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
    });
}

#[test]
fn password_messages_out_of_place_end_the_login() {
    run(async {
        let tide = Setup::new("scram_bad").await.auth(SCRAM).start().await;
        let too_long = [&b"p"[..], &70_000u32.to_be_bytes()].concat();
        let bad: [Vec<u8>; 6] = [
            message(b'Q', b"SELECT 1\0"),
            message(b'p', b""),
            message(b'p', b"MD5\0\0\0\0\0"),
            message(b'p', b"SCRAM-SHA-256\0\x7f\xff\xff\xffx"),
            message(b'p', b"SCRAM-SHA-256\0\0\0\0\x05n,,n="),
            too_long,
        ];
        for bytes in bad {
            let mut raw = Raw::connect(&tide.router.address).await;
            let login = startup(3 << 16, &[("user", "app"), ("database", "x")]);
            raw.send(&login).await;
            assert_eq!(raw.frame().await.unwrap().tag, 'R');
            raw.send(&bytes).await;
            let frames = raw.rest().await;
            assert_eq!(tags(&frames), "E", "{bytes:?}: {frames:?}");
            assert_eq!(frames[0].sqlstate(), "08P01", "{bytes:?}");
        }
    });
}

#[test]
fn trust_with_a_list_lets_in_only_who_is_listed() {
    run(async {
        let auth = "{ method: trust, users: { app: {} } }";
        let tide = Setup::new("trust_list").await.auth(auth).start().await;
        assert_eq!(sql::scalar(&tide.client().await, "SELECT 1").await, "1");
        let other = open(&tide.config("plain"), NoTls).await.map(drop);
        assert_eq!(sql::db(other.unwrap_err()).code().code(), "28P01");
    });
}

#[test]
fn the_default_backend_is_logged_in_to_with_every_method() {
    run(async {
        let auth = "{ method: trust, users: { plain: {}, app: {}, scram_user: { password: 'scram secret' }, \
                    password_user: { password: 'plain secret' }, md5_user: { password: 'md5 secret' } } }";
        let tide = Setup::new("backend_auth").await.auth(auth).start().await;
        for user in ["plain", "password_user", "md5_user", "scram_user"] {
            let client = tide.client_as(user).await;
            assert_eq!(sql::scalar(&client, "SELECT current_user").await, user);
        }
    });
}

#[test]
fn the_analytic_backend_is_logged_in_to_with_every_method() {
    run(async {
        for (user, password) in [
            ("plain", ""),
            ("password_user", "plain secret"),
            ("md5_user", "md5 secret"),
            ("scram_user", "scram secret"),
        ] {
            let url = PAIR.1.url(user, "DATABASE");
            let setup = Setup::new("analytic_auth").await.analytic_url(&url);
            let yaml = setup.yaml();
            let with = format!("\n    password: '{password}'\n    pool:");
            let yaml = match password {
                "" => yaml,
                _ => yaml.replace("\n    pool:", &with),
            };
            let router = crate::support::router::Router::start(&yaml).await;
            let name = &setup.sides().database;
            let client = crate::support::postgres::connect(router.port(), "app", name).await;
            let asked = "SELECT current_user, count(*) FROM orders";
            assert_eq!(sql::scalar(&client, asked).await, user);
        }
    });
}

#[test]
fn a_password_the_server_refuses_is_the_servers_own_error() {
    run(async {
        let auth =
            "{ method: trust, users: { scram_user: { password: 'not it' }, password_user: {} } }";
        let tide = Setup::new("backend_refuses").await.auth(auth).start().await;
        let wrong = open(&tide.config("scram_user"), NoTls).await.map(drop);
        let error = sql::db(wrong.unwrap_err());
        assert_eq!(error.code().code(), "28P01");
        assert!(error.message().contains("scram_user"), "{error}");
        assert!(!format!("{error:?}").contains("not it"));
        // No password is known: said without a hang, and without naming the address.
        let none = open(&tide.config("password_user"), NoTls).await.map(drop);
        let error = sql::db(none.unwrap_err());
        assert!(!format!("{error:?}").contains("127.0.0.1"), "{error:?}");
    });
}

#[test]
fn backends_are_reached_over_tls_as_strictly_as_the_url_asks() {
    run(async {
        let root = PAIR.0.certificate();
        let port = PAIR.0.port();
        for (host, parameters) in [
            ("127.0.0.1", "sslmode=require".to_owned()),
            ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={root}")),
            (
                "localhost",
                format!("sslmode=verify-full&sslrootcert={root}"),
            ),
            (
                "127.0.0.1",
                format!("sslmode=verify-full&sslrootcert={root}"),
            ),
        ] {
            // Only TLS connections of this user are let in.
            let url = format!("postgres://tls_user@{host}:{port}/DATABASE?{parameters}");
            let tide = Setup::new("backend_tls").await.oltp_url(&url).start().await;
            let client = tide.client_as("tls_user").await;
            let used = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            assert_eq!(sql::scalar(&client, used).await, "t", "{url}");
        }
        let other = program::folder(&[("root.pem", &crate::support::tls::identity().certificate)]);
        let other = program::shown(&other.path().join("root.pem"));
        let url = format!(
            "postgres://tls_user@127.0.0.1:{port}/DATABASE?sslmode=verify-full&sslrootcert={other}"
        );
        let tide = Setup::new("backend_tls_bad")
            .await
            .oltp_url(&url)
            .start()
            .await;
        let refused = open(&tide.config("tls_user"), NoTls).await.map(drop);
        assert_eq!(sql::db(refused.unwrap_err()).code().code(), "08006");
    });
}

#[test]
fn parameter_statuses_are_those_of_the_oltp_server() {
    run(async {
        let tide = Tide::start("parameters").await;
        let direct = format!("127.0.0.1:{}", PAIR.0.port());
        let mut welcomes = Vec::new();
        for address in [&direct, &tide.router.address] {
            let mut raw = Raw::connect(address).await;
            let parameters = [
                ("user", "app"),
                ("database", &*tide.sides.database),
                ("application_name", "same"),
                ("client_encoding", "LATIN1"),
                ("DateStyle", "German"),
            ];
            raw.send(&startup(3 << 16, &parameters)).await;
            welcomes.push(raw.welcomed().await.parameters);
        }
        assert!(welcomes[0].len() > 10, "{welcomes:?}");
        assert_eq!(welcomes[0], welcomes[1]);
    });
}

#[test]
fn the_process_id_is_the_servers() {
    run(async {
        let tide = Tide::start("pid").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        let welcome = raw.log_in("app", &tide.sides.database).await;
        let frames = raw.query("SELECT pg_backend_pid()").await;
        assert_eq!(frames[1].text(), welcome.pid.to_string());
    });
}

#[test]
fn a_database_that_does_not_exist_is_the_servers_own_error() {
    run(async {
        let tide = Tide::start("no_such_db").await;
        let mut config = tide.config("app");
        config.dbname("nowhere");
        let error = sql::db(open(&config, NoTls).await.map(drop).unwrap_err());
        assert_eq!(error.code().code(), "3D000");
        assert_eq!(error.message(), "database \"nowhere\" does not exist");
        let nobody = open(&tide.config("who"), NoTls).await.map(drop);
        assert_eq!(sql::db(nobody.unwrap_err()).code().code(), "28000");
    });
}

#[test]
fn more_clients_than_allowed_are_told_so() {
    run(async {
        let tide = Tide::with("too_many", "limits: { clients: 2 }").await;
        let one = tide.client().await;
        let two = tide.client().await;
        let error = open(&tide.config("app"), NoTls).await.map(drop);
        assert_eq!(sql::db(error.unwrap_err()).code().code(), "53300");
        drop(one);
        let room = || async { open(&tide.config("app"), NoTls).await.is_ok() };
        crate::support::eventually("there is room again", room).await;
        assert_eq!(sql::scalar(&two, "SELECT 1").await, "1");
    });
}

#[test]
fn who_takes_too_long_to_log_in_is_hung_up_on() {
    run(async {
        let tide = Tide::with("slow_login", "limits: { login_timeout: 1s }").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        raw.send(&[0, 0, 0]).await;
        assert_eq!(raw.rest().await, []);
    });
}

#[test]
fn psql_connects_and_talks() {
    run(async {
        let tide = Tide::start("psql").await;
        let (port, name) = (tide.router.port(), &tide.sides.database);
        let told = program::psql(
            port,
            "app",
            name,
            &["-c", "SELECT name FROM customers ORDER BY 1"],
        )
        .await;
        assert_eq!((told.code, told.out.as_str()), (Some(0), "Ada\nBob\nCyd\n"));
        let told = program::psql(port, "app", name, &["-c", "SELECT sum(qty) FROM orders"]).await;
        assert_eq!(
            (told.code, told.out.as_str()),
            (Some(0), "297\n"),
            "{told:?}"
        );
        let told = program::psql(port, "app", name, &["-c", "\\d customers"]).await;
        assert!(told.out.contains("id|integer"), "{told:?}");
        let told = program::psql(port, "app", name, &["-c", "DELETE FROM orders"]).await;
        assert_eq!(told.code, Some(1));
        assert!(
            told.err.contains("ERROR") && told.err.contains("HINT"),
            "{told:?}"
        );
    });
}
