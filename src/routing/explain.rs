//! How is a decision told to a person?
//!
//! The same [`decide`] as on the wire, with every relation's resolved name beside it.

use serde::Serialize;

use super::decide::decide;
use super::decision::Decision;
use super::place::place;
use super::table::RoutingTable;
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
        let name = match place(&used.name, facts.shape, view, table).schema {
            Some(schema) => format!("{schema}.{}", used.name.name),
            None => used.name.to_string(),
        };
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
    }
}
