//! May a statement define or change something on an analytic backend?
//!
//! Asked only where router.yaml says more than `ddl: refuse` and `access: read_only`; what is not allowed here is refused by the rules
//! of [`super::decide()`] as if nothing had been asked. A definition goes where its relations live; a new view or sink lives
//! where what it reads does. A refresh of what RisingWave keeps fresh is answered by the router.

use super::decide::{Placed, is_on, refuse, sent};
use super::decision::{Decision, Reason};
use super::place::{Home, Place};
use super::proof::Proof;
use super::refusal;
use super::table::RoutingTable;
use super::view::SessionView;
use crate::catalog::RelationKind;
use crate::config::{AccessMode, DdlMode, Engine};
use crate::sql::{Access, Effect, RelationUse, SessionEffect, StatementFacts};

/// Statements of RisingWave's own that name no relation, and are no definitions by their words.
const OWN: &[&str] = &["flush", "wait", "recover", "cancel", "kill", "backup"];

/// What is made of its query alone, and lives where that is read.
const MADE_OF_A_QUERY: &[&str] = &[
    "create view",
    "create materialized view",
    "create sink",
    "create subscription",
];

/// Constraints that RisingWave has.
const KEPT_CONSTRAINTS: &[&str] = &["PRIMARY KEY", "NOT NULL"];

const REFRESH: &str = "refresh materialized view";

/// The decision on a statement that defines or writes and is allowed to, with `first` on the analytic backend `target`.
pub(super) fn allowed(
    target: usize,
    first: &RelationUse,
    placed: &Placed<'_>,
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
) -> Option<Decision> {
    let backend = table.config.backends.get(target)?;
    if facts.kind == REFRESH {
        return kept_fresh(target, placed, table);
    }
    if facts.effect == Effect::Define && backend.ddl != DdlMode::Refuse {
        return definition(target, placed, facts, table);
    }
    if facts.effect == Effect::Write && backend.access == AccessMode::ReadWrite {
        return write(target, first, placed, facts, view, table);
    }
    None
}

/// A refresh of materialized views that their engine refreshes itself.
fn kept_fresh(target: usize, placed: &Placed<'_>, table: &RoutingTable) -> Option<Decision> {
    let backend = table.config.backends.get(target)?;
    let kept = |(used, at): &(&RelationUse, Place<'_>)| {
        let kind = kind_of(target, used, at, table);
        at.home == Home::Analytic(target)
            && kind.is_none_or(|kind| kind == RelationKind::MaterializedView)
    };
    let all = backend.engine == Engine::Risingwave && placed.uses.iter().all(kept);
    all.then(|| Decision {
        outcome: Ok(target),
        reason: Reason::Local,
        rule: placed.uses.iter().find_map(|(_, at)| at.rule),
        proof: None,
        replaceable: false,
    })
}

