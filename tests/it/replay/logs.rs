//! The forms of a log, whole and torn.

use serde_json::Value;

use super::{Replay, TO_ANALYTIC};
use crate::support::run;

const PLAIN: &str = include_str!("postgres.log");
const CSV: &str = include_str!("postgres.csv");

/// Statement, user and count of each change.
fn told(changes: &[Value]) -> Vec<(String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    changes
        .iter()
        .map(|one| {
            (
                text(&one["statement"]),
                text(&one["user"]),
                one["count"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_csv_log_and_the_plain_log_of_a_server_tell_the_same() {
    run(async {
        let one = |statement: &str, count| (statement.to_owned(), "app".to_owned(), count);
        let wanted = [
            one("create table orders (id int primary key, note text)", 1),
            one(
                "insert into orders values (1, 'a \"quoted\" word,\n\twith a tab\n2026-11-23 05:10:09 on the next line')",
                1,
            ),
            one("update orders set note = 'b' where id = 1", 1),
            one(
                "insert into orders values (floor(random() * 1e9)::int, 'p')",
                3,
            ),
            one("select count(*)\nfrom orders\nwhere note <> 'x'", 1),
            one("select nowhere from orders", 1),
            one("select * from orders where id = 1", 3),
        ];
        for (log, format) in [(PLAIN, "stderr"), (CSV, "csv")] {
            let replay = Replay::rules(log, "", TO_ANALYTIC);
            for arguments in [&[][..], &["--format", format]] {
                let (changes, summary, code) = replay.json(arguments).await;
                assert_eq!(told(&changes), wanted, "{format}");
                assert_eq!(code, Some(1));
                assert_eq!(summary["statements"], 16, "{format}");
                assert_eq!(summary["unreadable"], 0, "{format}");
                assert!(summary["other_messages"].as_u64().unwrap() > 10);
            }
        }
    });
}

#[test]
fn rules_see_the_user_database_and_application_that_the_log_tells() {
    run(async {
        let rule = "{ relations: [carts], users: [bi_*], databases: [shop], to: analytic }";
        for log in [PLAIN, CSV] {
            let (changes, _, code) = Replay::rules(log, "", rule).json(&[]).await;
            let found = told(&changes);
            let wanted = [
                ("delete from carts where id = 9", 1),
                ("select count(*) from carts", 2),
            ];
            let wanted = wanted.map(|(text, n)| (text.to_owned(), "bi_anna".to_owned(), n));
            assert_eq!((found.as_slice(), code), (&wanted[..], Some(1)));
        }
        let rule = "{ relations: [orders], applications: [pgbench], to: analytic }";
        let (changes, ..) = Replay::rules(CSV, "", rule).json(&[]).await;
        assert_eq!(changes.len(), 2, "{changes:?}");
        let (changes, ..) = Replay::rules(PLAIN, "", rule)
            .json(&["--application", "pgbench"])
            .await;
        assert_eq!(changes.len(), 7, "the plain log tells no application");
    });
}

#[test]
fn torn_records_are_counted_and_what_follows_them_is_read() {
    run(async {
        // The log was rotated within a record, and the server crashed within another and went on.
        let whole = CSV
            .lines()
            .position(|line| line.contains("insert into orders values (1,"))
            .unwrap();
        let lines: Vec<&str> = CSV.lines().collect();
        let torn = [
            &lines[whole + 1..whole + 4],
            &lines[whole..=whole],
            &lines[whole + 4..],
        ]
        .concat();
        let (changes, summary, _) = Replay::rules(&torn.join("\n"), "", TO_ANALYTIC)
            .json(&[])
            .await;
        assert_eq!(summary["unreadable"], 3, "{summary}");
        assert_eq!(summary["first_unreadable"], 1);
        let texts = told(&changes);
        assert!(
            !texts.iter().any(|(text, ..)| text.contains("quoted")),
            "{texts:?}"
        );
        assert!(
            texts
                .iter()
                .any(|(text, ..)| text.starts_with("select count(*)\nfrom orders")),
            "{texts:?}"
        );

        let torn = format!("\trest of an entry');\nnoise\n{PLAIN}");
        let replay = Replay::rules(&torn, "", TO_ANALYTIC);
        let (changes, summary, _) = replay.json(&[]).await;
        assert_eq!(
            (changes.len(), &summary["unreadable"]),
            (7, &2.into()),
            "{summary}"
        );
        let shown = replay.offline(&[]).await.out;
        assert!(
            shown.contains("2 lines or statements could not be read, the first on line 1"),
            "{shown}"
        );
    });
}

#[test]
fn lines_that_are_no_statement_are_counted_and_the_others_are_read() {
    run(async {
        let log = "nonsense\nselect * from orders\r\n-- a comment\n;;\nselect 1; delete from orders; gibberish here\n";
        let (changes, summary, code) = Replay::rules(log, "", TO_ANALYTIC).json(&[]).await;
        assert_eq!((told(&changes).len(), code), (2, Some(1)));
        assert_eq!(summary["unreadable"], 2, "{summary}");
        assert_eq!(summary["statements"], 3, "{summary}");
    });
}
