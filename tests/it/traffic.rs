//! What else travels on a connection: COPY, notices, notifications, function calls, replication.

use std::time::Duration;

use bytes::{BufMut, Bytes};
use futures_util::{SinkExt, StreamExt, pin_mut};
use tokio_postgres::AsyncMessage;

use crate::support::tide::Tide;
use crate::support::wire::{
    Raw, bind, completed, execute, message, parse, query, sqlstates, startup, status, sync, tags,
    values,
};
use crate::support::{program, run, sql, within};

fn copy_data(text: &str) -> Vec<u8> {
    message(b'd', text.as_bytes())
}

fn copy_done() -> Vec<u8> {
    message(b'c', b"")
}

#[test]
fn copy_in_loads_rows() {
    run(async {
        let tide = Tide::start("copy_in").await;
        let client = tide.client().await;
        let sink = client
            .copy_in::<_, Bytes>("COPY notes (body) FROM STDIN")
            .await
            .unwrap();
        pin_mut!(sink);
        for n in 0..1000 {
            let line = format!("note {n}\n");
            sink.send(Bytes::from(line)).await.unwrap();
        }
        assert_eq!(within("the end", sink.finish()).await.unwrap(), 1000);
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM notes").await,
            "1000"
        );
    });
}

#[test]
fn copy_in_over_the_simple_protocol_with_data_sent_ahead() {
    run(async {
        let tide = Tide::start("copy_simple").await;
        let mut raw = tide.raw().await;
        raw.send(&query("COPY notes (body) FROM STDIN")).await;
        assert_eq!(tags(&raw.until('G').await), "G");
        raw.send(&[copy_data("a\nb\n"), copy_data("c\n"), copy_done()].concat())
            .await;
        let frames = raw.until_ready().await;
        assert_eq!(
            (completed(&frames), status(&frames)),
            (vec!["COPY 3".to_owned()], 'I')
        );
        // In a string of statements, each COPY takes its own data.
        raw.send(&query(
            "COPY notes (body) FROM STDIN; SELECT count(*) FROM notes",
        ))
        .await;
        raw.until('G').await;
        raw.send(&[copy_data("d\n"), copy_done()].concat()).await;
        let frames = raw.until_ready().await;
        assert_eq!(
            (tags(&frames), values(&frames)),
            ("CTDCZ".to_owned(), vec!["4".to_owned()])
        );
    });
}

#[test]
fn copy_in_beside_an_analytic_read_in_one_string() {
    run(async {
        let tide = Tide::start("copy_mixed").await;
        let mut raw = tide.raw().await;
        raw.send(&query(
            "SELECT count(*) FROM orders; COPY notes (body) FROM STDIN; SELECT max(id) FROM orders",
        ))
        .await;
        assert_eq!(tags(&raw.until('G').await), "TDCG");
        raw.send(&[copy_data("d\n"), copy_done()].concat()).await;
        let frames = raw.until_ready().await;
        assert_eq!(
            (tags(&frames), completed(&frames)),
            ("CTDCZ".to_owned(), vec!["COPY 1".into(), "SELECT 1".into()])
        );
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["1"]
        );
    });
}

#[test]
fn copy_in_over_the_extended_protocol() {
    run(async {
        let tide = Tide::start("copy_extended").await;
        let mut raw = tide.raw().await;
        let begin = [
            parse("", "COPY notes (body) FROM STDIN"),
            bind("", "", &[]),
            execute("", 0),
        ];
        // libpq sends its Sync before the data; PostgreSQL drops it.
        raw.send(&[begin.concat(), sync()].concat()).await;
        assert_eq!(tags(&raw.until('G').await), "12G");
        raw.send(&[copy_data("x\n"), copy_done(), sync()].concat())
            .await;
        let frames = raw.until_ready().await;
        assert_eq!(
            (tags(&frames), completed(&frames)),
            ("CZ".to_owned(), vec!["COPY 1".to_owned()])
        );
        assert_eq!(tags(&raw.query("SELECT 1").await), "TDCZ");
    });
}

#[test]
fn a_copy_that_the_client_gives_up_leaves_nothing() {
    run(async {
        let tide = Tide::start("copy_fail").await;
        let mut raw = tide.raw().await;
        raw.send(&query("COPY notes (body) FROM STDIN")).await;
        raw.until('G').await;
        raw.send(&[copy_data("a\n"), message(b'f', b"enough\0")].concat())
            .await;
        let frames = raw.until_ready().await;
        assert_eq!(
            (sqlstates(&frames), status(&frames)),
            (vec!["57014".to_owned()], 'I')
        );
        assert!(frames[0].field('M').unwrap().contains("enough"));
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM notes").await),
            ["0"]
        );
    });
}

