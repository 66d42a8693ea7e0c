//! Where does one relation live, for one session?
//!
//! An unqualified name is looked for as PostgreSQL does it: temporary relations, system catalogs, then each schema of the
//! search path, over the union of both catalogs. Rules come before discovery; see `docs/routing.md`.

use super::table::{RoutingTable, RuleId};
use super::view::SessionView;
use crate::config::{Pattern, RelationPattern, Route, ShapeRule};
use crate::sql::{RelationName, Shape};

/// Where a relation lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// On the default backend only.
    Oltp,
    /// A system catalog, answered by the default backend.
    System,
    /// Made by this session, temporary.
    Temporary,
    /// On one analytic backend only.
    Analytic(usize),
    /// On the default backend and on an analytic one; `sent` when a rule sends such reads there.
    Mirrored {
        /// The analytic backend.
        analytic: usize,
        /// A rule says so.
        sent: bool,
    },
    /// Neither a rule nor a catalog knows it.
    Unknown,
}

/// Where a relation lives and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Where.
    pub home: Home,
    /// The rule that said so.
    pub rule: Option<RuleId>,
    /// The schema it was found in, where it is known or written.
    pub schema: Option<&'a str>,
}

/// Why a rule does not decide for a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// None of its `relations` fits.
    Relations,
    /// None of its `users` fits.
    Users,
    /// None of its `databases` fits.
    Databases,
    /// None of its `applications` fits.
    Applications,
    /// Its `shape` is another, and it would keep the statement on the default backend.
    Shape,
    /// By the catalogs only the default backend has the relation.
    NotThere,
    /// It names no relation, and no catalog has seen this one on its backend.
    NamesNone,
    /// It names everything, and no catalog knows the relation.
    TooWide,
}

/// Where catalogs alone see a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen<'a> {
    schema: Option<&'a str>,
    oltp: bool,
    analytic: Option<usize>,
}

impl Seen<'_> {
    fn anywhere(&self) -> bool {
        self.oltp || self.analytic.is_some()
    }
}

/// Finds a relation's home.
#[must_use]
pub fn place<'a>(
    name: &'a RelationName,
    shape: Shape,
    view: &'a SessionView,
    table: &RoutingTable,
) -> Place<'a> {
    if let Some((home, schema)) = reserved(name, view, table) {
        return Place {
            home,
            rule: None,
            schema: Some(schema),
        };
    }
    let seen = look_up(name, view, table);
    let schema = seen.schema.or(name.schema.as_deref());
    let rules = table.rules_for(&name.name);
    let claimed = try_rules(rules, name, seen, shape, view, table)
        .find_map(|(rule, outcome)| Some((rule, outcome.ok()?)));
    if let Some((rule, home)) = claimed {
        return Place {
            home,
            rule: Some(rule),
            schema,
        };
    }
    let home = match (seen.oltp, seen.analytic) {
        (true, Some(analytic)) => Home::Mirrored {
            analytic,
            sent: false,
        },
        (true, None) => Home::Oltp,
        (false, Some(analytic)) => Home::Analytic(analytic),
        (false, None) => Home::Unknown,
    };
    Place {
        home,
        rule: None,
        schema,
    }
}

/// What every rule that was tried makes of a relation, up to the one that decides. None is tried for temporary relations and
/// system catalogs.
pub(super) fn tried(
    name: &RelationName,
    shape: Shape,
    view: &SessionView,
    table: &RoutingTable,
) -> Vec<(RuleId, Result<Home, Mismatch>)> {
    if reserved(name, view, table).is_some() {
        return Vec::new();
    }
    let mut tried = Vec::new();
    // Those too that cannot match, as one who asks wants to know why.
    let all = table.config.routes.iter();
    let seen = look_up(name, view, table);
    for (rule, outcome) in try_rules(all, name, seen, shape, view, table) {
        tried.push((rule, outcome));
        if outcome.is_ok() {
            break;
        }
    }
    tried
}

/// Rules in their order, with what each makes of a relation.
fn try_rules<'a>(
    rules: impl Iterator<Item = &'a Route>,
    name: &'a RelationName,
    seen: Seen<'a>,
    shape: Shape,
    view: &'a SessionView,
    table: &'a RoutingTable,
) -> impl Iterator<Item = (RuleId, Result<Home, Mismatch>)> {
    let schema = seen.schema.or(name.schema.as_deref());
    rules.map(move |rule| {
        let outcome = speaks_of(rule, schema, &name.name, view)
            .and_then(|()| ruled(rule, seen, &name.name, shape, view, table));
        (RuleId(rule.index), outcome)
    })
}

