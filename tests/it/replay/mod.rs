//! A query log against two router.yaml files.
//!
//! `postgres.log` and `postgres.csv` were written by one PostgreSQL 15.20 at once (`log_destination = 'stderr,csvlog'`, `log_statement = all`,
//! Debian's `log_line_prefix`), for psql and for `pgbench -M prepared`.

mod logs;

use std::fmt::Write as _;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::postgres::free_port;
use crate::support::program::{self, Finished, folder, shown};
use crate::support::run;
use crate::support::tide::Setup;

const BACKENDS: &str = "
backends:
  oltp: { engine: postgres, url: 'postgres://app@127.0.0.1:1/shop' }
  analytic: { engine: postgres, url: 'postgres://app@127.0.0.1:2/lake' }
default: oltp
auth: { method: trust }
";

/// A log and two files in a folder of their own.
struct Replay {
    folder: TempDir,
}

impl Replay {
    fn new(log: &str, from: &str, to: &str) -> Self {
        let folder = folder(&[("log", log), ("from.yaml", from), ("to.yaml", to)]);
        Self { folder }
    }

    /// Two files that differ in their rules.
    fn rules(log: &str, from: &str, to: &str) -> Self {
        let with = |rules: &str| format!("{BACKENDS}routes: [{rules}]\n");
        Self::new(log, &with(from), &with(to))
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        let path = |name: &str| shown(&self.folder.path().join(name));
        let (log, from, to) = (path("log"), path("from.yaml"), path("to.yaml"));
        let all = ["replay", &log, "--from", &from, "--to", &to];
        program::run(&[&all, arguments].concat()).await
    }

    async fn offline(&self, arguments: &[&str]) -> Finished {
        self.run(&[&["--offline"], arguments].concat()).await
    }

    /// The changes and the summary, and the exit code.
    async fn json(&self, arguments: &[&str]) -> (Vec<Value>, Value, Option<i32>) {
        let told = self.offline(&[&["--json"], arguments].concat()).await;
        let lines = told.out.lines().map(serde_json::from_str::<Value>);
        let mut lines: Vec<Value> = lines.map(Result::unwrap).collect();
        let last = lines.pop().unwrap_or_else(|| panic!("{told:?}"));
        (lines, last["summary"].clone(), told.code)
    }
}

const TO_ANALYTIC: &str = "{ name: dash, relations: [orders], to: analytic }";

#[test]
fn a_write_that_would_be_refused_fails_and_statements_that_differ_in_literals_are_told_once() {
    run(async {
        let log = "select * from carts;\ninsert into orders values (1)\ninsert into orders values (22);\n\nselect count(*) from orders\n";
        let told = Replay::rules(log, "", TO_ANALYTIC).offline(&[]).await;
        assert_eq!(told.code, Some(1), "{told:?}");
        let wanted = "\
! insert into orders values (1)
    newly refused; 2 times, first on line 2, app@shop
    was  oltp, write
    now  refused, write_on_analytic, routes[0] dash
         cannot execute INSERT on analytic relation \"orders\" (25006)
  select count(*) from orders
    elsewhere; once, first on line 5, app@shop
    was  oltp, unknown_relation
    now  analytic, rule, routes[0] dash
4 statements (3 distinct): 3 would change, 2 of them dangerously
";
        assert_eq!(told.out, wanted);
        assert_eq!(told.err, "");
    });
}

#[test]
fn reads_that_move_and_rules_that_are_renamed_do_not_fail() {
    run(async {
        let log = "select * from orders\nselect * from carts\nbegin\nset work_mem = '8MB'\n";
        let told = Replay::rules(log, "", TO_ANALYTIC).offline(&[]).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(told.out.contains("1 would change, 0 of them"), "{told:?}");
        let renamed = TO_ANALYTIC.replace("dash", "boards");
        let (changes, summary, code) = Replay::rules(log, TO_ANALYTIC, &renamed).json(&[]).await;
        assert_eq!((changes.len(), code), (0, Some(0)));
        assert_eq!(
            (&summary["statements"], &summary["changed"]),
            (&4.into(), &0.into())
        );
    });
}

#[test]
fn a_write_that_is_no_longer_refused_is_told_and_does_not_fail() {
    run(async {
        let told = Replay::rules("delete from orders\n", TO_ANALYTIC, "")
            .offline(&[])
            .await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(told.out.contains("no longer refused"), "{told:?}");
    });
}

#[test]
fn a_read_that_would_be_refused_fails_too() {
    run(async {
        let told = Replay::rules("select * from orders, carts\n", "", TO_ANALYTIC)
            .offline(&[])
            .await;
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(told.out.contains("mixed_backends"), "{told:?}");
    });
}

