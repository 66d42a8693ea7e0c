//! Which rules are there, and can each of them match?
//!
//! The first rule that matches wins, so a rule behind a wider one is dead. That is decided
//! conservatively: a warning is only given when every statement that fits the later rule surely fits
//! the earlier one.

use super::{
    BadPattern, Pattern, RelationPattern, Route, ShapeRule,
    file::RouteKeys,
    nearest::suggest,
    problem::{Report, child},
};

/// Most pairs of patterns that are compared in the search for dead rules.
const COMPARISONS_MAX: usize = 250_000;
/// Longest name of a rule, in characters.
const NAME_CHARS_MAX: usize = 63;

/// Reads the rules; `backends` are the names that `to` may have.
pub(super) fn routes(keys: Vec<RouteKeys>, backends: &[String], report: &mut Report) -> Vec<Route> {
    let routes: Vec<Route> = keys
        .into_iter()
        .enumerate()
        .map(|(index, keys)| route(index, keys, backends, report))
        .collect();
    warn_of_names(&routes, report);
    warn_of_dead(&routes, report);
    routes
}

fn route(index: usize, keys: RouteKeys, backends: &[String], report: &mut Report) -> Route {
    let path = format!("routes[{index}]");
    if let Some(name) = &keys.name {
        let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
        if !fits || name.contains(|c: char| c.is_control()) {
            let message =
                format!("not a name; allowed: 1 to {NAME_CHARS_MAX} characters on one line");
            report.error(&child(&path, "name"), message);
        }
    }
    let relations = conditions(
        keys.relations,
        &child(&path, "relations"),
        RelationPattern::new,
        report,
    );
    for (at, pattern) in relations.iter().enumerate() {
        let text = pattern.as_str();
        if !text.contains('"') && text.contains(char::is_uppercase) {
            let message = "an upper-case letter, which only fits a relation that was created in \
                           double quotes; write it in lower case, or in double quotes if that is \
                           meant";
            report.warn(&format!("{path}.relations[{at}]"), message);
        }
    }
    let mut globs = |list, key| conditions(list, &child(&path, key), Pattern::new, report);
    let users = globs(keys.users, "users");
    let databases = globs(keys.databases, "databases");
    let applications = globs(keys.applications, "applications");
    let to = keys.to.and_then(|name| {
        let found = backends.iter().position(|backend| *backend == name);
        if found.is_none() && !backends.is_empty() {
            let near = suggest(&name, backends.iter().map(String::as_str));
            let message = format!("no such backend{near}; allowed: {}", backends.join(", "));
            report.error(&child(&path, "to"), message);
        }
        found
    });
    Route {
        index,
        name: keys.name,
        relations,
        users,
        databases,
        applications,
        shape: keys.shape.unwrap_or(ShapeRule::Any),
        to: to.unwrap_or(0),
    }
}

/// A condition's patterns. An empty list would match everything, which nobody means by it.
fn conditions<P>(
    list: Option<Vec<String>>,
    path: &str,
    read: impl Fn(&str) -> Result<P, BadPattern>,
    report: &mut Report,
) -> Vec<P> {
    if list.as_ref().is_some_and(Vec::is_empty) {
        report.error(path, "an empty list; allowed: at least one pattern, or leave the key out to match everything");
    }
    patterns(list, path, read, report)
}

/// The patterns of a list.
pub(super) fn patterns<P>(
    list: Option<Vec<String>>,
    path: &str,
    read: impl Fn(&str) -> Result<P, BadPattern>,
    report: &mut Report,
) -> Vec<P> {
    let list = list.unwrap_or_default();
    let mut patterns = Vec::with_capacity(list.len());
    for (at, text) in list.iter().enumerate() {
        match read(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(bad) => report.error(&format!("{path}[{at}]"), bad.to_string()),
        }
    }
    patterns
}

fn warn_of_names(routes: &[Route], report: &mut Report) {
    let mut seen = std::collections::HashMap::new();
    for route in routes {
        let Some(name) = &route.name else { continue };
        if let Some(first) = seen.get(name) {
            let message = format!(
                "routes[{first}] has the same name; give each rule its own, as metrics and EXPLAIN ROUTE show it"
            );
            report.warn(&format!("routes[{}].name", route.index), message);
        } else {
            seen.insert(name, route.index);
        }
    }
}

fn warn_of_dead(routes: &[Route], report: &mut Report) {
    if report.has_errors() {
        // A rule with a wrong pattern looks wider than it is.
        return;
    }
    let mut comparisons = 0;
    for (at, later) in routes.iter().enumerate() {
        for earlier in &routes[..at] {
            comparisons += 1
                + earlier.relations.len() * later.relations.len()
                + earlier.users.len() * later.users.len()
                + earlier.databases.len() * later.databases.len()
                + earlier.applications.len() * later.applications.len();
            if comparisons > COMPARISONS_MAX {
                return;
            }
            if covers(earlier, later) {
                let (path, label) = (format!("routes[{at}]"), earlier.label());
                report.warn(&path, format!("can never match: {label} comes first and matches all that it would; move it up, narrow the other, or remove it"));
                break;
            }
        }
    }
}

/// Whether every statement that fits `later` surely fits `earlier`.
fn covers(earlier: &Route, later: &Route) -> bool {
    // A statement without relations fits a rule that names none, and no rule that names some.
    let relations = earlier.relations.is_empty()
        || (!later.relations.is_empty()
            && later
                .relations
                .iter()
                .all(|l| earlier.relations.iter().any(|e| e.covers(l))));
    let everything = Pattern::new("*").ok();
    let globs = |earlier: &[Pattern], later: &[Pattern]| {
        let wide = |l: &Pattern| earlier.iter().any(|e| e.covers(l));
        earlier.is_empty()
            || if later.is_empty() {
                everything.as_ref().is_some_and(wide)
            } else {
                later.iter().all(wide)
            }
    };
    relations
        && globs(&earlier.users, &later.users)
        && globs(&earlier.databases, &later.databases)
        && globs(&earlier.applications, &later.applications)
        && (earlier.shape == ShapeRule::Any || earlier.shape == later.shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(relations: &[&str], users: &[&str], shape: ShapeRule) -> Route {
        Route {
            index: 0,
            name: None,
            relations: relations
                .iter()
                .map(|t| RelationPattern::new(t).unwrap())
                .collect(),
            users: users.iter().map(|t| Pattern::new(t).unwrap()).collect(),
            databases: Vec::new(),
            applications: Vec::new(),
            shape,
            to: 0,
        }
    }

    #[test]
    fn covering() {
        use ShapeRule::{Aggregate, Any, Point};
        let all = rule(&[], &[], Any);
        let orders = rule(&["orders"], &[], Any);
        let public = rule(&["public.orders", "orders"], &[], Aggregate);
        assert!(covers(&all, &orders));
        assert!(!covers(&orders, &all));
        assert!(covers(&orders, &public));
        assert!(!covers(&public, &orders));
        assert!(!covers(&rule(&[], &[], Point), &rule(&[], &[], Aggregate)));
        assert!(
            !covers(&rule(&["*"], &[], Any), &all),
            "a statement may name no relation"
        );
        assert!(covers(&rule(&[], &["*"], Any), &all), "everybody is a user");
        assert!(!covers(&rule(&["orders"], &["bi_*"], Any), &orders));
        assert!(covers(
            &rule(&["o*"], &["bi_*"], Any),
            &rule(&["orders"], &["bi_x"], Any)
        ));
    }
}
