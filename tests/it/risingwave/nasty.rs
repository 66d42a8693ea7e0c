//! The double turned nasty, and the double of 3.0: that its switches do what they say.

use std::time::Duration;

use crate::support::run;
use crate::support::wire::{self, Raw, bind, execute, parse, startup, sync, tags, values};

use super::Rig;
use super::double::{Mischief, Options, User, Version};

/// What is to be seen behind a broken answer.
#[derive(Debug, Clone, Copy)]
enum Then {
    Closed,
    /// Nothing, and the connection stays open.
    Silence,
    /// The next statement is answered as if nothing had been.
    Goes,
}

/// That these messages come, and what comes then.
async fn comes(raw: &mut Raw, expected: &str, then: Then, what: &str) {
    let mut seen = String::new();
    while seen.len() < expected.len() {
        let frame = raw.frame().await;
        seen.push(
            frame
                .unwrap_or_else(|| panic!("{what}: closed behind {seen:?}"))
                .tag,
        );
    }
    assert_eq!(seen, expected, "{what}");
    match then {
        Then::Closed => assert_eq!(raw.frame().await, None, "{what}"),
        Then::Silence => {
            let more = tokio::time::timeout(Duration::from_millis(100), raw.frame()).await;
            assert!(more.is_err(), "{what}: {more:?}");
        }
        Then::Goes => assert_eq!(tags(&raw.query("select 2").await), "TDCZ", "{what}"),
    }
}

#[test]
fn each_mischief_is_seen_as_it_is_named_and_other_statements_go_well() {
    run(async {
        let rig = Rig::start("rw_nasty", Options::default()).await;
        for (mischief, simple, extended, then) in [
            (Mischief::ExtraReady, "TDCZZ", "12DCZZ", Then::Goes),
            (Mischief::MissingReady, "TDC", "12DC", Then::Silence),
            (Mischief::CloseAtOnce, "", "12", Then::Closed),
            (Mischief::CloseAfterColumns, "T", "12", Then::Closed),
            (Mischief::CloseBeforeComplete, "TD", "12D", Then::Closed),
            (Mischief::CloseBeforeReady, "TDC", "12DC", Then::Closed),
            (Mischief::UnknownMessage, "T?DCZ", "12?DCZ", Then::Goes),
            (Mischief::Silence, "", "12", Then::Silence),
        ] {
            let what = format!("{mischief:?}");
            rig.double.misbehave("unlucky", mischief);
            let mut raw = rig.raw().await;
            assert_eq!(values(&raw.query("select 1").await), ["1"], "{what}");
            raw.send(&wire::query("select 1 as unlucky")).await;
            comes(&mut raw, simple, then, &what).await;
            let mut raw = rig.raw().await;
            let steps = [
                parse("", "select 1 as unlucky"),
                bind("", "", &[]),
                execute("", 0),
                sync(),
            ];
            raw.send(&steps.concat()).await;
            comes(&mut raw, extended, then, &what).await;
        }
        rig.double.behave();
        assert_eq!(
            values(&rig.raw().await.query("select 1 as unlucky").await),
            ["1"]
        );
    });
}

#[test]
fn half_rows_and_lengths_that_lie_are_sent_as_they_are() {
    run(async {
        let rig = Rig::start("rw_half", Options::default()).await;
        for (mischief, half) in [
            (Mischief::CloseInRow, &b"D\0\0\0\x0b\0\x01\0"[..]),
            (Mischief::BadLength, b"D\0\0\0\x01"),
            (Mischief::HugeLength, b"D\x7f\xff\xff\xff\0\x01"),
        ] {
            rig.double.misbehave("unlucky", mischief);
            let mut raw = rig.raw().await;
            raw.send(&wire::query("select 1 as unlucky")).await;
            assert_eq!(raw.frame().await.expect("columns").tag, 'T');
            for byte in half {
                assert_eq!(raw.byte().await, Some(char::from(*byte)), "{mischief:?}");
            }
            if mischief == Mischief::CloseInRow {
                assert_eq!(raw.byte().await, None);
            }
        }
    });
}

#[test]
fn endless_rows_have_no_end_and_stop_with_their_reader() {
    run(async {
        let rig = Rig::start("rw_endless", Options::default()).await;
        rig.double.misbehave("unlucky", Mischief::Endless);
        let mut raw = rig.raw().await;
        raw.send(&wire::query("select 1 as unlucky")).await;
        assert_eq!(raw.frame().await.expect("columns").tag, 'T');
        for _ in 0..100_000 {
            assert_eq!(raw.frame().await.expect("a row").tag, 'D');
        }
    });
}

