//! The layers that know no sockets: from a statement's text to where it goes.

#[path = "../../tests/it/support/corpus.rs"]
#[allow(dead_code, reason = "the benchmarks use a part of it")]
mod corpus;

use std::hint::black_box;

use tidegate::routing::{RoutingTable, SessionView, decide};
use tidegate::session::facts_cache::FactsCache;
use tidegate::sql::{Dialect, facts};
use tidegate::telemetry::metrics::Metrics;

use super::{Case, measured, scene};

pub const CASES: [Case; 4] = [
    ("decide-seen", |rounds| seen(&scene::table(100, 3), rounds)),
    ("decide-seen-large", |rounds| {
        seen(&scene::table(50_000, 1_000), rounds);
    }),
    ("decide-new", |rounds| new(&scene::table(100, 3), rounds)),
    ("decide-new-large", |rounds| {
        new(&scene::table(50_000, 1_000), rounds);
    }),
];

const SEEN: [&str; 2] = [
    "SELECT \"accounts\".\"id\", \"accounts\".\"name\" FROM \"accounts\" WHERE \"accounts\".\"id\" = 1 LIMIT 21",
    "SELECT state, count(*), sum(qty * price) FROM orders WHERE day > '2026-01-01' GROUP BY state ORDER BY 2",
];

/// Statements seen before, about 100 bytes each, with other literals.
fn seen(table: &RoutingTable, rounds: usize) {
    let view = SessionView::new("app", "app", "");
    let cache = FactsCache::new(0, Metrics::new());
    let mut scratch = Vec::new();
    let mut once = |round: usize| {
        let text = SEEN[round % 2].as_bytes();
        let facts = cache.facts(black_box(text), Dialect::default(), &mut scratch);
        black_box(decide(&facts, &view, table));
    };
    (0..SEEN.len()).for_each(&mut once);
    measured(&mut || (0..rounds).for_each(&mut once));
}

/// Statements of the corpus, each looked at for the first time.
fn new(table: &RoutingTable, rounds: usize) {
    let view = SessionView::new("app", "app", "");
    let texts = corpus::orm();
    let mut once = |text: &String| {
        black_box(decide(&facts(black_box(text.as_bytes())), &view, table));
    };
    texts.iter().take(1).for_each(&mut once);
    measured(&mut || texts.iter().cycle().take(rounds).for_each(&mut once));
}