#[test]
fn another_server_or_database_behind_the_same_name_is_elsewhere_and_another_name_is_not() {
    run(async {
        let log = "insert into carts values (1)\nselect * from carts\nselect nextval('s')\nexecute later\ncommit\n";
        let from = format!("{BACKENDS}routes: []\n");
        for to in [
            from.replace(":1/shop", ":3/shop"),
            format!("{from}databases: [{{ name: shop, to: shop_v2 }}]\n"),
        ] {
            let (changes, _, code) = Replay::new(log, &from, &to).json(&[]).await;
            assert_eq!(code, Some(1), "{to}");
            let risks: Vec<(&str, Option<&str>)> = changes
                .iter()
                .map(|one| (one["statement"].as_str().unwrap(), one["risk"].as_str()))
                .collect();
            let wanted = [
                ("insert into carts values (1)", Some("elsewhere")),
                ("select nextval('s')", Some("elsewhere")),
                ("execute later", Some("elsewhere")),
                ("select * from carts", None),
                ("commit", None),
            ];
            assert_eq!(risks, wanted, "{to}");
        }
        let renamed = from.replace("oltp", "main");
        let (changes, _, code) = Replay::new(log, &from, &renamed).json(&[]).await;
        assert_eq!((changes.len(), code), (0, Some(0)));
    });
}

#[test]
fn a_change_in_json_has_both_explanations() {
    run(async {
        let replay = Replay::rules("insert into orders values (1)\n", "", TO_ANALYTIC);
        let (changes, summary, code) = replay.json(&["--user", "bi_anna"]).await;
        assert_eq!((changes.len(), code), (1, Some(1)));
        let change = &changes[0];
        assert_eq!((&change["count"], &change["line"]), (&1.into(), &1.into()));
        assert_eq!(change["user"], "bi_anna");
        assert_eq!(
            (&change["write"], &change["risk"]),
            (&true.into(), &"refused".into())
        );
        assert_eq!(change["from"]["target"], "oltp");
        assert_eq!(change["to"]["target"], Value::Null);
        assert_eq!(change["to"]["refused"]["sqlstate"], "25006");
        assert_eq!(change["to"]["rule"], "routes[0] dash");
        assert_eq!(summary["risky"], 1);
    });
}

#[test]
fn the_catalogs_are_asked_unless_told_not_to() {
    run(async {
        let setup = Setup::new("replay_online").await;
        let from = setup.yaml();
        let to = setup.more("routes: [{ relations: [customers, orders], to: analytic }]");
        let replay = Replay::new(
            "insert into customers values (9)\nselect * from orders\n",
            &from,
            &to.yaml(),
        );
        // Only the default backend has `customers`, so the rule does not hold for it.
        let told = replay.run(&[]).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(told.out.contains(": 0 would change"), "{told:?}");
        assert_eq!(replay.offline(&[]).await.code, Some(1));
        let down = to.analytic_port(free_port());
        let told = Replay::new("select 1\n", &from, &down.yaml())
            .run(&[])
            .await;
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(
            told.err
                .contains("to.yaml: backend \"analytic\" cannot be read"),
            "{told:?}"
        );
    });
}

#[test]
fn bad_input_is_told_and_exits_with_2() {
    run(async {
        let good = format!("{BACKENDS}routes: []\n");
        for (log, from, to, words) in [
            ("", &*good, &*good, "no statement found"),
            ("\n \n", &good, &good, "no statement found"),
            ("hello\nwhat is this\n", &good, &good, "no statement found"),
            ("select 1\n", "listen: x", &good, "from.yaml"),
            ("select 1\n", &good, "listen: x", "to.yaml"),
        ] {
            let told = Replay::new(log, from, to).offline(&[]).await;
            assert_eq!(told.code, Some(2), "{log}: {told:?}");
            assert!(told.err.contains(words), "{log}: {told:?}");
            assert!(!told.err.contains("panicked"));
        }
        let replay = Replay::new("select 1\n", &good, &good);
        std::fs::remove_file(replay.folder.path().join("log")).unwrap();
        let told = replay.offline(&[]).await;
        assert_eq!(
            (told.code, told.err.lines().count()),
            (Some(2), 1),
            "{told:?}"
        );
        assert!(told.err.contains("cannot be read"), "{told:?}");
        assert_eq!(replay.offline(&["--format", "xml"]).await.code, Some(2));
    });
}

#[test]
fn standard_input_and_statements_that_a_terminal_must_not_obey() {
    run(async {
        let replay = Replay::rules("", "", TO_ANALYTIC);
        let path = |name: &str| shown(&replay.folder.path().join(name));
        let arguments = [
            "replay",
            "-",
            "--offline",
            "--from",
            &path("from.yaml"),
            "--to",
            &path("to.yaml"),
        ];
        let mut log =
            String::from("insert into orders values ('\u{1b}[2J\u{7}') ;  delete\tfrom orders\n");
        let _ = writeln!(log, "update orders set state = '{}'", "x".repeat(5000));
        let told = program::run_with(&arguments, log.as_bytes()).await;
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(
            told.out.contains("! insert into orders values ('?[2J?')\n"),
            "{told:?}"
        );
        assert!(told.out.contains("! delete from orders\n"), "{told:?}");
        assert!(
            told.out.lines().all(|line| line.chars().count() < 200),
            "{told:?}"
        );
    });
}
