//! Which statements does the router answer itself?
//!
//! `EXPLAIN ROUTE [VERBOSE] …`, and `SET`, `SHOW` and `RESET` of `tidegate.*`. Found on the facts, so that they work the same in the simple and
//! the extended protocol.

use std::sync::Arc;

use bytes::BytesMut;

use super::prepared::StatementKey;

use crate::admin::BackendStatus;
use crate::error::ClientError;
use crate::protocol::compose;
use crate::protocol::sqlstate::{
    INSUFFICIENT_PRIVILEGE, INVALID_PARAMETER_VALUE, UNDEFINED_OBJECT,
};
use crate::routing::{Explanation, RelationTold, RoutingTable, SessionView};
use crate::sql::{Hint, SessionEffect, StatementFacts};

/// The columns of `EXPLAIN ROUTE` and `SHOW tidegate.last_route`.
const ROUTE_COLUMNS: [&str; 7] = [
    "statement",
    "kind",
    "reads",
    "writes",
    "target",
    "rule",
    "reason",
];

/// What `EXPLAIN ROUTE VERBOSE` adds to them.
const VERBOSE_COLUMNS: [&str; 3] = ["parsed_by", "relations", "took_ns"];

/// The columns of `SHOW tidegate.pins`.
const PIN_COLUMNS: [&str; 5] = ["session", "user", "database", "backend_pid", "reason"];

/// The columns of `SHOW tidegate.backends`.
const BACKEND_COLUMNS: [&str; 6] = [
    "backend",
    "engine",
    "role",
    "health",
    "relations",
    "not_ready",
];

/// A statement for the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalCommand {
    /// `EXPLAIN ROUTE [VERBOSE] statement`.
    ExplainRoute {
        /// The inner statement.
        text: Vec<u8>,
        /// Every rule that was tried is told, and who read the statement in which time.
        verbose: bool,
    },
    /// `SHOW tidegate.name`
    Show(String),
    /// `SET [LOCAL] tidegate.name = value`.
    Set {
        /// The setting, without `tidegate.`.
        name: String,
        /// `None` for `DEFAULT`.
        value: Option<String>,
        /// `SET LOCAL`.
        local: bool,
    },
    /// `RESET tidegate.name`
    Reset(String),
    /// `DEALLOCATE name` of a statement that only analytic connections have.
    Deallocate(String),
    /// A BEGIN, COMMIT or ROLLBACK that the default backend need not hear of.
    Transaction {
        /// What it does.
        facts: Arc<StatementFacts>,
        /// Its text.
        key: Arc<StatementKey>,
    },
    /// `RESET name` or `SET name TO DEFAULT` of a setting of an analytic engine's own.
    ResetOwn {
        /// The setting.
        name: &'static str,
        /// `SET LOCAL`
        local: bool,
        /// `set` or `reset`
        kind: &'static str,
    },
    /// A definition on the analytic side, a setting of its engine's own, or a definition that it has no need of: its text.
    Define(Vec<u8>),
    /// Stands for an unnamed statement whose Parse was refused.
    Gone,
}

impl LocalCommand {
    /// The command that a statement is, if it is the router's.
    #[must_use]
    pub fn of(facts: &StatementFacts, text: &[u8]) -> Option<Self> {
        let ours = |name: &str| name.strip_prefix("tidegate.").map(str::to_owned);
        match &facts.session {
            SessionEffect::ExplainRoute { inner, verbose } => Some(Self::ExplainRoute {
                text: text.get(inner.clone()).unwrap_or_default().to_vec(),
                verbose: *verbose,
            }),
            SessionEffect::Show(Some(name)) => ours(name).map(Self::Show),
            SessionEffect::Set { name, value, local } => ours(name).map(|name| Self::Set {
                name,
                value: value.as_deref().map(unquote),
                local: *local,
            }),
            SessionEffect::Reset(Some(name)) => ours(name).map(Self::Reset),
            _ => None,
        }
    }

    /// Whether it answers rows.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        matches!(self, Self::ExplainRoute { .. } | Self::Show(_))
    }

    /// Appends its RowDescription, or NoData.
    pub fn put_columns(&self, out: &mut BytesMut) {
        match self {
            Self::ExplainRoute { verbose: true, .. } => {
                compose::put_text_columns(out, &[&ROUTE_COLUMNS[..], &VERBOSE_COLUMNS].concat());
            }
            Self::ExplainRoute { .. } => compose::put_text_columns(out, &ROUTE_COLUMNS),
            Self::Show(name) if name == "last_route" => {
                compose::put_text_columns(out, &ROUTE_COLUMNS)
            }
            Self::Show(name) if name == "pins" => compose::put_text_columns(out, &PIN_COLUMNS),
            Self::Show(name) if name == "backends" => {
                compose::put_text_columns(out, &BACKEND_COLUMNS);
            }
            Self::Show(name) => compose::put_text_columns(out, &[&format!("tidegate.{name}")]),
            _ => out.extend_from_slice(b"n\0\0\0\x04"),
        }
    }
}