fn definition(
    target: usize,
    placed: &Placed<'_>,
    facts: &StatementFacts,
    table: &RoutingTable,
) -> Option<Decision> {
    let ddl = table.config.backends.get(target)?.ddl;
    let broken = |constraint: &str| !KEPT_CONSTRAINTS.contains(&constraint);
    if ddl == DdlMode::Forward && facts.constraint.is_some_and(broken) {
        return None;
    }
    let defines = |used: &RelationUse| used.access == Access::Define;
    let about =
        |(used, at): &(&RelationUse, Place<'_>)| defines(used) && at.home == Home::Analytic(target);
    let new = MADE_OF_A_QUERY.contains(&facts.kind);
    if !new && !placed.uses.iter().any(about) {
        return None;
    }
    // An index is where its table is, whatever else has its name.
    let skipped = usize::from(facts.kind == "create index" && placed.uses.len() > 1);
    let uses = placed.uses.iter().skip(skipped);
    let fits = |(used, at): &&(&RelationUse, Place<'_>)| match used.access {
        Access::Define => {
            matches!(at.home, Home::Analytic(home) if home == target) || at.home == Home::Unknown
        }
        Access::Write => at.home == Home::Analytic(target),
        Access::Read => is_on(at.home, target),
        // A foreign key is left out, wherever it leads.
        Access::Reference => ddl == DdlMode::Adapt,
        Access::Lock => false,
    };
    if let Some((used, at)) = uses.clone().find(|each| !fits(each)) {
        let temporary = at.home == Home::Temporary;
        let there = placed.uses.iter().find(|(_, at)| is_on(at.home, target))?;
        let refused = refusal::mixed((there.0, &there.1), (used, at), table);
        return (!temporary).then(|| refuse(Reason::MixedBackends, at.rule, refused));
    }
    let rule = uses.clone().find_map(|(_, at)| at.rule);
    let reason = match rule {
        Some(_) => Reason::Rule,
        None => Reason::AnalyticRelation,
    };
    Some(sent(target, reason, rule, Proof::of_definition(target)))
}

/// The decision on a definition that names nothing analytic, and that a hint sends to `target`: all it names is there or new.
pub(super) fn hinted(
    target: usize,
    placed: &Placed<'_>,
    facts: &StatementFacts,
    table: &RoutingTable,
) -> Option<Decision> {
    let ddl = table.config.backends.get(target)?.ddl;
    let definition = facts.effect == Effect::Define || OWN.contains(&facts.kind);
    if !definition || ddl == DdlMode::Refuse {
        return None;
    }
    let fits = |(used, at): &(&RelationUse, Place<'_>)| match used.access {
        Access::Define => at.home == Home::Unknown,
        Access::Reference => true,
        Access::Read | Access::Write | Access::Lock => is_on(at.home, target),
    };
    if let Some((used, at)) = placed.uses.iter().find(|each| !fits(each)) {
        let refused = refusal::hint(used, at, target, table);
        return Some(refuse(Reason::HintRefused, None, refused));
    }
    let broken = |constraint: &&str| !KEPT_CONSTRAINTS.contains(constraint);
    let constraint = facts.constraint.filter(broken);
    if let Some(constraint) = constraint.filter(|_| ddl == DdlMode::Forward) {
        let refused = refusal::constraint(constraint, table.backend_name(target));
        return Some(refuse(Reason::ConstraintOnAnalytic, None, refused));
    }
    let proof = Proof::of_definition(target);
    Some(sent(target, Reason::Hint, None, proof))
}

/// A change of rows: one statement, outside of a transaction, of a table that takes them.
fn write(
    target: usize,
    first: &RelationUse,
    placed: &Placed<'_>,
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
) -> Option<Decision> {
    let truncates =
        facts.kind == "truncate" && table.config.backends.get(target)?.ddl == DdlMode::Adapt;
    let plain = (truncates || matches!(facts.kind, "insert" | "update" | "delete"))
        && facts.session == SessionEffect::None;
    let written = |(used, _): &&(&RelationUse, Place<'_>)| used.access == Access::Write;
    let (_, at) = placed.uses.iter().find(written)?;
    let takes = |(used, at): &(&RelationUse, Place<'_>)| {
        at.home == Home::Analytic(target) && takes_writes(target, used, at, table)
    };
    if !plain || !placed.uses.iter().filter(written).all(takes) {
        return None;
    }
    if let Some(elsewhere) = placed.uses.iter().find(|(_, at)| !is_on(at.home, target)) {
        let refused = refusal::mixed((first, at), (elsewhere.0, &elsewhere.1), table);
        return Some(refuse(Reason::MixedBackends, at.rule, refused));
    }
    let locks = |(used, _): &(&RelationUse, Place<'_>)| used.access == Access::Lock;
    if placed.uses.iter().any(locks) {
        return None;
    }
    if view.in_transaction {
        let refused = refusal::write_in_transaction(facts.kind, table.backend_name(target));
        return Some(refuse(Reason::WriteOnAnalytic, at.rule, refused));
    }
    let reason = match at.rule {
        Some(_) => Reason::Rule,
        None => Reason::AnalyticRelation,
    };
    let reads = facts.kind != "insert" || placed.uses.len() > 1;
    let proof = Proof::of_write(target, reads);
    Some(sent(target, reason, at.rule, proof))
}

/// Whether a relation is a table of its own: no view, and no mirror of a table elsewhere, which would differ from it for ever.
fn takes_writes(target: usize, used: &RelationUse, at: &Place<'_>, table: &RoutingTable) -> bool {
    let mirror = at.schema.is_some_and(|schema| {
        let catalog = table.catalog.backend(target);
        catalog.is_some_and(|catalog| catalog.is_mirror(schema, &used.name.name))
    });
    !mirror && kind_of(target, used, at, table) == Some(RelationKind::Table)
}

/// What the backend's catalog says that a relation is.
fn kind_of(
    target: usize,
    used: &RelationUse,
    at: &Place<'_>,
    table: &RoutingTable,
) -> Option<RelationKind> {
    let catalog = table.catalog.backend(target)?;
    catalog.kind(at.schema?, &used.name.name)
}
