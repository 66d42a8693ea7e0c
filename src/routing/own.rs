//! Which statements does only an analytic engine know?
//!
//! SHOW of kinds that PostgreSQL has no setting of, DESCRIBE, and settings of the engine's own. All else about the session is the default backend's
//! affair. What shows passwords is for users under `admins:`.

use super::decide::{go, is_on, place_of, refuse};
use super::decision::{Decision, Reason};
use super::place::Home;
use super::refusal;
use super::table::RoutingTable;
use super::view::SessionView;
use crate::backend::engine::{Dialect, Shown, dialect};
use crate::sql::{Hint, SessionEffect, StatementFacts};

/// The decision on a statement about the session, where only an analytic engine knows what it says.
pub(super) fn decision(
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
) -> Option<Decision> {
    let words = match &facts.session {
        SessionEffect::Show(Some(words)) => words.as_str(),
        SessionEffect::None if facts.kind == "describe" => facts.kind,
        SessionEffect::Set { name, .. } | SessionEffect::Reset(Some(name)) => {
            let (target, _) = own_setting(name, table)?;
            return Some(go(target, Reason::AnalyticOnly, None));
        }
        _ => return None,
    };
    if own_setting(words, table).is_some() {
        let target = target(facts, view, table, |dialect| {
            dialect.own_setting(words).is_some()
        })?;
        return Some(go(target, Reason::AnalyticOnly, None));
    }
    let target = target(facts, view, table, |dialect| dialect.asks(words).is_some())?;
    let asked = dialect(table.config.backends.get(target)?.engine).asks(words)?;
    let lives = lives_there(asked, target, facts, view, table)?;
    if asked.secret && !table.config.is_admin(&view.user) {
        let refused = refusal::shown_secret(words, table.backend_name(target));
        return Some(refuse(Reason::SecretOnAnalytic, None, refused));
    }
    Some(go(lives, Reason::AnalyticOnly, None))
}

/// The backend that a SHOW is about: the one that its relation lives on, where it names one.
fn lives_there(
    asked: Shown,
    target: usize,
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
) -> Option<usize> {
    if !asked.of_relation {
        return Some(target);
    }
    let [used] = facts.relations.as_slice() else {
        return None;
    };
    let home = place_of(used, facts, view, table).home;
    let engine = |at: usize| table.config.backends.get(at).map(|backend| backend.engine);
    let knows = |backend: &usize| engine(*backend) == engine(target);
    match home {
        Home::Analytic(backend) => Some(backend).filter(knows),
        // It says that there is none; PostgreSQL could not even say that.
        Home::Unknown => Some(target),
        _ => is_on(home, target).then_some(target),
    }
}

/// The first analytic backend that knows a setting which PostgreSQL does not, and its name there.
#[must_use]
pub fn own_setting(name: &str, table: &RoutingTable) -> Option<(usize, &'static str)> {
    let mut backends = table.config.backends.iter().enumerate();
    backends.find_map(|(at, backend)| {
        let known = dialect(backend.engine).own_setting(name)?;
        (at != table.config.default).then_some((at, known))
    })
}

/// The analytic backend that the client has named, if it fits, or the first that does. None where it has named the default one.
fn target(
    facts: &StatementFacts,
    view: &SessionView,
    table: &RoutingTable,
    fits: impl Fn(&dyn Dialect) -> bool,
) -> Option<usize> {
    let default = table.config.default;
    let hint = facts.hint.as_ref().or(view.hint.as_ref());
    let named = match hint.filter(|_| table.config.allows_hints(&view.user)) {
        Some(Hint::To(name)) => refusal::named_backend(name, table),
        _ => None,
    };
    if named == Some(default) {
        return None;
    }
    let fitting = |at: &usize| {
        let backend = table.config.backends.get(*at);
        *at != default && backend.is_some_and(|backend| fits(dialect(backend.engine)))
    };
    let all = 0..table.config.backends.len();
    named.into_iter().chain(all).find(fitting)
}