/// Appends an explanation's row, a notice with the refusal where it is one, and the end of the command.
pub fn put_route(out: &mut BytesMut, explained: Option<&Explanation>, verbose: bool, tag: &str) {
    if let Some(route) = explained {
        let (reads, writes) = (route.reads.join(", "), route.writes.join(", "));
        if let Some(refused) = &route.refused {
            let notice = ClientError {
                detail: refused.detail.clone(),
                hint: refused.hint.clone(),
                ..ClientError::refused(refused.sqlstate, format!("refused: {}", refused.message))
            };
            compose::put_notice(out, "NOTICE", &notice);
        }
        let took = route.took_ns.map(|took| took.to_string());
        let lines: Vec<String> = route
            .relations
            .iter()
            .flat_map(RelationTold::lines)
            .collect();
        let relations = lines.join("\n");
        let row = [
            Some(route.statement.as_str()),
            Some(route.kind),
            Some(reads.as_str()),
            Some(writes.as_str()),
            route.target.as_deref(),
            route.rule.as_deref(),
            Some(route.reason),
            Some(route.parsed_by),
            Some(relations.as_str()),
            took.as_deref(),
        ];
        let shown = if verbose {
            row.len()
        } else {
            ROUTE_COLUMNS.len()
        };
        compose::put_text_row(out, &row[..shown]);
    }
    compose::put_command_complete(out, tag);
}

/// Appends a row for each backend, and the end of the command.
pub fn put_backends(out: &mut BytesMut, backends: &[BackendStatus]) {
    for backend in backends {
        let relations = backend.relations.map(|count| count.to_string());
        let not_ready = backend.shown_unready(usize::MAX);
        let row = [
            Some(backend.name.as_str()),
            Some(backend.engine),
            Some(backend.role()),
            Some(backend.health),
            relations.as_deref(),
            Some(not_ready.as_str()),
        ];
        compose::put_text_row(out, &row);
    }
    compose::put_command_complete(out, "SHOW");
}

/// Sets `tidegate.to`.
///
/// # Errors
/// When there is no such setting or backend, or the user may not give hints.
pub fn set(
    view: &mut SessionView,
    table: &RoutingTable,
    name: &str,
    value: Option<&str>,
) -> Result<(), ClientError> {
    if name != "to" {
        return Err(unknown(name));
    }
    let value = value.unwrap_or("auto");
    let folded = value.to_ascii_lowercase();
    if folded == "auto" {
        view.hint = None;
        return Ok(());
    }
    if !table.config.allows_hints(&view.user) {
        let message = format!("user \"{}\" may not say where statements go", view.user);
        return Err(ClientError::refused(INSUFFICIENT_PRIVILEGE, message)
            .hint("List the user under hints: in router.yaml."));
    }
    let known = |name: &String| {
        matches!(name.as_str(), "oltp" | "analytic") || table.config.backend_index(name).is_some()
    };
    let Some(value) = [value.to_owned(), folded].into_iter().find(known) else {
        let mut names = vec!["auto", "oltp", "analytic"];
        let backends = table
            .config
            .backends
            .iter()
            .map(|backend| backend.name.as_str());
        names.extend(backends.filter(|name| !matches!(*name, "oltp" | "analytic")));
        let message = format!("invalid value for parameter \"tidegate.to\": \"{value}\"");
        return Err(ClientError::refused(INVALID_PARAMETER_VALUE, message)
            .hint(format!("Available values: {}.", names.join(", "))));
    };
    view.hint = Some(Hint::To(value));
    Ok(())
}

/// The value of `tidegate.to`.
#[must_use]
pub fn shown_hint(view: &SessionView) -> &str {
    match &view.hint {
        Some(Hint::To(name)) => name,
        _ => "auto",
    }
}

/// A setting that does not exist.
#[must_use]
pub fn unknown(name: &str) -> ClientError {
    let message = format!("unrecognized configuration parameter \"tidegate.{name}\"");
    ClientError::refused(UNDEFINED_OBJECT, message)
        .hint("There are tidegate.to, tidegate.last_route, tidegate.pins and tidegate.backends.")
}

/// A setting's value without the quotes of its source text.
fn unquote(value: &str) -> String {
    let value = value.trim();
    for quote in ['\'', '"'] {
        if let Some(inner) = value
            .strip_prefix(quote)
            .and_then(|v| v.strip_suffix(quote))
        {
            return inner.to_owned();
        }
    }
    value.to_owned()
}
