//! Which rules were tried for a relation, and why did one not decide?
//!
//! For people who ask; the path of a statement never comes here. What each rule said is computed by the code that decides.

use serde::Serialize;

use super::decide::place_of;
use super::place::{self, Home, Mismatch, Place};
use super::table::{RoutingTable, RuleId};
use super::view::SessionView;
use crate::catalog::{BackendCatalog, Details, Origin};
use crate::config::{Route, ShapeRule};
use crate::sql::{Access, RelationUse, Shape, StatementFacts};

/// Rules told of one statement, so that an answer stays readable and bounded whatever it names.
const TRIED_MAX: usize = 1000;
/// Base relations told of one view.
const VIEW_BASES_TOLD: usize = 20;

/// One relation of a statement, and how its home was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelationTold {
    /// `schema.name` where the schema is known.
    pub name: String,
    /// What the statement does with it: `read`, `lock`, `write`, `define` or `reference`.
    pub access: &'static str,
    /// `oltp`, `system`, `temporary`, `analytic`, `mirrored` or `unknown`.
    pub home: &'static str,
    /// The backends that can answer for it; none where nobody knows it.
    pub backends: Vec<String>,
    /// Where its rows come from, for each backend that knows: what a view reads, what a copy is copied from. Not told of most relations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<String>,
    /// The rules in the order in which they were tried, the one that decided last.
    pub tried: Vec<Tried>,
}

impl RelationTold {
    /// The same for people: a line for the relation, one for where its rows come from, and one for each rule, the one that decided behind
    /// an arrow.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let (name, home) = (&self.name, self.home);
        let told = if self.backends.is_empty() {
            format!("{name}: {home}, nobody has it")
        } else {
            format!("{name}: {home}, on {}", self.backends.join(" and "))
        };
        let tried = self.tried.iter().map(|tried| {
            let mark = if tried.matched { "->" } else { "  " };
            format!("{mark} {}: {}", tried.rule, tried.why)
        });
        let rows = self.rows.iter().map(|told| format!("   {told}"));
        std::iter::once(told).chain(rows).chain(tried).collect()
    }
}

/// What one rule made of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The rule, `routes[0] dashboards`.
    pub rule: String,
    /// Whether it decided.
    pub matched: bool,
    /// Why, or why not.
    pub why: String,
}

/// Tells of every relation of a statement.
pub(super) fn relations(
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
) -> Vec<RelationTold> {
    let mut left = TRIED_MAX;
    let mut told = Vec::with_capacity(facts.relations.len());
    for used in &facts.relations {
        let at = place_of(used, facts, view, table);
        let tried = if at.home == Home::Temporary {
            Vec::new()
        } else {
            place::tried(&used.name, facts.shape, view, table)
        };
        told.push(RelationTold {
            name: full_name(used, at.schema),
            access: access(used.access),
            home: home(at.home),
            backends: backends(at.home, table),
            rows: rows(used, at, table),
            tried: listed(tried, &mut left, facts.shape, view, table),
        });
    }
    told
}

/// A relation's name with the schema that it was found in.
pub(super) fn full_name(used: &RelationUse, schema: Option<&str>) -> String {
    match schema {
        Some(schema) => format!("{schema}.{}", used.name.name),
        None => used.name.to_string(),
    }
}

/// The word for a shape, as `shape:` has it.
pub(super) fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Plain => "plain",
        Shape::Aggregate => "aggregate",
        Shape::Point => "point",
    }
}

fn listed(
    tried: Vec<(RuleId, Result<Home, Mismatch>)>,
    left: &mut usize,
    shape: Shape,
    view: &SessionView,
    table: &RoutingTable,
) -> Vec<Tried> {
    // The rule that decides is the one that matters most, so it is told even where the bound has been reached.
    let mut found = Vec::new();
    for (id, outcome) in tried {
        let Some(rule) = table.rule(id) else { continue };
        if outcome.is_err() && *left == 0 {
            continue;
        }
        *left = left.saturating_sub(1);
        found.push(Tried {
            rule: rule.label(),
            matched: outcome.is_ok(),
            why: match outcome {
                Ok(home) => decided(home, rule, shape, table),
                Err(mismatch) => passed(mismatch, rule, shape, view, table),
            },
        });
    }
    found
}

fn decided(home: Home, rule: &Route, read: Shape, table: &RoutingTable) -> String {
    let to = table.backend_name(rule.to);
    match home {
        Home::Mirrored { sent: true, .. } => format!("reads go to \"{to}\", all else stays"),
        Home::Mirrored { sent: false, .. } => {
            let (wanted, is) = (wanted(rule.shape), shape(read));
            format!("mirrored, and stays: the rule sends shape {wanted}, this is {is}")
        }
        _ => format!("it lives on \"{to}\""),
    }
}

