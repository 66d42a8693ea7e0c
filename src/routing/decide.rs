//! Which backend runs a statement?
//!
//! The order of the questions is the order of safety: first what must stay on the default backend, then what must be refused because
//! it touches the analytic side in any way but reading, and only then whether a read may go there. What is not proven is
//! never sent. `docs/routing.md` tells the same for people.

use smallvec::SmallVec;

use super::decision::{Decision, Reason};
use super::define;
use super::own;
use super::place::{Home, Place, place};
use super::proof::Proof;
use super::refusal;
use super::table::RoutingTable;
use super::view::SessionView;
use crate::error::ClientError;
use crate::sql::{
    self, Access, Effect, FunctionName, Hint, RelationUse, SessionEffect, StatementFacts,
};

/// Decides where a statement goes. Total, pure, and bounded by the number of relations, rules and functions.
#[must_use]
pub fn decide(facts: &StatementFacts, view: &SessionView, table: &RoutingTable) -> Decision {
    let default = table.config.default;
    if view.failed {
        return stay(default, Reason::FailedTransaction, None);
    }
    match facts.effect {
        Effect::Empty => return stay(default, Reason::NoRelations, None),
        Effect::Transaction => return stay(default, Reason::TransactionControl, None),
        Effect::Session => {
            let own = own::decision(facts, view, table);
            return own.unwrap_or_else(|| stay(default, Reason::Session, None));
        }
        // No command begins like this: PostgreSQL says so better than we could.
        Effect::Unknown if facts.kind == "unknown" => return stay(default, Reason::Unparsed, None),
        _ => {}
    }
    match hinted(facts, view, table) {
        Err(refused) => return refuse(Reason::HintRefused, None, refused),
        Ok(Some(target)) if target == default => return stay(default, Reason::Hint, None),
        Ok(Some(target)) => return obey(target, facts, view, table),
        Ok(None) => {}
    }
    let placed = Placed::new(facts, view, table);
    if let Some((used, at, target)) = placed.first_analytic() {
        on_analytic(target, used, at, &placed, facts, view, table)
    } else {
        placed.mirrored_or_default(facts, view, table)
    }
}

/// Where a relation lives as far as this statement is concerned.
pub(super) fn place_of<'a>(
    used: &'a RelationUse,
    facts: &'a StatementFacts,
    view: &'a SessionView,
    table: &RoutingTable,
) -> Place<'a> {
    match &facts.session {
        // What a statement makes as a temporary relation is nobody's but the session's, whatever else has the name.
        SessionEffect::CreateTemp(name)
            if used.access != Access::Read
                && used.access != Access::Reference
                && *name == used.name.name =>
        {
            let (home, schema) = (Home::Temporary, Some("pg_temp"));
            let rule = None;
            Place { home, rule, schema }
        }
        _ => place(&used.name, facts.shape, view, table),
    }
}

/// A statement's relations with their homes.
pub(super) struct Placed<'a> {
    /// Inline for the statements that come by the thousand, so that deciding them allocates nothing.
    pub(super) uses: SmallVec<[(&'a RelationUse, Place<'a>); 6]>,
}

impl<'a> Placed<'a> {
    fn new(facts: &'a StatementFacts, view: &'a SessionView, table: &RoutingTable) -> Self {
        let at = |used: &'a RelationUse| (used, place_of(used, facts, view, table));
        Self {
            uses: facts.relations.iter().map(at).collect(),
        }
    }

    fn first_analytic(&self) -> Option<(&'a RelationUse, &Place<'a>, usize)> {
        self.uses.iter().find_map(|(used, at)| match at.home {
            Home::Analytic(target) => Some((*used, at, target)),
            _ => None,
        })
    }

