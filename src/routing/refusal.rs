//! What is a client told when a statement may not run?
//!
//! Each refusal names the relation, the backend it lives on and the rule that said so, and a way out. SQLSTATEs are contracts
//! of `docs/routing.md`: 25006 for writes, locks and side effects, 0A000 for DDL, constraints and mixed statements.

use super::place::{Home, Place};
use super::table::RoutingTable;
use crate::config::AccessMode;
use crate::error::ClientError;
use crate::protocol::sqlstate::{
    FEATURE_NOT_SUPPORTED, INSUFFICIENT_PRIVILEGE, INVALID_PARAMETER_VALUE,
    OBJECT_NOT_IN_PREREQUISITE_STATE, READ_ONLY_SQL_TRANSACTION,
};
use crate::sql::{FunctionName, RelationUse, StatementFacts};

pub(super) fn write(
    facts: &StatementFacts,
    used: &RelationUse,
    at: &Place<'_>,
    table: &RoutingTable,
) -> ClientError {
    let relation = qualified(used, at);
    // `WITH x AS (DELETE …) SELECT` and `EXPLAIN ANALYZE DELETE` do not say it in their first word.
    let kind = match facts.kind {
        kind @ ("select" | "with" | "explain" | "prepare" | "declare" | "values") => {
            format!("{} that writes", kind.to_uppercase())
        }
        kind => kind.to_uppercase(),
    };
    let message = format!("cannot execute {kind} on analytic relation \"{relation}\"");
    let source = format!("Write to {}", source(used, at, table));
    let hint = if takes_writes(at, table) {
        format!(
            "{source}; of the analytic relations only tables that the catalog knows and that mirror no other take single INSERT, UPDATE and DELETE."
        )
    } else {
        format!("{source}; the analytic side only answers reads.")
    };
    ClientError::refused(READ_ONLY_SQL_TRANSACTION, message)
        .detail(lives(&relation, at, table))
        .hint(hint)
}

/// What to write instead of an analytic relation: the one it is copied from, where that is proven.
fn source(used: &RelationUse, at: &Place<'_>, table: &RoutingTable) -> String {
    let default = table.backend_name(table.config.default);
    let proven = || {
        let Home::Analytic(index) = at.home else {
            return None;
        };
        let known = table.catalog.backend(index)?;
        let origin = known
            .details(at.schema?, &used.name.name)?
            .origin
            .as_ref()?;
        let (backend, _) = origin.proven?;
        let (relation, name) = (&origin.relation, table.backend_name(backend));
        Some(format!(
            "\"{relation}\" in \"{name}\", which it is a copy of"
        ))
    };
    proven().unwrap_or_else(|| format!("the relation's source in \"{default}\""))
}

/// Whether the relation's backend has `access: read_write`.
fn takes_writes(at: &Place<'_>, table: &RoutingTable) -> bool {
    let backend = match at.home {
        Home::Analytic(index) => table.config.backends.get(index),
        _ => None,
    };
    backend.is_some_and(|backend| backend.access == AccessMode::ReadWrite)
}

/// A change of rows that a rollback would not take back.
pub fn write_in_transaction(kind: &str, backend: &str) -> ClientError {
    let kind = kind.to_uppercase();
    let message = format!("{kind} on \"{backend}\" cannot run inside a transaction block");
    ClientError::refused(READ_ONLY_SQL_TRANSACTION, message)
        .detail(format!(
            "\"{backend}\" commits each statement at once, so that ROLLBACK would not take it back."
        ))
        .hint("Run it outside of a transaction, as a string or batch of its own.")
}

pub(super) fn lock(
    facts: &StatementFacts,
    used: &RelationUse,
    at: &Place<'_>,
    table: &RoutingTable,
) -> ClientError {
    let relation = qualified(used, at);
    let kind = facts.kind.to_uppercase();
    let what = if kind == "SELECT" {
        "SELECT FOR UPDATE/SHARE".to_owned()
    } else {
        kind
    };
    let message = format!("cannot execute {what} on analytic relation \"{relation}\"");
    ClientError::refused(READ_ONLY_SQL_TRANSACTION, message)
        .detail(lives(&relation, at, table))
        .hint("Leave out the locking clause: analytic rows are not locked and cannot be changed.")
}