#[test]
fn version_3_reads_startup_options_and_says_fatal_at_login() {
    run(async {
        let options = Options {
            version: Version::V3,
            ..Options::default()
        }
        .user("locked", "secret");
        let rig = Rig::start("rw_three", options).await;
        let hello = |user: &str, options: &str| {
            startup(
                3 << 16,
                &[("user", user), ("database", "dev"), ("options", options)],
            )
        };
        let mut raw = Raw::connect(&rig.double.address()).await;
        raw.send(&hello(
            "root",
            "-c statement_timeout=5s --timezone=Europe/Berlin",
        ))
        .await;
        raw.welcomed().await;
        assert_eq!(
            values(&raw.query("show statement_timeout").await),
            ["5000ms"]
        );
        assert_eq!(values(&raw.query("show timezone").await), ["Europe/Berlin"]);
        let mut raw = Raw::connect(&rig.double.address()).await;
        raw.send(&hello("root", "-c nosuch=1")).await;
        let frames = raw.rest().await;
        assert_eq!(
            (tags(&frames), frames[0].field('S')),
            ("E".to_owned(), Some("FATAL".to_owned()))
        );
        let mut raw = Raw::connect(&rig.double.address()).await;
        raw.send(&hello("nosuchuser", "-c x=1")).await;
        assert_eq!(raw.rest().await[0].field('S'), Some("FATAL".to_owned()));
        let mut raw = Raw::connect(&rig.double.address()).await;
        raw.send(&hello("locked", "-c x=1")).await;
        assert_eq!(raw.frame().await.expect("a question").tag, 'R');
        raw.send(&wire::message(b'p', b"wrong\0")).await;
        assert_eq!(raw.rest().await[0].field('S'), Some("FATAL".to_owned()));
    });
}

#[test]
fn version_3_knows_other_settings_and_columns_and_plain_milliseconds() {
    run(async {
        let rig = Rig::start(
            "rw_three_sets",
            Options {
                version: Version::V3,
                ..Options::default()
            },
        )
        .await;
        let mut raw = rig.raw().await;
        assert_eq!(tags(&raw.query("set statement_timeout = 5000").await), "CZ");
        assert_eq!(
            values(&raw.query("show statement_timeout").await),
            ["5000ms"]
        );
        assert_eq!(
            values(&raw.query("show dml_wait_persistence").await),
            ["false"]
        );
        assert_eq!(
            tags(&raw.query("show streaming_parallelism_strategy").await),
            "EZ"
        );
        assert_eq!(
            values(&raw.query("select version()").await),
            ["PostgreSQL 13.14.0-RisingWave-3.0.3 (unknown)"]
        );
        raw.query("create materialized view m as select 1 as x")
            .await;
        let schemas = raw
            .query("select schema_name from rw_catalog.rw_materialized_views")
            .await;
        assert_eq!(values(&schemas), ["public"]);
    });
}

#[test]
fn a_user_with_a_cleartext_password_is_asked_for_it_and_gets_no_key() {
    run(async {
        let mut options = Options::default();
        let user = User {
            password: Some("plain".to_owned()),
            cleartext: true,
            login: true,
        };
        options.users.insert("ldap".to_owned(), user);
        let rig = Rig::start("rw_cleartext", options).await;
        let mut raw = Raw::connect(&rig.double.address()).await;
        raw.send(&startup(
            3 << 16,
            &[
                ("user", "ldap"),
                ("database", "dev"),
                ("application_name", "x"),
            ],
        ))
        .await;
        let asked = raw.frame().await.expect("a question");
        assert_eq!(
            (asked.tag, &asked.body[..]),
            ('R', &3_i32.to_be_bytes()[..])
        );
        raw.send(&wire::message(b'p', b"plain\0")).await;
        assert_eq!(tags(&raw.until_ready().await), "RSSSSZ");
    });
}

#[test]
fn a_mirrored_table_has_the_rows_of_its_upstream_and_a_definition_that_names_it() {
    run(async {
        use crate::support::postgres::PAIR;
        let sides = crate::support::tide::Sides::new("rw_mirror").await;
        let rig = Rig::start("rw_mirror_double", Options::default()).await;
        let mut raw = rig.raw().await;
        let source = format!(
            "create source pg_src with (connector = 'postgres-cdc', hostname = '127.0.0.1', port = '{}', username = 'app', password = 'x', \
             database.name = '{}', schema.name = 'public', slot.name = 'rw_slot')",
            PAIR.0.port(),
            sides.database
        );
        assert_eq!(tags(&raw.query(&source).await), "CZ");
        let made = raw
            .query("create table customers (*) from pg_src table 'public.customers'")
            .await;
        assert_eq!(tags(&made), "CZ", "{:?}", made[0].field('M'));
        assert_eq!(
            values(&raw.query("select name from customers order by id").await),
            ["Ada", "Bob", "Cyd"]
        );
        let query_d = "SELECT (regexp_match(t.definition, 'FROM \\S+ TABLE ''([^'']+)'''))[1], src.connector_props -> 'port' ->> 'value' \
             FROM rw_catalog.rw_tables t JOIN rw_catalog.rw_depend d ON d.objid = t.id \
             JOIN rw_catalog.rw_sources src ON src.id = d.refobjid WHERE src.connector = 'POSTGRES-CDC'";
        let found = raw.query(query_d).await;
        assert_eq!(
            values(&found),
            ["public.customers"],
            "{:?}",
            found[0].field('M')
        );
        rig.double.readiness("customers", "Creating", false).await;
        let progress = "select count(*) from rw_catalog.rw_cdc_progress";
        assert_eq!(values(&raw.query(progress).await), ["0"]);
        let state = "select i.name from rw_catalog.rw_internal_table_info i join rw_catalog.rw_tables t on t.id = i.job_id where t.name = 'customers'";
        let state = values(&raw.query(state).await).join("");
        let done = format!("select bool_and(backfill_finished) from {state}");
        assert_eq!(values(&raw.query(&done).await), ["f"]);
    });
}