fn passed(
    mismatch: Mismatch,
    rule: &Route,
    read: Shape,
    view: &SessionView,
    table: &RoutingTable,
) -> String {
    let to = table.backend_name(rule.to);
    match mismatch {
        Mismatch::Relations => "none of its relations fits".to_owned(),
        Mismatch::Users => format!("none of its users fits \"{}\"", view.user),
        Mismatch::Databases => format!("none of its databases fits \"{}\"", view.database),
        Mismatch::Applications => format!("none of its applications fits \"{}\"", view.application),
        Mismatch::Shape => {
            let (wanted, is) = (wanted(rule.shape), shape(read));
            format!("it is for shape {wanted}, this is {is}")
        }
        Mismatch::NotThere => format!("by its catalog \"{to}\" does not have the relation"),
        Mismatch::NamesNone => {
            format!("it names no relations, and no catalog has seen this one on \"{to}\"")
        }
        Mismatch::TooWide => "it names everything, and no catalog knows this one".to_owned(),
    }
}

fn wanted(shape: ShapeRule) -> &'static str {
    match shape {
        ShapeRule::Any => "any",
        ShapeRule::Aggregate => "aggregate",
        ShapeRule::Point => "point",
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Lock => "lock",
        Access::Write => "write",
        Access::Define => "define",
        Access::Reference => "reference",
    }
}

/// Where a relation's rows come from, by the catalogs of the backends that have it.
fn rows(used: &RelationUse, at: Place<'_>, table: &RoutingTable) -> Vec<String> {
    let Some(schema) = at.schema.filter(|_| at.home != Home::Temporary) else {
        return Vec::new();
    };
    let mut told = Vec::new();
    for (index, known) in table.catalog.backends.iter().enumerate() {
        let name = &used.name.name;
        let known = known
            .as_ref()
            .filter(|known| known.kind(schema, name).is_some());
        let Some(known) = known else { continue };
        let backend = table.backend_name(index);
        if let Some(details) = known.details(schema, name) {
            told.extend(
                lineage(details, index, known, table).map(|line| format!("on {backend}: {line}")),
            );
        }
        if let Some(why) = known.unready(schema, name) {
            told.push(format!("on {backend}: not ready, {why}"));
        }
    }
    told
}

fn lineage(
    details: &Details,
    index: usize,
    known: &BackendCatalog,
    table: &RoutingTable,
) -> impl Iterator<Item = String> {
    let over: Vec<String> = details
        .over
        .iter()
        .take(VIEW_BASES_TOLD)
        .map(|base| {
            let beyond = known.details(&base.schema, &base.name);
            match beyond.and_then(|beyond| beyond.origin.as_ref()) {
                Some(origin) => format!("{base} ({})", copied(origin, index, table)),
                None => base.to_string(),
            }
        })
        .collect();
    let view = (!over.is_empty()).then(|| format!("a view over {}", over.join(", ")));
    let origin = details
        .origin
        .as_ref()
        .map(|origin| copied(origin, index, table));
    let lacks = (!details.lacks.is_empty()).then(|| format!("lacks {}", details.lacks.join(", ")));
    view.into_iter().chain(origin).chain(lacks)
}

/// What a relation is a copy of, and how that is known.
fn copied(origin: &Origin, index: usize, table: &RoutingTable) -> String {
    let (relation, through) = (&origin.relation, &origin.through);
    // The default backend holds no copies: what it has from elsewhere it fetches.
    let verb = if index == table.config.default {
        "fetched"
    } else {
        "copied"
    };
    match origin.proven {
        Some((backend, proof)) => format!(
            "{verb} from {relation} of {} by {through}, proven by {}",
            table.backend_name(backend),
            proof.as_str()
        ),
        None => format!("{verb} from {relation} of another server by {through}"),
    }
}

fn home(home: Home) -> &'static str {
    match home {
        Home::Oltp => "oltp",
        Home::System => "system",
        Home::Temporary => "temporary",
        Home::Analytic(_) => "analytic",
        Home::Mirrored { .. } => "mirrored",
        Home::Unknown => "unknown",
    }
}

fn backends(home: Home, table: &RoutingTable) -> Vec<String> {
    let default = table.config.default;
    let indices = match home {
        Home::Oltp | Home::System | Home::Temporary => vec![default],
        Home::Analytic(index) => vec![index],
        Home::Mirrored { analytic, .. } => vec![default, analytic],
        Home::Unknown => Vec::new(),
    };
    let name = |index| table.backend_name(index).to_owned();
    indices.into_iter().map(name).collect()
}