pub(super) fn ddl(
    facts: &StatementFacts,
    used: &RelationUse,
    at: &Place<'_>,
    table: &RoutingTable,
) -> ClientError {
    let relation = qualified(used, at);
    let message = match facts.constraint {
        Some(constraint) => {
            format!("{constraint} is not supported on analytic relation \"{relation}\"")
        }
        None => {
            format!(
                "{} is not supported on analytic relation \"{relation}\"",
                facts.kind.to_uppercase()
            )
        }
    };
    ClientError::refused(FEATURE_NOT_SUPPORTED, message)
        .detail(lives(&relation, at, table))
        .hint(format!(
            "Define analytic relations on \"{}\" directly, and keep constraints in \"{}\".",
            backend_of(at, table),
            table.backend_name(table.config.default)
        ))
}

/// A constraint for a new relation on a backend that keeps none.
pub(super) fn constraint(constraint: &str, backend: &str) -> ClientError {
    let message = format!("{constraint} is not supported on \"{backend}\"");
    ClientError::refused(FEATURE_NOT_SUPPORTED, message)
        .hint("Leave it out, or let ddl: adapt leave it out.")
}

pub(super) fn unproven(
    facts: &StatementFacts,
    used: &RelationUse,
    at: &Place<'_>,
    table: &RoutingTable,
) -> ClientError {
    let relation = qualified(used, at);
    let message = format!(
        "this {} cannot be proven to only read analytic relation \"{relation}\"",
        facts.kind.to_uppercase()
    );
    ClientError::refused(READ_ONLY_SQL_TRANSACTION, message)
        .detail(lives(&relation, at, table))
        .hint("Write it as a plain SELECT, or run it on the backend directly.")
}

pub(super) fn secret(used: &RelationUse, at: &Place<'_>, table: &RoutingTable) -> ClientError {
    let relation = qualified(used, at);
    let message = format!("permission denied for catalog {relation}");
    ClientError::refused(INSUFFICIENT_PRIVILEGE, message)
        .detail(format!(
            "It shows the passwords of connectors on \"{}\".",
            backend_of(at, table)
        ))
        .hint("List the user under admins: in router.yaml if it may see them.")
}

/// A SHOW whose answer may hold passwords.
pub(super) fn shown_secret(words: &str, backend: &str) -> ClientError {
    let what: Vec<&str> = words.split_whitespace().take(2).collect();
    let message = format!(
        "permission denied for SHOW {}",
        what.join(" ").to_uppercase()
    );
    ClientError::refused(INSUFFICIENT_PRIVILEGE, message)
        .detail(format!(
            "It may show the passwords of connectors on \"{backend}\"."
        ))
        .hint("List the user under admins: in router.yaml if it may see them.")
}

