//! How many instructions does a decision take? For callgrind, by `bench/instructions`: the count does not depend on what else
//! the machine does.
//!
//! `instructions CASE ROUNDS` does a case so many times, after it was done once. The difference between two numbers of rounds is what one takes.

#[path = "../tests/it/support/corpus.rs"]
#[allow(dead_code, reason = "the benchmarks use a part of it")]
mod corpus;
mod scene;

use std::hint::black_box;

use tidegate::routing::{RoutingTable, SessionView, decide};
use tidegate::session::facts_cache::FactsCache;
use tidegate::sql::{Dialect, facts};
use tidegate::telemetry::metrics::Metrics;

const SEEN: [&str; 2] = [
    "SELECT \"accounts\".\"id\", \"accounts\".\"name\" FROM \"accounts\" WHERE \"accounts\".\"id\" = 1 LIMIT 21",
    "SELECT state, count(*), sum(qty * price) FROM orders WHERE day > '2026-01-01' GROUP BY state ORDER BY 2",
];

/// Statements seen before, about 100 bytes each, with other literals.
fn seen(table: &RoutingTable, rounds: usize) {
    let view = SessionView::new("app", "app", "");
    let cache = FactsCache::new(0, Metrics::new());
    let mut scratch = Vec::new();
    for round in 0..=rounds {
        let text = SEEN[round % 2].as_bytes();
        let facts = cache.facts(black_box(text), Dialect::default(), &mut scratch);
        black_box(decide(&facts, &view, table));
    }
}

/// Statements of the corpus, each looked at for the first time.
fn new(table: &RoutingTable, rounds: usize) {
    let view = SessionView::new("app", "app", "");
    let texts = corpus::orm();
    for text in texts.iter().cycle().take(rounds + 1) {
        black_box(decide(&facts(black_box(text.as_bytes())), &view, table));
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, rounds] = arguments.as_slice() else {
        // `cargo bench` without arguments of its own.
        return;
    };
    let Ok(rounds) = rounds.parse() else { return };
    match case.as_str() {
        "seen" => seen(&scene::table(100, 3), rounds),
        "seen, 50,000 relations and 1,000 rules" => seen(&scene::table(50_000, 1_000), rounds),
        "new" => new(&scene::table(100, 3), rounds),
        "new, 50,000 relations and 1,000 rules" => new(&scene::table(50_000, 1_000), rounds),
        _ => {}
    }
}
