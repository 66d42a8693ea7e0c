//! The commands, as a shell sees them.

use serde_json::Value;

use crate::support::postgres::free_port;
use crate::support::program::{self, Finished, folder, shown};
use crate::support::tide::Setup;
use crate::support::{run, sql};

/// A router.yaml in a folder of its own.
struct File {
    _folder: tempfile::TempDir,
    path: String,
}

fn file(yaml: &str) -> File {
    let folder = folder(&[("router.yaml", yaml)]);
    let path = shown(&folder.path().join("router.yaml"));
    File {
        _folder: folder,
        path,
    }
}

async fn check(yaml: &str) -> Finished {
    let file = file(yaml);
    program::run(&["check", "--offline", "-c", &file.path]).await
}

const RULES: &str = "
backends:
  oltp: { engine: postgres, url: 'postgres://app@127.0.0.1:1/app' }
  analytic: { engine: postgres, url: 'postgres://app@127.0.0.1:1/app' }
default: oltp
auth: { method: trust }
routes:
  - { name: dash, relations: [orders], to: analytic }
";

#[test]
fn version_and_help_are_told() {
    run(async {
        let told = program::run(&["version"]).await;
        assert_eq!(
            (told.code, told.out.trim()),
            (Some(0), concat!("tidegate ", env!("CARGO_PKG_VERSION")))
        );
        for command in [
            "serve", "check", "explain", "replay", "schema", "demo", "version",
        ] {
            let told = program::run(&[command, "--help"]).await;
            assert_eq!(told.code, Some(0), "{command}");
            assert!(told.out.contains("Usage"), "{command}: {told:?}");
        }
        assert_eq!(program::run(&["fly"]).await.code, Some(2));
    });
}

#[test]
fn the_schema_is_the_committed_one() {
    run(async {
        let told = program::run(&["schema"]).await;
        assert_eq!(told.code, Some(0));
        let told: Value = serde_json::from_str(&told.out).unwrap();
        let committed = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/docs/router.schema.json"
        ))
        .unwrap();
        let committed: Value = serde_json::from_str(&committed).unwrap();
        assert!(
            told == committed,
            "tidegate schema > docs/router.schema.json"
        );
    });
}

#[test]
fn check_of_a_good_file_says_so() {
    run(async {
        let setup = Setup::new("check_ok")
            .await
            .more("routes: [{ relations: [orders], to: analytic }]");
        let file = file(&setup.yaml());
        for arguments in [
            &["check", "-c", &file.path][..],
            &["check", "--offline", "-c", &file.path],
        ] {
            let told = program::run(arguments).await;
            assert_eq!(told.code, Some(0), "{told:?}");
            assert!(
                told.out.contains("ok") && told.out.contains("1 rule,"),
                "{told:?}"
            );
            assert_eq!(told.err, "", "nothing to complain of");
        }
    });
}

#[test]
fn check_lists_every_problem_with_its_place() {
    run(async {
        let told = check(
            "listen: nowhere\nbackends:\n  oltp: { engine: mysql, url: 'postgres://127.0.0.1/app' }\n  analytic: { engine: \
             risingwave, url: 'postgres://127.0.0.1/dev', pool: { sise: 3 } }\ndefault: moon\ndiscover: soon\nrouts: []\n\
             auth: { users: { app: { password: '${TIDEGATE_TEST_NOT_SET}' } } }\n",
        )
        .await;
        assert_eq!((told.code, &*told.out), (Some(2), ""), "{told:?}");
        let lines: Vec<&str> = told.err.lines().collect();
        for (line, words) in [
            (1, &["listen", "host:port"][..]),
            (3, &["backends.oltp.engine", "mysql", "postgres"]),
            (4, &["sise", "size"]),
            (5, &["default", "oltp, analytic"]),
            (6, &["discover", "duration"]),
            (7, &["routs", "routes"]),
            (8, &["TIDEGATE_TEST_NOT_SET"]),
        ] {
            let place = format!("router.yaml:{line}:");
            let found = lines
                .iter()
                .any(|l| l.contains(&place) && words.iter().all(|word| l.contains(word)));
            assert!(found, "{place} {words:?}: {}", told.err);
        }
    });
}

