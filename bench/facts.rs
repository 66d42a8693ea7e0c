//! How long do facts take for what clients send? A miss of the statement cache costs this much.

#[path = "../tests/it/support/corpus.rs"]
#[allow(dead_code, reason = "the benchmarks use a part of it")]
mod corpus;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate::sql::{facts, split};

fn bench(c: &mut Criterion) {
    let corpus = corpus::orm();
    let mut group = c.benchmark_group("facts");
    group.throughput(Throughput::Elements(corpus.len() as u64));
    group.bench_function("orm corpus", |b| {
        b.iter(|| {
            for text in &corpus {
                black_box(facts(black_box(text.as_bytes())));
            }
        });
    });
    let point = "SELECT \"orders\".* FROM \"orders\" WHERE \"orders\".\"id\" = $1 LIMIT $2";
    group.throughput(Throughput::Elements(1));
    group.bench_function("point read", |b| {
        b.iter(|| black_box(facts(black_box(point.as_bytes()))))
    });
    group.bench_function("begin", |b| {
        b.iter(|| black_box(facts(black_box(b"BEGIN"))))
    });
    let hostile = format!("select {} a from t", "a or ".repeat(200_000));
    group.bench_function("hostile megabyte", |b| {
        b.iter(|| black_box(facts(black_box(hostile.as_bytes()))));
    });
    let joined = corpus.join(";\n");
    group.throughput(Throughput::Bytes(joined.len() as u64));
    group.bench_function("split", |b| {
        b.iter(|| black_box(split(black_box(joined.as_bytes()))))
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