    /// The first relation whose rows are not all on that backend yet, and why.
    fn unready<'t>(
        &self,
        target: usize,
        table: &'t RoutingTable,
    ) -> Option<(&'a RelationUse, &Place<'a>, &'t str)> {
        let catalog = table.catalog.backend(target)?;
        self.uses.iter().find_map(|(used, at)| {
            let why = catalog.unready(at.schema?, &used.name.name)?;
            Some((*used, at, why))
        })
    }

    /// The first relation that shows passwords, for a user who may not see them.
    fn secret(
        &self,
        view: &SessionView,
        table: &RoutingTable,
    ) -> Option<(&'a RelationUse, &Place<'a>)> {
        let (used, at) = self
            .uses
            .iter()
            .find(|(used, _)| shows_secrets(&used.name))?;
        (!table.config.is_admin(&view.user)).then_some((*used, at))
    }

    /// No relation lives on an analytic backend alone.
    fn mirrored_or_default(
        &self,
        facts: &StatementFacts,
        view: &SessionView,
        table: &RoutingTable,
    ) -> Decision {
        let default = table.config.default;
        let sent = self.uses.iter().find_map(|(_, at)| match at.home {
            Home::Mirrored {
                analytic,
                sent: true,
            } => Some((analytic, at.rule)),
            _ => None,
        });
        if let Some((target, rule)) = sent
            && facts.effect == Effect::Read
        {
            let all_there = self.uses.iter().all(|(_, at)| is_on(at.home, target));
            let safe = all_there
                && !view.keep_mirrored
                && facts.session == SessionEffect::None
                && unsafe_function(facts, target, view, table).is_none();
            return if !safe {
                stay(default, Reason::MirroredKept, rule)
            } else if self.unready(target, table).is_some() {
                stay(default, Reason::MirroredNotReady, rule)
            } else {
                Decision {
                    replaceable: true,
                    ..go(target, Reason::Rule, rule)
                }
            };
        }
        let rule = self.uses.iter().find_map(|(_, at)| at.rule);
        stay(default, self.default_reason(facts, rule.is_some()), rule)
    }

    fn default_reason(&self, facts: &StatementFacts, by_rule: bool) -> Reason {
        let any = |wanted: fn(&Home) -> bool| self.uses.iter().any(|(_, at)| wanted(&at.home));
        match facts.effect {
            Effect::Write | Effect::Lock => Reason::Write,
            Effect::Define => Reason::Ddl,
            Effect::Unknown => Reason::Unparsed,
            _ if self.uses.is_empty() => Reason::NoRelations,
            _ if any(|home| matches!(home, Home::Mirrored { .. })) => Reason::MirroredDefault,
            _ if by_rule => Reason::Rule,
            _ if any(|home| *home == Home::Unknown) => Reason::UnknownRelation,
            _ if !any(|home| *home != Home::System) => Reason::SystemCatalog,
            _ => Reason::OltpRelation,
        }
    }
}

