//! Has this statement been classified before?
//!
//! A cache of facts (never of syntax trees, which are a hundred times larger), keyed by the statement's template (its text without
//! literals) and bounded by bytes. Facts depend on the text alone, so nothing ever has to be removed when rules or catalogs change.

use std::sync::Arc;

use foldhash::quality::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::limits::{FACTS_CACHE_BYTES, FACTS_CACHED_TEXT_BYTES_MAX};
use crate::sql::{self, Dialect, ParsedBy, StatementFacts};
use crate::telemetry::metrics::Metrics;

/// Facts of statements seen before.
pub struct FactsCache {
    /// Seeded at random, so that no client can choose texts that meet.
    cache: Cache<Box<[u8]>, Arc<StatementFacts>, ByBytes, RandomState>,
    metrics: Arc<Metrics>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Box<[u8]>, Arc<StatementFacts>> for ByBytes {
    /// The text, and an estimate of the facts: names are parts of the text.
    fn weight(&self, text: &Box<[u8]>, facts: &Arc<StatementFacts>) -> u64 {
        let names = facts.relations.len() + facts.functions.len();
        (2 * text.len() + 256 + 64 * names) as u64
    }
}

impl FactsCache {
    /// An empty cache of at most `bytes` (the limits' default when 0).
    #[must_use]
    pub fn new(bytes: usize, metrics: Arc<Metrics>) -> Self {
        let weight = if bytes == 0 {
            FACTS_CACHE_BYTES
        } else {
            bytes as u64
        };
        let entries = usize::try_from(weight / 512).unwrap_or(1).max(1);
        Self {
            cache: Cache::with(
                entries,
                weight,
                ByBytes,
                RandomState::default(),
                DefaultLifecycle::default(),
            ),
            metrics,
        }
    }

    /// The facts of one statement. `scratch` is for its template; a caller that keeps it saves allocations.
    #[must_use]
    pub fn facts(
        &self,
        text: &[u8],
        dialect: Dialect,
        scratch: &mut Vec<u8>,
    ) -> Arc<StatementFacts> {
        // The cache is for the dialect that everybody uses.
        let cached = text.len() <= FACTS_CACHED_TEXT_BYTES_MAX && dialect == Dialect::default();
        let key = if cached && sql::template(text, dialect, scratch) {
            &**scratch
        } else {
            text
        };
        if let Some(facts) = self.cache.get(key).filter(|_| cached) {
            self.metrics.parse_cache.increment(1);
            return facts;
        }
        let facts = Arc::new(sql::facts_with(text, &dialect));
        match facts.parsed_by {
            ParsedBy::Sqlparser => self.metrics.parse_sqlparser.increment(1),
            ParsedBy::Tokens => self.metrics.parse_tokens.increment(1),
        }
        if cached {
            self.cache.insert(key.into(), Arc::clone(&facts));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_differs_in_literals_costs_no_parse() {
        let metrics = Metrics::new();
        let cache = FactsCache::new(0, Arc::clone(&metrics));
        let mut scratch = Vec::new();
        let mut facts = |text: &str| cache.facts(text.as_bytes(), Dialect::default(), &mut scratch);
        let one = facts("select * from t where id = 1");
        let two = facts("select * from t where id = 2");
        assert!(Arc::ptr_eq(&one, &two));
        assert_ne!(facts("select * from u where id = 2"), one);
        let rendered = metrics.render();
        assert!(
            rendered.contains("tidegate_parse_total{by=\"cache\"} 1"),
            "{rendered}"
        );
        assert!(
            rendered.contains("tidegate_parse_total{by=\"sqlparser\"} 2"),
            "{rendered}"
        );
    }

    #[test]
    fn the_cache_stays_within_its_bytes() {
        let cache = FactsCache::new(100_000, Metrics::new());
        let mut scratch = Vec::new();
        for i in 0..5_000 {
            let text = format!("select a from table_{i} where b = 1");
            drop(cache.facts(text.as_bytes(), Dialect::default(), &mut scratch));
        }
        assert!(cache.cache.weight() <= 100_000, "{}", cache.cache.weight());
    }
}
