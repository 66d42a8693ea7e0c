//! How long does a decision take once the facts are known, and how long does the whole way take for a statement seen before?

#[path = "../tests/it/support/corpus.rs"]
#[allow(dead_code, reason = "the benchmarks use a part of it")]
mod corpus;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate::catalog::{BackendCatalog, Catalog, RelationKind};
use tidegate::config;
use tidegate::routing::{RoutingTable, SessionView, decide};
use tidegate::session::facts_cache::FactsCache;
use tidegate::sql::{Dialect, facts};
use tidegate::telemetry::metrics::Metrics;

const ROUTER_YAML: &str = "
backends:
  oltp: { engine: postgres, url: 'postgres://app@127.0.0.1:5432/app' }
  analytic: { engine: risingwave, url: 'postgres://root@127.0.0.1:4566/dev' }
default: oltp
";

/// A scene with so many relations on the OLTP side, `orders` on the analytic one, and so many rules that match none of them.
fn table(relations: usize, rules: usize) -> RoutingTable {
    let mut text = String::from(ROUTER_YAML);
    if rules > 0 {
        text.push_str("routes:\n");
    }
    for rule in 0..rules {
        text.push_str(&format!(
            "  - {{ relations: [rule_{rule}], to: analytic }}\n"
        ));
    }
    let loaded = config::parse("router.yaml", &text, &|_| None, &|_| Ok(String::new()));
    let config = Arc::new(loaded.expect("the file is right").config);
    let (mut oltp, mut analytic) = (BackendCatalog::default(), BackendCatalog::default());
    for relation in 0..relations {
        oltp.insert("public", &format!("table_{relation}"), RelationKind::Table);
    }
    oltp.insert("public", "accounts", RelationKind::Table);
    analytic.insert("public", "orders", RelationKind::Table);
    let catalog = Catalog {
        backends: vec![Some(oltp), Some(analytic)],
    };
    RoutingTable::new(config, Arc::new(catalog), 1)
}

fn bench(c: &mut Criterion) {
    let view = SessionView::new("app", "app", "");
    let mut group = c.benchmark_group("decide");
    let small = table(100, 3);
    let large = table(50_000, 100);
    for (name, text) in [
        (
            "oltp point read",
            "select abalance from accounts where aid = $1",
        ),
        (
            "analytic aggregate",
            "select state, sum(qty * price) from orders group by 1 limit 5",
        ),
        ("refused write", "insert into orders values (1)"),
    ] {
        let facts = facts(text.as_bytes());
        group.bench_function(name, |b| {
            b.iter(|| decide(black_box(&facts), &view, &small))
        });
        group.bench_function(format!("{name}, 50,000 relations and 100 rules"), |b| {
            b.iter(|| decide(black_box(&facts), &view, &large));
        });
    }
    let corpus = corpus::orm();
    let cache = FactsCache::new(0, Metrics::new());
    let mut scratch = Vec::new();
    group.throughput(Throughput::Elements(corpus.len() as u64));
    group.bench_function("orm corpus, facts from the cache", |b| {
        b.iter(|| {
            for text in &corpus {
                let facts =
                    cache.facts(black_box(text.as_bytes()), Dialect::default(), &mut scratch);
                black_box(decide(&facts, &view, &small));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
