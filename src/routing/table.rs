//! Which rules and which catalogs are in force?
//!
//! A [`RoutingTable`] is one immutable snapshot of both, compiled from a [`Config`] and a [`Catalog`]; a reload or a new
//! reading of the catalogs makes another and swaps it in.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

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
    /// The rules that can only match a relation of that name, in order.
    by_name: HashMap<Box<str>, Vec<usize>>,
    /// All others, in order.
    by_glob: Vec<usize>,
    /// Some rule's relation is a glob, so that any name may be claimed.
    claims_by_glob: bool,
    /// Some rule speaks of users or applications alone.
    claims_by_session: bool,
}

impl RoutingTable {
    /// Compiles a snapshot.
    #[must_use]
    pub fn new(config: Arc<Config>, catalog: Arc<Catalog>, generation: u64) -> Self {
        let mut claimed = HashSet::default();
        let (mut by_name, mut by_glob) = (HashMap::<Box<str>, Vec<usize>>::default(), Vec::new());
        let (mut claims_by_glob, mut claims_by_session) = (false, false);
        for (at, rule) in config.routes.iter().enumerate() {
            let names: Option<Vec<String>> = rule
                .relations
                .iter()
                .map(|pattern| pattern.name().exact_name())
                .collect();
            match names.filter(|names| !names.is_empty()) {
                Some(names) => {
                    for name in names {
                        let rules = by_name.entry(name.as_str().into()).or_default();
                        if rules.last() != Some(&at) {
                            rules.push(at);
                        }
                        claimed.insert(name.into_boxed_str());
                    }
                }
                None => {
                    claims_by_session |= rule.relations.is_empty();
                    claims_by_glob |= !rule.relations.is_empty();
                    by_glob.push(at);
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
            by_name,
            by_glob,
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

    /// The rules that may match a relation of this name, in order.
    pub fn rules_for(&self, name: &str) -> impl Iterator<Item = &Route> {
        let mut named = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let mut others = self.by_glob.as_slice();
        std::iter::from_fn(move || {
            let next = match (named.first(), others.first()) {
                (Some(one), Some(other)) if other < one => &mut others,
                (Some(_), _) => &mut named,
                (None, _) => &mut others,
            };
            let (at, rest) = next.split_first()?;
            *next = rest;
            self.config.routes.get(*at)
        })
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