#[test]
fn check_refuses_single_mistakes() {
    run(async {
        for (yaml, words) in [
            (
                RULES.replace("to: analytic", "to: analitic"),
                &["routes[0].to", "analytic"][..],
            ),
            (
                RULES.replace("default: oltp\n", "default: oltp\ndefault: analytic\n"),
                &["default"],
            ),
            (
                RULES.replace(
                    "auth: { method: trust }",
                    "tls: { cert: /nowhere.pem, key: /nowhere.key }",
                ),
                &["/nowhere.pem"],
            ),
            (
                RULES.replace("auth: { method: trust }", "listen: 0.0.0.0:1"),
                &["auth"],
            ),
            (
                RULES.replace(
                    "method: trust",
                    "users: { a: { password: 'file:/nowhere/secret' } }",
                ),
                &["auth.users.a.password", "cannot be read"],
            ),
            ("\tbackends".to_owned(), &["router.yaml:1"]),
            (String::new(), &["backends"]),
        ] {
            let told = check(&yaml).await;
            assert_eq!(told.code, Some(2), "{yaml}: {told:?}");
            assert!(
                words.iter().all(|word| told.err.contains(word)),
                "{yaml}: {}",
                told.err
            );
            assert!(!told.err.contains("panicked"));
        }
        let told = program::run(&["check", "-c", "/nowhere/router.yaml"]).await;
        assert_eq!(
            (told.code, told.err.lines().count()),
            (Some(2), 1),
            "{told:?}"
        );
    });
}

#[test]
fn check_warns_of_rules_that_never_match() {
    run(async {
        let told = check(&format!(
            "{RULES}  - {{ name: late, relations: [orders], to: oltp }}\n"
        ))
        .await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(
            told.err.contains("routes[1]") && told.err.contains("warning"),
            "{told:?}"
        );
    });
}

#[test]
fn check_asks_the_backends_for_what_rules_name() {
    run(async {
        let rules = "routes:\n  - { relations: [orders, phantoms], to: analytic }\n  - { relations: [customers], to: analytic }";
        let setup = Setup::new("check_names").await.more(rules);
        let good = file(&setup.yaml());
        let told = program::run(&["check", "-c", &good.path]).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(
            told.err.contains("phantoms") && told.err.contains("customers"),
            "{told:?}"
        );
        assert!(!told.err.contains("\"orders\""), "{told:?}");
        let yaml = setup.analytic_port(free_port()).yaml();
        let down = file(&yaml);
        let told = program::run(&["check", "-c", &down.path]).await;
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(
            told.err.contains("backends.analytic") && told.err.contains("cannot be read"),
            "{told:?}"
        );
        assert_eq!(
            program::run(&["check", "--offline", "-c", &down.path])
                .await
                .code,
            Some(0)
        );
    });
}

