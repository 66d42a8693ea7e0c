//! How would these statements be routed, for this session?
//!
//! One engine behind `tidegate explain`, `tidegate replay` and `POST /api/explain`: the facts and the decision are those of the wire, and
//! only here a clock is held to them.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::routing::{self, Decision, Explanation, RoutingTable, SessionView};
use crate::sql::{self, StatementFacts};

/// PostgreSQL's `search_path` where nothing else was set.
pub const DEFAULT_SEARCH_PATH: &str = "\"$user\", public";

/// The session that statements would come from. What is left out is the default backend's own, or PostgreSQL's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Asker {
    /// The database user.
    pub user: Option<String>,
    /// The database, as the client names it.
    pub database: Option<String>,
    /// The client's `application_name`.
    pub application: String,
    /// As `SHOW search_path` prints it.
    pub search_path: Option<String>,
}

impl Asker {
    /// The session as routing sees it.
    #[must_use]
    pub fn view(&self, config: &Config) -> SessionView {
        let own = &config.default_backend().url;
        let user = self.user.as_deref().or(own.user.as_deref());
        let user = user.unwrap_or_default();
        let database = self.database.as_deref().unwrap_or(&own.database);
        let mut view = SessionView::new(user, database, &self.application);
        let path = self.search_path.as_deref().unwrap_or(DEFAULT_SEARCH_PATH);
        view.set_search_path(path, user);
        view
    }
}

/// One statement with all that is known of its route.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What it says about itself.
    pub facts: StatementFacts,
    /// Where it goes.
    pub decision: Decision,
    took: Duration,
}

impl Answer {
    /// Reads and decides one statement.
    #[must_use]
    pub fn of(statement: &[u8], view: &SessionView, table: &RoutingTable) -> Self {
        let begun = Instant::now();
        let facts = sql::facts(statement);
        let decision = routing::decide(&facts, view, table);
        Self {
            facts,
            decision,
            took: begun.elapsed(),
        }
    }

    /// The answer for people and scripts.
    #[must_use]
    pub fn explain(
        &self,
        statement: &[u8],
        view: &SessionView,
        table: &RoutingTable,
    ) -> Explanation {
        let text = String::from_utf8_lossy(statement);
        routing::explain_decision(&text, &self.facts, &self.decision, view, table).took(self.took)
    }
}

/// Explains one statement.
#[must_use]
pub fn explain(statement: &[u8], view: &SessionView, table: &RoutingTable) -> Explanation {
    Answer::of(statement, view, table).explain(statement, view, table)
}

/// The statements of a text, without those that are empty.
pub fn statements(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ranges = sql::split(text).into_iter();
    ranges.filter_map(move |range| text.get(range))
}
