//! How long does a decision take once the facts are known, and how long does the whole way take for a statement seen before?

#[path = "../tests/it/support/corpus.rs"]
#[allow(dead_code, reason = "the benchmarks use a part of it")]
mod corpus;
mod scene;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate::routing::{SessionView, decide};
use tidegate::session::facts_cache::FactsCache;
use tidegate::sql::{Dialect, facts};
use tidegate::telemetry::metrics::Metrics;

fn bench(c: &mut Criterion) {
    let view = SessionView::new("app", "app", "");
    let mut group = c.benchmark_group("decide");
    let small = scene::table(100, 3);
    let large = scene::table(50_000, 1_000);
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
        group.bench_function(format!("{name}, 50,000 relations and 1,000 rules"), |b| {
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