/// At least one relation lives on an analytic backend alone.
fn on_analytic(
    target: usize,
    first: &RelationUse,
    at: &Place<'_>,
    placed: &Placed<'_>,
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
) -> Decision {
    if let Some(decision) = define::allowed(target, first, placed, facts, view, table) {
        return decision;
    }
    // The relation that is used in the worst way is the one the client is told of.
    let analytic = || {
        placed
            .uses
            .iter()
            .filter(|(_, at)| matches!(at.home, Home::Analytic(_)))
    };
    let with = |wanted: &[Access]| analytic().find(|(used, _)| wanted.contains(&used.access));
    if let Some((used, at)) = with(&[Access::Write]) {
        return refuse(
            Reason::WriteOnAnalytic,
            at.rule,
            refusal::write(facts, used, at, table),
        );
    }
    if let Some((used, at)) = with(&[Access::Lock]) {
        return refuse(
            Reason::LockOnAnalytic,
            at.rule,
            refusal::lock(facts, used, at, table),
        );
    }
    if let Some((used, at)) = with(&[Access::Define, Access::Reference]) {
        let reason = match facts.constraint {
            Some(_) => Reason::ConstraintOnAnalytic,
            None => Reason::DdlOnAnalytic,
        };
        return refuse(reason, at.rule, refusal::ddl(facts, used, at, table));
    }
    match facts.effect {
        Effect::Read => {}
        Effect::Define => {
            return refuse(
                Reason::DdlOnAnalytic,
                at.rule,
                refusal::ddl(facts, first, at, table),
            );
        }
        Effect::Unknown => {
            let refused = refusal::unproven(facts, first, at, table);
            return refuse(Reason::UnprovenOnAnalytic, at.rule, refused);
        }
        _ if facts.kind == "select into" || placed.uses.len() == analytic().count() => {
            let refused = refusal::write(facts, first, at, table);
            return refuse(Reason::WriteOnAnalytic, at.rule, refused);
        }
        // It writes to the default backend what it reads from the analytic one.
        _ => {}
    }
    if let Some(elsewhere) = placed.uses.iter().find(|(_, at)| !is_on(at.home, target)) {
        let refused = refusal::mixed((first, at), (elsewhere.0, &elsewhere.1), table);
        return refuse(Reason::MixedBackends, at.rule, refused);
    }
    if facts.effect != Effect::Read {
        return refuse(
            Reason::WriteOnAnalytic,
            at.rule,
            refusal::write(facts, first, at, table),
        );
    }
    if !may_leave(facts) {
        let refused = refusal::session(facts, first, at, table);
        return refuse(Reason::SessionOnAnalytic, at.rule, refused);
    }
    if let Some(function) = unsafe_function(facts, target, view, table) {
        let refused = refusal::function(function, first, at, table);
        return refuse(Reason::FunctionOnAnalytic, at.rule, refused);
    }
    if let Some((used, at)) = placed.secret(view, table) {
        let refused = refusal::secret(used, at, table);
        return refuse(Reason::SecretOnAnalytic, at.rule, refused);
    }
    if let Some((used, at, why)) = placed.unready(target, table) {
        let refused = refusal::not_ready(used, at, why, table);
        return refuse(Reason::NotReadyOnAnalytic, at.rule, refused);
    }
    let reason = if at.rule.is_some() {
        Reason::Rule
    } else {
        Reason::AnalyticRelation
    };
    go(target, reason, at.rule)
}

/// RisingWave's catalogs with the properties of connectors, or the statements that these were made by: both hold passwords in plain text,
/// unless they were given as secrets.
const SECRETS: [&str; 10] = [
    "rw_connections",
    "rw_ddl_progress",
    "rw_event_logs",
    "rw_iceberg_tables",
    "rw_relations",
    "rw_secrets",
    "rw_sinks",
    "rw_sources",
    "rw_tables",
    "rw_user_secrets",
];

/// RisingWave finds its catalogs without a schema too.
fn shows_secrets(name: &sql::RelationName) -> bool {
    matches!(name.schema.as_deref(), None | Some("rw_catalog")) && SECRETS.contains(&&*name.name)
}

/// Whether a relation can be read on an analytic backend.
pub(super) fn is_on(home: Home, target: usize) -> bool {
    match home {
        Home::Analytic(backend) => backend == target,
        Home::Mirrored { analytic, .. } => analytic == target,
        _ => false,
    }
}

/// Whether what a read does to the session can be done with its rows elsewhere: a cursor is the router's own then.
fn may_leave(facts: &StatementFacts) -> bool {
    matches!(
        facts.session,
        SessionEffect::None | SessionEffect::Declare { .. }
    )
}

/// The backend that the client asks for, if it may and does.
fn hinted(
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
) -> Result<Option<usize>, ClientError> {
    let Some(Hint::To(name)) = facts.hint.as_ref().or(view.hint.as_ref()) else {
        return Ok(None);
    };
    if !table.config.allows_hints(&view.user) {
        return Ok(None);
    }
    match refusal::named_backend(name, table) {
        Some(target) => Ok(Some(target)),
        None => Err(refusal::no_such_backend(name, table)),
    }
}

