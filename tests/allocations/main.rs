//! Does deciding a statement seen before allocate, and does the cache of statements keep within its bytes?
//!
//! A binary of its own, as it counts what the whole process allocates, thread by thread.

use std::sync::Arc;

use allocation_counter::measure;
use tidegate::catalog::{BackendCatalog, Catalog, RelationKind};
use tidegate::config;
use tidegate::routing::{RoutingTable, SessionView, decide};
use tidegate::session::facts_cache::FactsCache;
use tidegate::sql::Dialect;
use tidegate::telemetry::metrics::Metrics;

const ROUTER_YAML: &str = "
backends:
  oltp: { engine: postgres, url: 'postgres://app@127.0.0.1:5432/app' }
  analytic: { engine: risingwave, url: 'postgres://root@127.0.0.1:4566/dev' }
default: oltp
routes:
  - { relations: [customers], shape: aggregate, to: analytic }
";

fn table() -> RoutingTable {
    let loaded = config::parse(
        "router.yaml",
        ROUTER_YAML,
        &|_| None,
        &|_| Ok(String::new()),
    );
    let config = Arc::new(loaded.expect("the file is right").config);
    let (mut oltp, mut analytic) = (BackendCatalog::default(), BackendCatalog::default());
    for name in ["accounts", "customers"] {
        oltp.insert("public", name, RelationKind::Table);
    }
    for name in ["orders", "customers"] {
        analytic.insert("public", name, RelationKind::Table);
    }
    let catalog = Catalog {
        backends: vec![Some(oltp), Some(analytic)],
    };
    RoutingTable::new(config, Arc::new(catalog), 1)
}

#[test]
fn a_statement_seen_before_is_decided_without_allocating() {
    let (table, view) = (table(), SessionView::new("app", "app", ""));
    let cache = FactsCache::new(0, Metrics::new());
    let mut scratch = Vec::new();
    for (seen, again) in [
        (
            "SELECT \"accounts\".\"id\", \"accounts\".\"name\" FROM \"accounts\" WHERE \"accounts\".\"id\" = 1 LIMIT 21",
            "SELECT \"accounts\".\"id\", \"accounts\".\"name\" FROM \"accounts\" WHERE \"accounts\".\"id\" = 9 LIMIT 21",
        ),
        (
            "SELECT state, count(*), sum(qty * price) FROM orders WHERE day > '2026-01-01' GROUP BY state ORDER BY 2",
            "SELECT state, count(*), sum(qty * price) FROM orders WHERE day > '2026-02-02' GROUP BY state ORDER BY 2",
        ),
        (
            "UPDATE accounts SET balance = balance + 100, changed = now() WHERE id = 12345 AND owner = 'somebody'",
            "UPDATE accounts SET balance = balance + 200, changed = now() WHERE id = 54321 AND owner = 'else'",
        ),
        (
            "SELECT c.region, avg(o.total) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.region",
            "SELECT c.region, avg(o.total) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.region",
        ),
    ] {
        for _ in 0..3 {
            let facts = cache.facts(seen.as_bytes(), Dialect::default(), &mut scratch);
            assert!(decide(&facts, &view, &table).outcome.is_ok(), "{seen}");
        }
        let counted = measure(|| {
            let facts = cache.facts(again.as_bytes(), Dialect::default(), &mut scratch);
            drop(decide(&facts, &view, &table));
        });
        assert_eq!(counted.count_total, 0, "{again}");
    }
}

#[test]
fn a_client_that_sends_only_new_statements_fills_no_more_than_the_cache() {
    const BOUND: usize = 1024 * 1024;
    let cache = FactsCache::new(BOUND, Metrics::new());
    let mut scratch = Vec::new();
    let counted = measure(|| {
        for i in 0..10_000 {
            let text = format!("select column_{i}, other from table_{i} where c = {i}");
            drop(cache.facts(text.as_bytes(), Dialect::default(), &mut scratch));
        }
    });
    // Facts are weighed by an estimate; it may be wrong, but not by much.
    let kept = usize::try_from(counted.bytes_current).unwrap_or(0);
    assert!(kept < 2 * BOUND, "{kept} bytes for {BOUND}");
}
