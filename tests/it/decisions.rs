//! Where the statements of real clients go, for review.
//!
//! `TIDEGATE_BLESS=1 cargo test --test it decisions` rewrites the snapshot. The scene: every relation the corpus names is on the OLTP side,
//! but `orders` and `page_view`, which are on the analytic side alone; `shop_order` is mirrored, and a rule sends its aggregates over.

use std::path::Path;
use std::sync::Arc;

use tidegate::catalog::{BackendCatalog, Catalog, RelationKind};
use tidegate::config;
use tidegate::routing::{RoutingTable, SessionView, explain};
use tidegate::sql::facts;

use crate::support::corpus;

const ROUTER_YAML: &str = "
backends:
  oltp: { engine: postgres, url: 'postgres://app@127.0.0.1:5432/app' }
  analytic: { engine: risingwave, url: 'postgres://root@127.0.0.1:4566/dev' }
default: oltp
routes:
  - { name: order totals, relations: [shop_order], shape: aggregate, to: analytic }
";

const ANALYTIC_ONLY: [&str; 2] = ["orders", "page_view"];

fn table(corpus: &[String]) -> RoutingTable {
    let loaded = config::parse(
        "router.yaml",
        ROUTER_YAML,
        &|_| None,
        &|_| Ok(String::new()),
    );
    let config = Arc::new(loaded.expect("the file is right").config);
    let (mut oltp, mut analytic) = (BackendCatalog::default(), BackendCatalog::default());
    for statement in corpus {
        for used in facts(statement.as_bytes()).relations {
            let schema = used.name.schema.as_deref().unwrap_or("public");
            let system = schema.starts_with("pg_") || schema == "information_schema";
            let system = system || used.name.name.starts_with("pg_");
            if !ANALYTIC_ONLY.contains(&used.name.name.as_str()) && !system {
                oltp.insert(schema, &used.name.name, RelationKind::Table);
            }
        }
    }
    for name in ANALYTIC_ONLY.iter().chain(&["shop_order"]) {
        analytic.insert("public", name, RelationKind::Table);
    }
    let catalog = Catalog {
        backends: vec![Some(oltp), Some(analytic)],
    };
    RoutingTable::new(config, Arc::new(catalog), 1)
}

#[test]
fn decisions_on_what_clients_send() {
    let corpus = corpus::orm();
    let table = table(&corpus);
    let view = SessionView::new("app", "app", "");
    let mut now = String::new();
    for statement in &corpus {
        let route = explain(statement, &facts(statement.as_bytes()), &view, &table);
        let text: Vec<&str> = statement.split_whitespace().collect();
        let target = route.target.as_deref().unwrap_or("REFUSED");
        let rule = route.rule.as_deref().unwrap_or("-");
        now.push_str(&format!(
            "{target:<8} {:<24} {rule:<22} {}\n",
            route.reason,
            text.join(" ")
        ));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/decisions.txt");
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(&path, &now).expect("the snapshot can be written");
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    for (old, new) in reviewed.lines().zip(now.lines()) {
        assert_eq!(old, new);
    }
    assert_eq!(
        reviewed, now,
        "TIDEGATE_BLESS=1 rewrites tests/snapshots/decisions.txt"
    );
}
