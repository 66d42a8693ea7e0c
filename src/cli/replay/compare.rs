//! What would change for the statements of a log if one router.yaml took the place of another?
//!
//! A statement changes when it would run in another place: another server or database, or none at all because it is refused. The name of a
//! backend and the rule that decided are no place. The log may be far larger than memory, so of a statement that does not change only a hash is
//! kept.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use serde::Serialize;

use super::log::Logged;
use crate::admin::question::{self, Answer, Asker};
use crate::catalog::Catalog;
use crate::config::{Config, Endpoint};
use crate::limits::FACTS_CACHED_TEXT_BYTES_MAX;
use crate::routing::{Explanation, RoutingTable, SessionView};
use crate::sql::{self, Dialect, Effect, SessionEffect, StatementFacts};

/// Statements whose hash is kept; those beyond are decided again each time they appear.
const SEEN_MAX: usize = 4_000_000;
/// Changed statements that are listed; those beyond are only counted.
pub(super) const CHANGES_MAX: usize = 10_000;

/// What makes a change dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Risk {
    /// A statement that ran would be refused.
    Refused,
    /// A statement that may write would run elsewhere.
    Elsewhere,
}

/// A statement whose route would change.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    /// The statement, as it first appeared.
    pub(super) statement: String,
    /// How often it is in the log, other literals or not.
    pub(super) count: u64,
    /// The line of its first appearance.
    pub(super) line: u64,
    /// Who ran it.
    pub(super) user: String,
    /// In which database.
    pub(super) database: String,
    /// Whether it may write.
    pub(super) write: bool,
    /// Why the change is dangerous, if it is.
    pub(super) risk: Option<Risk>,
    /// Its route by the old file.
    pub(super) from: Explanation,
    /// Its route by the new file.
    pub(super) to: Explanation,
}

/// What was counted.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    /// Statements.
    pub(super) statements: u64,
    /// Statements that differ in more than literals.
    pub(super) distinct: u64,
    /// Changed statements, each as often as it is in the log.
    pub(super) changed: u64,
    /// Those of them that are dangerous.
    pub(super) risky: u64,
    /// Changed statements that are not listed because there are too many.
    pub(super) not_listed: u64,
    /// Messages of the log that are not about a statement.
    pub(super) other_messages: u64,
    /// Lines or statements that make no sense.
    pub(super) unreadable: u64,
    /// The line of the first of them.
    pub(super) first_unreadable: Option<u64>,
}

/// One router.yaml and what its backends hold.
pub(super) struct World(RoutingTable);

impl World {
    pub(super) fn new(config: Arc<Config>, catalog: Catalog) -> Self {
        Self(RoutingTable::new(config, Arc::new(catalog), 0))
    }
}

/// A place where statements run.
#[derive(PartialEq, Eq)]
struct Place<'a> {
    default: bool,
    servers: &'a [Endpoint],
    database: &'a str,
}

/// What is known of a statement that was seen before.
#[derive(Clone, Copy)]
enum Seen {
    Same,
    Unreadable,
    Changed { risky: bool, listed: Option<usize> },
}

/// A replay under way.
pub(super) struct Replay {
    from: World,
    to: World,
    asker: Asker,
    hashers: [RandomState; 2],
    seen: HashMap<[u64; 2], Seen>,
    /// Room for a statement's template.
    template: Vec<u8>,
    /// In order of first appearance.
    pub(super) changes: Vec<Change>,
    pub(super) summary: Summary,
}

impl Replay {
    /// `asker` stands in for what the log does not tell.
    pub(super) fn new(from: World, to: World, asker: Asker) -> Self {
        Self {
            from,
            to,
            asker,
            hashers: [RandomState::new(), RandomState::new()],
            seen: HashMap::new(),
            template: Vec::new(),
            changes: Vec::new(),
            summary: Summary::default(),
        }
    }

    /// Takes in what one entry of the log ran.
    pub(super) fn add(&mut self, logged: &Logged) {
        let given = |told: &Option<String>, otherwise: &Option<String>| {
            told.clone().or_else(|| otherwise.clone())
        };
        let asker = Asker {
            user: given(&logged.user, &self.asker.user),
            database: given(&logged.database, &self.asker.database),
            application: logged
                .application
                .clone()
                .unwrap_or_else(|| self.asker.application.clone()),
            search_path: self.asker.search_path.clone(),
        };
        for statement in question::statements(&logged.sql) {
            self.one(statement.trim_ascii(), &asker, logged.line);
        }
    }