#[test]
fn a_copy_with_bad_data_fails_and_what_is_left_of_it_is_dropped() {
    run(async {
        let tide = Tide::start("copy_bad").await;
        let mut raw = tide.raw().await;
        raw.send(&query("COPY customers FROM STDIN")).await;
        raw.until('G').await;
        let rest: Vec<u8> = (0..200).flat_map(|_| copy_data("more\n")).collect();
        raw.send(&[copy_data("not a number\tx\ty\n"), rest, copy_done()].concat())
            .await;
        let frames = raw.until_ready().await;
        assert_eq!(sqlstates(&frames), ["22P02"]);
        assert_eq!(
            values(&raw.query("SELECT count(*) FROM customers").await),
            ["3"]
        );
    });
}

#[test]
fn a_large_copy_passes_in_pieces() {
    run(async {
        let tide = Tide::start("copy_large").await;
        let mut raw = tide.raw().await;
        raw.send(&query("COPY notes (body) FROM STDIN")).await;
        raw.until('G').await;
        let line = "w".repeat(8 * 1024 * 1024);
        raw.send(&[copy_data(&format!("{line}\n")), copy_done()].concat())
            .await;
        let frames = raw.until_ready().await;
        assert_eq!(completed(&frames), ["COPY 1"]);
        assert_eq!(
            values(&raw.query("SELECT length(body) FROM notes").await),
            [line.len().to_string()]
        );
    });
}

#[test]
fn copy_out_answers_from_the_side_that_holds_the_relation() {
    run(async {
        let tide = Tide::start("copy_out").await;
        let client = tide.client().await;
        for (text, lines, side) in [
            ("COPY customers TO STDOUT", 3, "oltp"),
            (
                "COPY (SELECT name FROM customers) TO STDOUT (FORMAT csv)",
                3,
                "oltp",
            ),
            ("COPY orders TO STDOUT", 100, "analytic"),
            (
                "COPY (SELECT id FROM orders WHERE id < 11) TO STDOUT",
                10,
                "analytic",
            ),
        ] {
            let stream = client
                .copy_out(text)
                .await
                .unwrap_or_else(|e| panic!("{text}: {e:?}"));
            pin_mut!(stream);
            let mut got = Vec::new();
            while let Some(piece) = within(text, stream.next()).await {
                got.extend_from_slice(&piece.unwrap());
            }
            assert_eq!(
                String::from_utf8(got).unwrap().lines().count(),
                lines,
                "{text}"
            );
            assert_eq!(sql::last_route(&client).await.0, side, "{text}");
        }
    });
}

#[test]
fn copy_into_an_analytic_relation_is_refused_before_any_data() {
    run(async {
        let tide = Tide::start("copy_refused").await;
        let mut raw = tide.raw().await;
        raw.send(&query("COPY orders FROM STDIN")).await;
        let frames = raw.until_ready().await;
        assert_eq!(
            (tags(&frames), sqlstates(&frames)),
            ("EZ".to_owned(), vec!["25006".to_owned()])
        );
        // A client that sent its data ahead is not confused.
        raw.send(
            &[
                query("COPY orders FROM STDIN"),
                copy_data("1\n"),
                copy_done(),
                query("SELECT 1"),
            ]
            .concat(),
        )
        .await;
        assert_eq!(sqlstates(&raw.until_ready().await), ["25006"]);
        assert_eq!(values(&raw.until_ready().await), ["1"]);
    });
}

#[test]
fn notices_come_from_the_side_that_speaks() {
    run(async {
        let tide = Tide::start("notices").await;
        let (client, mut told) = tide.listening_client().await;
        sql::exec(&client, "DO $$ BEGIN RAISE NOTICE 'hello %', 42; END $$").await;
        match within("a notice", told.recv()).await {
            Some(AsyncMessage::Notice(notice)) => assert_eq!(notice.message(), "hello 42"),
            other => panic!("{other:?}"),
        }
        let mut raw = tide.raw().await;
        let frames = raw
            .query("DO $$ BEGIN RAISE WARNING 'one'; RAISE NOTICE 'two'; END $$; SELECT 1")
            .await;
        assert_eq!(tags(&frames), "NNCTDCZ");
    });
}

#[test]
fn notifications_reach_a_client_at_rest() {
    run(async {
        let tide = Tide::start("notify").await;
        let (client, mut told) = tide.listening_client().await;
        sql::exec(&client, "LISTEN harbour").await;
        let other = tide.client().await;
        sql::exec(&other, "NOTIFY harbour, 'high water'").await;
        match within("a notification", told.recv()).await {
            Some(AsyncMessage::Notification(note)) => {
                assert_eq!((note.channel(), note.payload()), ("harbour", "high water"));
            }
            unexpected => panic!("{unexpected:?}"),
        }
        // It is delivered after a transaction too, and not to those who do not listen.
        sql::exec(
            &other,
            "BEGIN; SELECT pg_notify('harbour', 'ebb'); SELECT count(*) FROM orders; COMMIT",
        )
        .await;
        match within("a notification", told.recv()).await {
            Some(AsyncMessage::Notification(note)) => assert_eq!(note.payload(), "ebb"),
            unexpected => panic!("{unexpected:?}"),
        }
        sql::exec(&client, "UNLISTEN harbour").await;
        sql::exec(&other, "NOTIFY harbour, 'nobody'").await;
        sql::exec(&client, "SELECT 1").await;
        assert!(told.try_recv().is_err());
    });
}

