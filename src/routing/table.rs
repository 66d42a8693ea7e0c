//! Which rules and which catalogs are in force?
//!
//! A [`RoutingTable`] is one immutable snapshot of both, compiled from a [`Config`] and a [`Catalog`]; a reload or a new
//! reading of the catalogs makes another and swaps it in.

use std::collections::HashSet;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::config::{Config, Engine, Route};

/// A rule's place in `routes:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub usize);

/// Rules and catalogs in force.
#[derive(Debug, Clone)]
pub struct RoutingTable {
    /// The configuration.
    pub config: Arc<Config>,
    /// What the backends hold.
    pub catalog: Arc<Catalog>,
    /// Grows with each snapshot.
    pub generation: u64,
    /// Bare names for which the search path may matter: those of analytic catalogs, and exact names in rules.
    claimed: HashSet<Box<str>>,
    /// Some rule's relation is a glob, so that any name may be claimed.
    claims_by_glob: bool,
    /// Some rule speaks of users or applications alone.
    claims_by_session: bool,
}

impl RoutingTable {
    /// Compiles a snapshot.
    #[must_use]
    pub fn new(config: Arc<Config>, catalog: Arc<Catalog>, generation: u64) -> Self {
        let mut claimed = HashSet::new();
        let (mut claims_by_glob, mut claims_by_session) = (false, false);
        for rule in &config.routes {
            claims_by_session |= rule.relations.is_empty();
            for pattern in &rule.relations {
                match pattern.name().exact_name() {
                    Some(name) => drop(claimed.insert(name.into_boxed_str())),
                    None => claims_by_glob = true,
                }
            }
        }
        for (index, _) in config.analytic() {
            if let Some(known) = catalog.backend(index) {
                claimed.extend(known.iter().map(|(_, name, _)| Box::from(name)));
            }
        }
        Self {
            config,
            catalog,
            generation,
            claimed,
            claims_by_glob,
            claims_by_session,
        }
    }

    /// Whether anything but the default backend could be meant by a relation of this name. `false` for all that a
    /// plain OLTP workload names, which is then routed without a look at the search path.
    #[must_use]
    pub fn may_claim(&self, name: &str) -> bool {
        self.claims_by_glob || self.claims_by_session || self.claimed.contains(name)
    }

    /// A rule.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&Route> {
        self.config.routes.get(id.0)
    }

    /// A rule's name for people, `routes[0] dashboards`, or nothing.
    #[must_use]
    pub fn rule_label(&self, id: Option<RuleId>) -> Option<String> {
        self.rule(id?).map(Route::label)
    }

    /// A backend's name.
    #[must_use]
    pub fn backend_name(&self, index: usize) -> &str {
        self.config
            .backends
            .get(index)
            .map_or("?", |backend| &backend.name)
    }

    /// The first analytic backend that runs RisingWave.
    #[must_use]
    pub fn risingwave(&self) -> Option<usize> {
        let mut analytic = self.config.analytic();
        analytic
            .find(|(_, backend)| backend.engine == Engine::Risingwave)
            .map(|(index, _)| index)
    }
}
