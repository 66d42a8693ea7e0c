//! Has this statement been classified before?
//!
//! A cache of facts (never of syntax trees, which are a hundred times larger), keyed by the statement's bytes and bounded by
//! bytes. Facts depend on the text alone, so nothing ever has to be removed when rules or catalogs change.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::limits::{FACTS_CACHE_BYTES, FACTS_CACHED_TEXT_BYTES_MAX};
use crate::sql::{self, ParsedBy, StatementFacts};
use crate::telemetry::metrics::Metrics;

/// Facts of statements seen before.
pub struct FactsCache {
    cache: Cache<Box<[u8]>, Arc<StatementFacts>, ByBytes>,
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
            cache: Cache::with_weighter(entries, weight, ByBytes),
            metrics,
        }
    }

    /// The facts of one statement.
    #[must_use]
    pub fn facts(&self, text: &[u8]) -> Arc<StatementFacts> {
        if let Some(facts) = self.cache.get(text) {
            self.metrics.parse_cache.increment(1);
            return facts;
        }
        let facts = Arc::new(sql::facts(text));
        match facts.parsed_by {
            ParsedBy::Sqlparser => self.metrics.parse_sqlparser.increment(1),
            ParsedBy::Tokens => self.metrics.parse_tokens.increment(1),
        }
        if text.len() <= FACTS_CACHED_TEXT_BYTES_MAX {
            self.cache.insert(text.into(), Arc::clone(&facts));
        }
        facts
    }
}