/// Sends a statement to the analytic backend that the client named, where it is proven safe.
fn obey(
    target: usize,
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
) -> Decision {
    let placed = Placed::new(facts, view, table);
    let only_system = !placed.uses.is_empty()
        && placed
            .uses
            .iter()
            .all(|(_, at)| matches!(at.home, Home::System | Home::Temporary));
    if only_system {
        return stay(table.config.default, Reason::SystemCatalog, None);
    }
    if let Some((used, at, home)) = placed.first_analytic() {
        return match on_analytic(home, used, at, &placed, facts, view, table) {
            answered if answered.reason == Reason::Local => answered,
            decision if decision.target() == Some(target) => Decision {
                reason: Reason::Hint,
                rule: None,
                ..decision
            },
            refused if refused.outcome.is_err() => refused,
            _ => refuse(
                Reason::HintRefused,
                None,
                refusal::hint(used, at, target, table),
            ),
        };
    }
    if let Some(decision) = define::hinted(target, &placed, facts, table) {
        return decision;
    }
    if facts.effect != Effect::Read || !may_leave(facts) {
        let refused = refusal::hint_on_write(facts, target, table);
        return refuse(Reason::WriteOnAnalytic, None, refused);
    }
    if let Some((used, at)) = placed.uses.iter().find(|(_, at)| !is_on(at.home, target)) {
        return refuse(
            Reason::HintRefused,
            None,
            refusal::hint(used, at, target, table),
        );
    }
    if let Some(function) = unsafe_function(facts, target, view, table) {
        let refused = refusal::hinted_function(function, target, table);
        return refuse(Reason::FunctionOnAnalytic, None, refused);
    }
    if let Some((used, at, why)) = placed.unready(target, table) {
        let refused = refusal::not_ready(used, at, why, table);
        return refuse(Reason::NotReadyOnAnalytic, None, refused);
    }
    go(target, Reason::Hint, None)
}

/// The first function that is not known to only read.
fn unsafe_function<'a>(
    facts: &'a StatementFacts,
    target: usize,
    view: &SessionView,
    table: &RoutingTable,
) -> Option<&'a FunctionName> {
    facts
        .functions
        .iter()
        .find(|function| !reads_only(function, target, view, table))
}

fn reads_only(
    function: &FunctionName,
    target: usize,
    view: &SessionView,
    table: &RoutingTable,
) -> bool {
    let listed = &table.config.functions;
    let in_list = |patterns: &[crate::config::Pattern]| {
        if patterns.is_empty() {
            return false;
        }
        let full = function.to_string();
        patterns
            .iter()
            .any(|p| p.matches(&function.name) || p.matches(&full))
    };
    if in_list(&listed.writes) {
        return false;
    }
    if in_list(&listed.reads) {
        return true;
    }
    let catalog = table.catalog.backend(target);
    // An unqualified name may mean a user's function that hides the one we know.
    let hidden = function.schema.is_none() && catalog.is_some_and(|c| c.may_write(&function.name));
    if hidden {
        return false;
    }
    if sql::is_read_only_builtin(function) {
        return true;
    }
    let Some(catalog) = catalog else { return false };
    match &function.schema {
        Some(schema) => catalog.is_stable_function(schema, &function.name),
        None => view
            .search_path
            .iter()
            .any(|s| catalog.is_stable_function(s, &function.name)),
    }
}

pub(super) fn go(target: usize, reason: Reason, rule: Option<super::RuleId>) -> Decision {
    sent(target, reason, rule, Proof::of_read(target))
}

pub(super) fn sent(
    target: usize,
    reason: Reason,
    rule: Option<super::RuleId>,
    proof: Proof,
) -> Decision {
    Decision {
        outcome: Ok(target),
        reason,
        rule,
        proof: Some(proof),
        replaceable: false,
    }
}

fn stay(default: usize, reason: Reason, rule: Option<super::RuleId>) -> Decision {
    Decision {
        outcome: Ok(default),
        reason,
        rule,
        proof: None,
        replaceable: false,
    }
}

pub(super) fn refuse(reason: Reason, rule: Option<super::RuleId>, error: ClientError) -> Decision {
    Decision {
        outcome: Err(Box::new(error)),
        reason,
        rule,
        proof: None,
        replaceable: false,
    }
}