    /// Counts something that makes no sense.
    pub(super) fn unreadable(&mut self, line: u64) {
        self.summary.unreadable += 1;
        self.summary.first_unreadable.get_or_insert(line);
    }

    fn one(&mut self, statement: &[u8], asker: &Asker, line: u64) {
        // What differs in its literals alone goes the same way, as in the router's own cache.
        let short = statement.len() <= FACTS_CACHED_TEXT_BYTES_MAX;
        let has_template =
            short && sql::template(statement, Dialect::default(), &mut self.template);
        let same = if has_template {
            &self.template
        } else {
            statement
        };
        let key = [0, 1].map(|at: usize| self.hashers[at].hash_one((has_template, same, asker)));
        let seen = if let Some(seen) = self.seen.get(&key) {
            *seen
        } else {
            let seen = self.decide(statement, asker, line);
            if self.seen.len() < SEEN_MAX {
                self.seen.insert(key, seen);
            }
            self.summary.distinct += u64::from(!matches!(seen, Seen::Unreadable));
            seen
        };
        match seen {
            Seen::Unreadable => return self.unreadable(line),
            Seen::Same => {}
            Seen::Changed { risky, listed } => {
                self.summary.changed += 1;
                self.summary.risky += u64::from(risky);
                match listed.and_then(|at| self.changes.get_mut(at)) {
                    Some(change) => change.count += 1,
                    None => self.summary.not_listed += 1,
                }
            }
        }
        self.summary.statements += 1;
    }

    /// Routes a statement by both files.
    fn decide(&mut self, statement: &[u8], asker: &Asker, line: u64) -> Seen {
        let tables = [&self.from.0, &self.to.0];
        let views = tables.map(|table| asker.view(&table.config));
        let [from, to] = [0, 1].map(|at| Answer::of(statement, &views[at], tables[at]));
        if from.facts.kind == "unknown" {
            return Seen::Unreadable;
        }
        let before = place(&from, &views[0], tables[0]);
        let after = place(&to, &views[1], tables[1]);
        if before == after {
            return Seen::Same;
        }
        let write = may_write(&from.facts, &self.from.0.config);
        let risk = match (before, after) {
            (Some(_), None) => Some(Risk::Refused),
            (Some(_), Some(_)) if write => Some(Risk::Elsewhere),
            _ => None,
        };
        let listed = (self.changes.len() < CHANGES_MAX).then_some(self.changes.len());
        if listed.is_some() {
            self.changes.push(Change {
                statement: String::from_utf8_lossy(statement).into_owned(),
                count: 0,
                line,
                user: views[0].user.clone(),
                database: views[0].database.clone(),
                write,
                risk,
                from: from.explain(statement, &views[0], tables[0]),
                to: to.explain(statement, &views[1], tables[1]),
            });
        }
        let risky = risk.is_some();
        Seen::Changed { risky, listed }
    }
}

/// Where a statement runs; `None` where it is refused.
fn place<'a>(answer: &Answer, view: &'a SessionView, table: &'a RoutingTable) -> Option<Place<'a>> {
    let index = answer.decision.target()?;
    let backend = table.config.backends.get(index)?;
    let default = index == table.config.default;
    Some(Place {
        default,
        servers: &backend.url.endpoints,
        database: if default {
            table.config.oltp_database(&view.database)
        } else {
            &backend.url.database
        },
    })
}

/// Whether running a statement may change something. A function that is not known to only read counts.
fn may_write(facts: &StatementFacts, config: &Config) -> bool {
    match facts.effect {
        Effect::Empty | Effect::Transaction => false,
        Effect::Session => matches!(facts.session, SessionEffect::Execute(_)),
        Effect::Lock | Effect::Write | Effect::Define | Effect::Unknown => true,
        Effect::Read => facts.functions.iter().any(|function| {
            let full = function.to_string();
            let listed = |patterns: &[crate::config::Pattern]| {
                let fits =
                    |p: &crate::config::Pattern| p.matches(&function.name) || p.matches(&full);
                patterns.iter().any(fits)
            };
            let known = sql::is_read_only_builtin(function) || listed(&config.functions.reads);
            !known || listed(&config.functions.writes)
        }),
    }
}
