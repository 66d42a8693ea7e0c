//! How is a decision told to a person?
//!
//! The same [`decide`] as on the wire, with every relation's resolved name and the rules that were tried for it beside it.

use std::time::Duration;

use serde::Serialize;

use super::decide::{decide, place_of};
use super::decision::Decision;
use super::table::RoutingTable;
use super::tried::{self, RelationTold};
use super::view::SessionView;
use crate::error::ClientError;
use crate::sql::{Access, StatementFacts};

/// A decision with everything that led to it, as `explain --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The statement.
    pub statement: String,
    /// Its leading command.
    pub kind: &'static str,
    /// Relations it reads, as `schema.name` where the schema is known.
    pub reads: Vec<String>,
    /// Relations it writes, locks or defines.
    pub writes: Vec<String>,
    /// Who read it.
    pub parsed_by: &'static str,
    /// The backend's name, or nothing when refused.
    pub target: Option<String>,
    /// Why it is refused.
    pub refused: Option<Refused>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why, from the closed list of [`super::Reason`].
    pub reason: &'static str,
    /// How its rows are shaped, as far as rules with a `shape` are concerned: `plain`, `aggregate` or `point`.
    pub shape: &'static str,
    /// Every relation with its home, and the rules that were tried for it.
    pub relations: Vec<RelationTold>,
    /// Nanoseconds that reading and deciding took, where somebody held a clock to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ns: Option<u64>,
}

/// A refusal as the client would see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// SQLSTATE.
    pub sqlstate: &'static str,
    /// One line.
    pub message: String,
    /// Which relation lives where.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Explanation {
    /// The same, with the time that reading and deciding took.
    #[must_use]
    pub fn took(self, took: Duration) -> Self {
        Self {
            took_ns: Some(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
            ..self
        }
    }
}

impl From<&ClientError> for Refused {
    fn from(error: &ClientError) -> Self {
        Self {
            sqlstate: error.sqlstate,
            message: error.message.clone(),
            detail: error.detail.clone(),
            hint: error.hint.clone(),
        }
    }
}

/// Explains one statement.
#[must_use]
pub fn explain(
    statement: &str,
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
) -> Explanation {
    explain_decision(statement, facts, &decide(facts, view, table), view, table)
}

/// Tells a decision that was made before; names are resolved as the session sees them now.
#[must_use]
pub fn explain_decision(
    statement: &str,
    facts: &StatementFacts,
    decision: &Decision,
    view: &SessionView,
    table: &RoutingTable,
) -> Explanation {
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    for used in &facts.relations {
        let name = tried::full_name(used, place_of(used, facts, view, table).schema);
        let list = match used.access {
            Access::Read | Access::Reference => &mut reads,
            Access::Write | Access::Lock | Access::Define => &mut writes,
        };
        if !list.contains(&name) {
            list.push(name);
        }
    }
    Explanation {
        statement: statement.trim().to_owned(),
        kind: facts.kind,
        reads,
        writes,
        parsed_by: facts.parsed_by.as_str(),
        target: decision
            .target()
            .map(|index| table.backend_name(index).to_owned()),
        refused: decision
            .outcome
            .as_ref()
            .err()
            .map(|error| Refused::from(&**error)),
        rule: table.rule_label(decision.rule),
        reason: decision.reason.as_str(),
        shape: tried::shape(facts.shape),
        relations: tried::relations(facts, view, table),
        took_ns: None,
    }
}