/// The lines of `explain --json` as JSON.
async fn explained(arguments: &[&str], input: &str) -> Vec<Value> {
    let file = file(RULES);
    let all = [
        &["explain", "-c", &file.path, "--offline", "--json"],
        arguments,
    ]
    .concat();
    let told = program::run_with(&all, input.as_bytes()).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    told.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn explain_prints_one_object_a_statement_with_the_agreed_keys() {
    run(async {
        let told = explained(
            &[
                "insert into orders values (1); select * from orders",
                "SELEC 1",
            ],
            "",
        )
        .await;
        assert_eq!(told.len(), 3);
        let keys = [
            "kind",
            "parsed_by",
            "reads",
            "reason",
            "refused",
            "relations",
            "rule",
            "shape",
            "statement",
            "target",
            "took_ns",
            "writes",
        ];
        for one in &told {
            let mut found: Vec<&str> = one
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            found.sort_unstable();
            assert_eq!(found, keys);
        }
        assert_eq!(told[0]["statement"], "insert into orders values (1)");
        assert_eq!(
            (&told[0]["kind"], &told[0]["target"]),
            (&"insert".into(), &Value::Null)
        );
        assert_eq!(told[0]["rule"], "routes[0] dash");
        assert_eq!(told[0]["reason"], "write_on_analytic");
        let refused = told[0]["refused"].as_object().unwrap();
        let found: Vec<&str> = refused.keys().map(String::as_str).collect();
        assert_eq!(found, ["detail", "hint", "message", "sqlstate"]);
        assert_eq!(refused["sqlstate"], "25006");
        assert_eq!(
            (&told[1]["target"], &told[1]["refused"]),
            (&"analytic".into(), &Value::Null)
        );
        assert_eq!(told[1]["reads"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&told[2]["target"], &told[2]["parsed_by"]),
            (&"oltp".into(), &"tokens".into())
        );
    });
}

#[test]
fn explain_reads_standard_input() {
    run(async {
        let told = explained(
            &["-"],
            "select ';' from orders;\n-- a comment\ndelete from orders;\n\n;",
        )
        .await;
        let targets: Vec<&Value> = told.iter().map(|one| &one["target"]).collect();
        assert_eq!(targets, [&Value::from("analytic"), &Value::Null]);
        let told = explained(
            &["-0", "-"],
            "select 1;\n select 2\0\0 delete from orders\0",
        )
        .await;
        assert_eq!(told.len(), 2);
        assert_eq!(told[1]["statement"], "delete from orders");
    });
}

#[test]
fn explain_in_words() {
    run(async {
        let file = file(RULES);
        let told = program::run(&[
            "explain",
            "-c",
            &file.path,
            "--offline",
            "delete from orders",
        ])
        .await;
        assert_eq!(told.code, Some(0));
        for piece in [
            "delete from orders",
            "refused",
            "25006",
            "routes[0] dash",
            "hint",
            "write_on_analytic",
        ] {
            assert!(told.out.contains(piece), "{piece}: {}", told.out);
        }
        assert!(
            !told.out.contains('\u{1b}'),
            "no colour where nobody sees it"
        );
        assert_eq!(
            program::run(&["explain", "-c", &file.path, "--offline"])
                .await
                .code,
            Some(2)
        );
    });
}

#[test]
fn explain_asks_the_backends_unless_told_not_to() {
    run(async {
        let rule = "routes: [{ relations: [products], users: [bi_anna], to: analytic }]";
        let setup = Setup::new("explain_online").await.more(rule);
        sql::exec(
            &setup.sides().analytic().await,
            "CREATE SCHEMA lake; CREATE TABLE lake.customers (id int)",
        )
        .await;
        let good = file(&setup.yaml());
        let target = async |arguments: &[&str]| {
            let all = [&["explain", "-c", &good.path, "--json"], arguments].concat();
            let told = program::run(&all).await;
            assert_eq!(told.code, Some(0), "{told:?}");
            let one: Value = serde_json::from_str(told.out.trim()).unwrap();
            one["target"].as_str().unwrap_or("refused").to_owned()
        };
        assert_eq!(target(&["select * from orders"]).await, "analytic");
        assert_eq!(target(&["select * from products"]).await, "oltp");
        assert_eq!(
            target(&["--user", "bi_anna", "select * from products"]).await,
            "analytic"
        );
        assert_eq!(
            target(&["--search-path", "lake, public", "select * from customers"]).await,
            "analytic"
        );
        assert_eq!(
            target(&["--database", "other", "select * from orders"]).await,
            "oltp"
        );
        let down = file(&setup.oltp_port(free_port()).yaml());
        let told = program::run(&["explain", "-c", &down.path, "select 1"]).await;
        assert_eq!(told.code, Some(2));
        assert!(told.err.contains("--offline"), "{told:?}");
    });
}

#[test]
fn what_cannot_be_served_is_one_clear_line() {
    run(async {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        for key in ["listen", "http"] {
            let mut yaml =
                format!("{RULES}{key}: '{address}'\ndiscover: off\nlog: {{ level: error }}\n");
            if key == "http" {
                yaml.push_str("listen: 127.0.0.1:0\n");
            }
            let file = file(&yaml);
            let told = program::run(&["serve", "-c", &file.path]).await;
            assert_eq!(told.code, Some(2), "{told:?}");
            assert_eq!(told.err.lines().count(), 1, "{told:?}");
            assert!(
                told.err.contains(&address) && told.err.contains("in use"),
                "{told:?}"
            );
        }
        let secret = RULES.replace(
            "method: trust",
            "users: { a: { password: 'file:nowhere.txt' } }",
        );
        let file = file(&secret);
        let told = program::run(&["serve", "-c", &file.path]).await;
        assert_eq!(
            (told.code, told.err.lines().count()),
            (Some(2), 1),
            "{told:?}"
        );
        let place = "router.yaml:6:33: auth.users.a.password: the secret file cannot be read";
        assert!(told.err.contains(place), "{told:?}");
    });
}
