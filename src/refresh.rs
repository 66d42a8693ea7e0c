//! When are PostgreSQL's own materialized views refreshed?
//!
//! `refresh:` in router.yaml lists them. One task goes through the list: a view is due when its time is over, or when a transaction that wrote
//! to one of its relations through this router has ended, and then not more often than allowed. An advisory lock keeps two routers from
//! refreshing one view at the same time. What fails is logged, counted, and tried again when the view is next due.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backend::control::Control;
use crate::config::{Config, Refresh};
use crate::limits::{REFRESH_DEBOUNCE, REFRESH_TIMEOUT};
use crate::server::Shared;
use crate::sql::{Access, RelationName, StatementFacts};

/// How long to sleep when nothing is due.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// Views that something was written for.
#[derive(Debug, Default)]
pub struct Wanted {
    views: Mutex<BTreeSet<String>>,
    news: Notify,
}

impl Wanted {
    /// Takes note of views whose relations have changed.
    pub fn add(&self, views: impl IntoIterator<Item = String>) {
        let mut held = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend(views);
        drop(held);
        self.news.notify_one();
    }

    /// Lets the list be looked at again.
    pub fn wake(&self) {
        self.news.notify_one();
    }

    fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.views.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The views that a statement's changes make stale.
pub fn made_stale<'a>(
    facts: &'a StatementFacts,
    search_path: &'a [String],
    config: &'a Config,
) -> impl Iterator<Item = String> + 'a {
    let written = facts
        .relations
        .iter()
        .filter(|used| used.access == Access::Write);
    let stale = |refresh: &&Refresh| {
        written
            .clone()
            .any(|used| concerns(refresh, &used.name, search_path))
    };
    let stale: Vec<String> = config
        .refresh
        .iter()
        .filter(stale)
        .map(|refresh| refresh.view.clone())
        .collect();
    stale.into_iter()
}

fn concerns(refresh: &Refresh, name: &RelationName, search_path: &[String]) -> bool {
    refresh
        .after_writes
        .iter()
        .any(|pattern| match &name.schema {
            Some(schema) => pattern.matches(Some(schema), &name.name),
            None => {
                pattern.matches(None, &name.name)
                    || search_path
                        .iter()
                        .any(|schema| pattern.matches(Some(schema), &name.name))
            }
        })
}

/// What is known of one view.
#[derive(Debug, Clone, Copy)]
struct State {
    /// When it was first seen in the file, or last refreshed.
    last: Instant,
    /// When it was last refreshed.
    refreshed: Option<Instant>,
    /// Since when it is stale.
    stale: Option<Instant>,
}

/// When a view is to be refreshed.
fn due(refresh: &Refresh, state: &State) -> Option<Instant> {
    let by_time = refresh.every.map(|every| state.last + every);
    let by_write = state.stale.map(|stale| {
        let soonest = stale + REFRESH_DEBOUNCE;
        let allowed = state.refreshed.map(|last| last + refresh.at_most_every);
        allowed.map_or(soonest, |allowed| allowed.max(soonest))
    });
    by_time.into_iter().chain(by_write).min()
}

/// Refreshes views for as long as the router lives.
pub async fn run(shared: Arc<Shared>) {
    let mut states: HashMap<String, State> = HashMap::new();
    loop {
        let config = Arc::clone(&shared.snapshot().table.config);
        let now = Instant::now();
        let fresh = State {
            last: now,
            refreshed: None,
            stale: None,
        };
        states.retain(|view, _| config.refresh.iter().any(|refresh| refresh.view == *view));
        for view in shared.refreshes.take() {
            states.entry(view).or_insert(fresh).stale.get_or_insert(now);
        }
        let mut next = now + NEVER;
        for refresh in &config.refresh {
            let state = states.entry(refresh.view.clone()).or_insert(fresh);
            let Some(at) = due(refresh, state) else {
                continue;
            };
            if at > now {
                next = next.min(at);
                continue;
            }
            // What is written from now on makes it stale again.
            *state = State {
                last: now,
                refreshed: Some(now),
                stale: None,
            };
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = tell(&shared, refresh) => {}
            }
            next = now;
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.drain.cancelled() => return,
            () = shared.refreshes.news.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// Refreshes a view, and logs and counts how that went.
async fn tell(shared: &Shared, refresh: &Refresh) {
    let (view, begun) = (refresh.view.as_str(), Instant::now());
    let result = match once(shared, refresh).await {
        Ok(true) => {
            tracing::info!(view, seconds = begun.elapsed().as_secs_f64(), "refreshed");
            "ok"
        }
        Ok(false) => {
            tracing::info!(view, "another router is refreshing it");
            "elsewhere"
        }
        Err(why) => {
            tracing::warn!(view, why, "cannot be refreshed");
            "failed"
        }
    };
    shared.metrics.refreshed(view, result, begun.elapsed());
}

/// Whether it was this router that refreshed it.
async fn once(shared: &Shared, refresh: &Refresh) -> Result<bool, String> {
    let snapshot = shared.snapshot();
    let backend = snapshot.oltp().ok_or("there is no default backend")?;
    let control = Control::connect(&backend.connector, REFRESH_TIMEOUT).await?;
    let literal = refresh.view.replace('\'', "''");
    // The lock ends with the connection.
    let lock = format!(
        "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext('tidegate refresh'), pg_catalog.hashtext('{literal}'))"
    );
    let got = control.rows(&lock).await?;
    let mine = got.first().and_then(|row| row.first()?.as_deref()) == Some("t");
    if mine {
        let how = if refresh.concurrently {
            "CONCURRENTLY "
        } else {
            ""
        };
        let sql = format!("REFRESH MATERIALIZED VIEW {how}{}", refresh.view);
        control.rows(&sql).await?;
    }
    Ok(mine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::sql::facts;

    fn config(refresh: &str) -> Config {
        let text = format!(
            "backends:\n  oltp: {{ engine: postgres, url: 'postgres://app@h/app' }}\nrefresh: [{refresh}]\n"
        );
        let loaded = config::parse("router.yaml", &text, &|_| None, &|_| Ok(String::new()));
        loaded
            .unwrap_or_else(|problems| panic!("{problems:?}"))
            .config
    }

    #[test]
    fn a_change_makes_the_views_over_its_relations_stale() {
        let config = config(
            "{ view: a, after_writes: [posts] }, { view: app.b, after_writes: ['blog.*'] }, { view: c, every: 5m }",
        );
        let path = ["app".to_owned(), "public".to_owned()];
        for (text, stale) in [
            ("insert into posts values (1)", &["a"][..]),
            ("update blog.posts set n = 1", &["a", "app.b"]),
            (
                "with x as (delete from blog.tags returning 1) select 1",
                &["app.b"],
            ),
            ("select * from posts", &[]),
            ("insert into other select * from posts", &[]),
        ] {
            let facts = facts(text.as_bytes());
            let found: Vec<String> = made_stale(&facts, &path, &config).collect();
            assert_eq!(found, stale, "{text}");
        }
    }

    #[test]
    fn a_view_is_due_by_time_and_after_writes_but_not_too_often() {
        let config = config("{ view: a, every: 5m, after_writes: [posts], at_most_every: 30s }");
        let refresh = &config.refresh[0];
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut state = State {
            last: now,
            refreshed: None,
            stale: None,
        };
        assert_eq!(due(refresh, &state), Some(now + 300 * second));
        state.stale = Some(now + second);
        assert_eq!(due(refresh, &state), Some(now + second + REFRESH_DEBOUNCE));
        state.refreshed = Some(now);
        assert_eq!(due(refresh, &state), Some(now + 30 * second));
    }
}