#[test]
fn changed_parameters_are_reported() {
    run(async {
        let tide = Tide::start("parameter_changes").await;
        let mut raw = tide.raw().await;
        let frames = raw.query("SET TimeZone = 'Asia/Tokyo'").await;
        assert_eq!(tags(&frames), "CSZ");
        assert_eq!(frames[1].body, b"TimeZone\0Asia/Tokyo\0");
        // What the analytic side reports is its own business.
        assert_eq!(
            tags(&raw.query("SELECT count(*) FROM orders").await),
            "TDCZ"
        );
        let frames = raw.query("SET application_name = 'renamed'").await;
        assert_eq!(frames[1].body, b"application_name\0renamed\0");
    });
}

#[test]
fn settings_that_change_how_values_look_are_in_force_on_both_sides() {
    run(async {
        let tide = Tide::start("settings").await;
        let mut raw = tide.raw().await;
        raw.query("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'")
            .await;
        for table in ["customers", "orders"] {
            let text =
                format!("SELECT '2020-01-02 00:00+00'::timestamptz FROM {table} WHERE id = 1");
            assert_eq!(
                values(&raw.query(&text).await),
                ["02.01.2020 09:00:00 JST"],
                "{table}"
            );
        }
        // Another session that gets the same analytic connection has its own.
        let mut other = tide.raw().await;
        let text = "SELECT '2020-01-02 00:00+00'::timestamptz FROM orders WHERE id = 1";
        assert_eq!(values(&other.query(text).await), ["2020-01-02 01:00:00+01"]);
    });
}

#[test]
fn function_calls_are_the_oltp_servers() {
    run(async {
        let tide = Tide::start("function_call").await;
        let client = tide.client().await;
        let oid = sql::scalar(&client, "SELECT 'int4pl'::regproc::oid").await;
        let mut body = Vec::new();
        body.put_u32(oid.parse().unwrap());
        body.put_slice(&[0, 0, 0, 2]);
        for value in ["19", "23"] {
            body.put_u32(2);
            body.put_slice(value.as_bytes());
        }
        body.put_u16(0);
        let mut raw = tide.raw().await;
        raw.send(&message(b'F', &body)).await;
        let frames = raw.until_ready().await;
        assert_eq!(tags(&frames), "VZ");
        assert_eq!(frames[0].body, b"\0\0\0\x0242");
        raw.send(&message(b'F', &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
            .await;
        let frames = raw.until_ready().await;
        assert_eq!((tags(&frames), status(&frames)), ("EZ".to_owned(), 'I'));
    });
}

#[test]
fn replication_connections_are_the_oltp_servers() {
    run(async {
        let tide = Tide::start("replication").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        let parameters = [
            ("user", "app"),
            ("database", &*tide.sides.database),
            ("replication", "database"),
        ];
        raw.send(&startup(3 << 16, &parameters)).await;
        raw.welcomed().await;
        let frames = raw.query("IDENTIFY_SYSTEM").await;
        assert_eq!(tags(&frames), "TDCZ");
        let row = frames[1].row();
        assert_eq!(row[3].as_deref(), Some(tide.sides.database.as_bytes()));
        assert_eq!(
            tags(
                &raw.query("CREATE_REPLICATION_SLOT harbour TEMPORARY LOGICAL pgoutput")
                    .await
            ),
            "TDCZ"
        );
        raw.send(&message(b'X', b"")).await;
        assert_eq!(raw.rest().await, []);
        let url = format!(
            "host=127.0.0.1 port={} user=app dbname={} replication=database",
            tide.router.port(),
            tide.sides.database
        );
        let told = program::psql(tide.router.port(), "app", &url, &["-c", "IDENTIFY_SYSTEM"]).await;
        assert!(told.out.contains(&tide.sides.database), "{told:?}");
    });
}

#[test]
fn what_the_client_sent_before_it_left_is_still_done() {
    run(async {
        let tide = Tide::start("half_close").await;
        let mut raw = tide.raw().await;
        raw.send(&query("INSERT INTO notes (body) VALUES ('last words')"))
            .await;
        raw.finish().await;
        let server = tide.sides.oltp().await;
        let done = || async { sql::scalar(&server, "SELECT count(*) FROM notes").await == "1" };
        crate::support::eventually("it is written", done).await;
        tokio::time::timeout(Duration::from_secs(30), raw.rest())
            .await
            .unwrap();
    });
}