/// Temporary relations and system catalogs, which no rule can claim.
fn reserved<'a>(
    name: &'a RelationName,
    view: &SessionView,
    table: &RoutingTable,
) -> Option<(Home, &'a str)> {
    match name.schema.as_deref() {
        Some(schema @ "rw_catalog") => Some((
            table.risingwave().map_or(Home::Unknown, Home::Analytic),
            schema,
        )),
        Some(schema @ ("pg_catalog" | "information_schema" | "pg_toast")) => {
            Some((Home::System, schema))
        }
        Some(schema) if schema.starts_with("pg_temp") => Some((Home::Temporary, schema)),
        Some(_) => None,
        None if view.temporary.contains(&name.name) => Some((Home::Temporary, "pg_temp")),
        // A user's table may be called pg_… too; then a catalog knows it.
        None if name.name.starts_with("pg_") && !look_up(name, view, table).anywhere() => {
            Some((Home::System, "pg_catalog"))
        }
        None => None,
    }
}

/// The first schema in which a catalog knows the name, and which do.
fn look_up<'a>(name: &'a RelationName, view: &'a SessionView, table: &RoutingTable) -> Seen<'a> {
    if !catalogs_describe(view, table) {
        return Seen::default();
    }
    // Most names are in no analytic catalog, which is asked of all of them at once.
    let claimed = table.may_claim(&name.name);
    if let Some(schema) = name.schema.as_deref() {
        return see(schema, &name.name, claimed, table);
    }
    let mut seen = view
        .search_path
        .iter()
        .map(|schema| see(schema, &name.name, claimed, table));
    seen.find(Seen::anywhere).unwrap_or_default()
}

/// The catalogs describe the database of the default backend's url. In any other database, and before the default
/// backend was first read, they say nothing.
fn catalogs_describe(view: &SessionView, table: &RoutingTable) -> bool {
    let config = &table.config;
    view.database == config.default_backend().url.database
        && table.catalog.backend(config.default).is_some()
}

fn see<'a>(schema: &'a str, name: &str, claimed: bool, table: &RoutingTable) -> Seen<'a> {
    let has = |index| {
        table
            .catalog
            .backend(index)
            .is_some_and(|c| c.kind(schema, name).is_some())
    };
    let analytic = table
        .config
        .analytic()
        .map(|(index, _)| index)
        .filter(|_| claimed)
        .find(|index| has(*index));
    Seen {
        schema: Some(schema),
        oltp: has(table.config.default),
        analytic,
    }
}

/// Whether a rule's conditions hold for this name and session; the shape is looked at later. A name whose schema is neither
/// written nor found may be in any schema of the search path.
fn speaks_of(
    rule: &Route,
    schema: Option<&str>,
    name: &str,
    view: &SessionView,
) -> Result<(), Mismatch> {
    let any = |patterns: &[Pattern], text: &str| {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
    };
    let named = |pattern: &RelationPattern| {
        let mut path = view.search_path.iter();
        pattern.matches(schema, name)
            || (schema.is_none() && path.any(|schema| pattern.matches(Some(schema), name)))
    };
    if !(rule.relations.is_empty() || rule.relations.iter().any(named)) {
        Err(Mismatch::Relations)
    } else if !any(&rule.users, &view.user) {
        Err(Mismatch::Users)
    } else if !any(&rule.databases, &view.database) {
        Err(Mismatch::Databases)
    } else if !any(&rule.applications, &view.application) {
        Err(Mismatch::Applications)
    } else {
        Ok(())
    }
}

/// What a rule that speaks of a relation makes of it; an error passes on to the next rule.
fn ruled(
    rule: &Route,
    seen: Seen<'_>,
    name: &str,
    shape: Shape,
    view: &SessionView,
    table: &RoutingTable,
) -> Result<Home, Mismatch> {
    let sent = match rule.shape {
        ShapeRule::Any => true,
        ShapeRule::Aggregate => shape == Shape::Aggregate,
        ShapeRule::Point => shape == Shape::Point,
    };
    if rule.to == table.config.default {
        return if sent {
            Ok(Home::Oltp)
        } else {
            Err(Mismatch::Shape)
        };
    }
    let target = table.catalog.backend(rule.to);
    let there = seen
        .schema
        .is_some_and(|s| target.is_some_and(|c| c.kind(s, name).is_some()));
    let mirrored = Home::Mirrored {
        analytic: rule.to,
        sent,
    };
    match (seen.oltp, there) {
        // On both sides: a read of the right shape is sent there, everything else stays.
        (true, true) => Ok(mirrored),
        (false, true) => Ok(Home::Analytic(rule.to)),
        // Only the default backend has it: where the target was read, nothing proves that it could answer.
        (true, false) if target.is_some() => Err(Mismatch::NotThere),
        // No catalog speaks. A rule on users or applications alone vouches for no relation.
        _ if rule.relations.is_empty() => Err(Mismatch::NamesNone),
        // `shape` says that the relation lives on both sides.
        _ if rule.shape != ShapeRule::Any => Ok(mirrored),
        (true, false) => Ok(mirrored),
        (false, false) if catalogs_describe(view, table) && target.is_some() && !vouched(rule) => {
            Err(Mismatch::TooWide)
        }
        (false, false) => Ok(Home::Analytic(rule.to)),
    }
}

/// Whether a rule names single relations rather than a glob over everything, so that a name that no catalog knows (yet) is its own.
fn vouched(rule: &Route) -> bool {
    !rule.relations.iter().any(RelationPattern::is_everything)
}