/// A read that may succeed later, as it is.
pub(super) fn not_ready(
    used: &RelationUse,
    at: &Place<'_>,
    why: &str,
    table: &RoutingTable,
) -> ClientError {
    let relation = qualified(used, at);
    let message = format!("analytic relation \"{relation}\" is not ready: {why}");
    ClientError::refused(OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        .detail(lives(&relation, at, table))
        .hint("Try again later: SHOW tidegate.backends tells what is not ready.")
}

pub(super) fn session(
    facts: &StatementFacts,
    used: &RelationUse,
    at: &Place<'_>,
    table: &RoutingTable,
) -> ClientError {
    let relation = qualified(used, at);
    let kind = facts.kind.to_uppercase();
    let message = format!("{kind} is not supported over analytic relation \"{relation}\"");
    ClientError::refused(FEATURE_NOT_SUPPORTED, message)
        .detail(lives(&relation, at, table))
        .hint("Use the driver's prepared statements, or a plain SELECT with LIMIT, instead.")
}

pub(super) fn function(
    function: &FunctionName,
    used: &RelationUse,
    at: &Place<'_>,
    table: &RoutingTable,
) -> ClientError {
    let relation = qualified(used, at);
    let message = format!(
        "function {function}() is not known to only read, and \"{relation}\" is an analytic relation"
    );
    ClientError::refused(READ_ONLY_SQL_TRANSACTION, message)
        .detail(lives(&relation, at, table))
        .hint("If it only reads, list it under functions: { reads: [...] } in router.yaml.")
}

pub(super) fn mixed(
    analytic: (&RelationUse, &Place<'_>),
    other: (&RelationUse, &Place<'_>),
    table: &RoutingTable,
) -> ClientError {
    let (one, two) = (
        qualified(analytic.0, analytic.1),
        qualified(other.0, other.1),
    );
    let message =
        format!("statement names relations of different backends: \"{one}\" and \"{two}\"");
    ClientError::refused(FEATURE_NOT_SUPPORTED, message)
        .detail(format!(
            "{} {}",
            lives(&one, analytic.1, table),
            lives(&two, other.1, table)
        ))
        .hint("Split the statement, or mirror the relation so that one backend holds them all.")
}

pub(super) fn hint(
    used: &RelationUse,
    at: &Place<'_>,
    target: usize,
    table: &RoutingTable,
) -> ClientError {
    let relation = qualified(used, at);
    let name = table.backend_name(target);
    let message =
        format!("the hint sends this statement to \"{name}\", which does not hold \"{relation}\"");
    ClientError::refused(FEATURE_NOT_SUPPORTED, message)
        .detail(lives(&relation, at, table))
        .hint("SET tidegate.to = auto lets rules and catalogs decide.")
}

pub(super) fn hint_on_write(
    facts: &StatementFacts,
    target: usize,
    table: &RoutingTable,
) -> ClientError {
    let (kind, name) = (facts.kind.to_uppercase(), table.backend_name(target));
    let message = format!("the hint sends this {kind} to \"{name}\", which only answers reads");
    ClientError::refused(READ_ONLY_SQL_TRANSACTION, message)
        .hint("SET tidegate.to = auto lets rules and catalogs decide.")
}

pub(super) fn hinted_function(
    function: &FunctionName,
    target: usize,
    table: &RoutingTable,
) -> ClientError {
    let name = table.backend_name(target);
    let message = format!(
        "the hint sends this statement to \"{name}\", but {function}() is not known to only read"
    );
    ClientError::refused(READ_ONLY_SQL_TRANSACTION, message)
        .hint("If it only reads, list it under functions: { reads: [...] } in router.yaml.")
}

pub(super) fn no_such_backend(name: &str, table: &RoutingTable) -> ClientError {
    let known: Vec<&str> = table
        .config
        .backends
        .iter()
        .map(|b| b.name.as_str())
        .collect();
    ClientError::refused(
        INVALID_PARAMETER_VALUE,
        format!("there is no backend \"{name}\" to route to"),
    )
    .hint(format!(
        "Allowed are auto, oltp, analytic, and the backends: {}.",
        known.join(", ")
    ))
}

/// The backend that a hint names: a backend's name, `oltp` for the default one, `analytic` for the first other.
pub(super) fn named_backend(name: &str, table: &RoutingTable) -> Option<usize> {
    let config = &table.config;
    config.backend_index(name).or_else(|| match name {
        "oltp" => Some(config.default),
        "analytic" => config.analytic().next().map(|(index, _)| index),
        _ => None,
    })
}

fn qualified(used: &RelationUse, at: &Place<'_>) -> String {
    match at.schema {
        Some(schema) => format!("{schema}.{}", used.name.name),
        None => used.name.to_string(),
    }
}

fn backend_of<'a>(at: &Place<'_>, table: &'a RoutingTable) -> &'a str {
    match at.home {
        Home::Analytic(index) => table.backend_name(index),
        _ => table.backend_name(table.config.default),
    }
}

/// One sentence: where a relation lives and who says so.
fn lives(relation: &str, at: &Place<'_>, table: &RoutingTable) -> String {
    let default = table.backend_name(table.config.default);
    let place = match at.home {
        Home::Oltp | Home::Temporary => format!("on \"{default}\""),
        Home::System => format!("in the system catalogs of \"{default}\""),
        Home::Analytic(index) => format!("on \"{}\"", table.backend_name(index)),
        Home::Mirrored { analytic, .. } => {
            format!("on \"{default}\" and \"{}\"", table.backend_name(analytic))
        }
        Home::Unknown => {
            return format!(
                "Relation \"{relation}\" is in no catalog, and would be looked for on \"{default}\"."
            );
        }
    };
    match table.rule_label(at.rule) {
        Some(rule) => format!("Relation \"{relation}\" lives {place}, by rule {rule}."),
        None => format!("Relation \"{relation}\" lives {place}, by its catalog."),
    }
}
