//! What does the router look like now?
//!
//! One value behind both the page and the JSON. It holds no address, password or statement.

use std::fmt::Write as _;

use serde::Serialize;

use super::backends::BackendStatus;
use crate::config::Pooling;
use crate::server::Shared;

/// The router at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: &'static str,
    clients: usize,
    draining: bool,
    generation: u64,
    pooling: &'static str,
    backends: Vec<BackendStatus>,
    rules: Vec<RuleStatus>,
    sessions: Vec<SessionStatus>,
}

#[derive(Debug, Serialize)]
struct RuleStatus {
    rule: String,
    relations: Vec<String>,
    to: String,
}

#[derive(Debug, Serialize)]
struct SessionStatus {
    number: u64,
    user: String,
    database: String,
}

/// Sessions listed at most.
const SESSIONS_SHOWN: usize = 100;
/// Relations that are not ready, shown of one backend on the page.
const NOT_READY_SHOWN: usize = 20;

impl Status {
    pub(super) fn of(shared: &Shared) -> Self {
        let snapshot = shared.snapshot();
        let table = &snapshot.table;
        let rule = |rule: &crate::config::Route| RuleStatus {
            rule: rule.label(),
            relations: rule
                .relations
                .iter()
                .map(|pattern| pattern.as_str().to_owned())
                .collect(),
            to: table.backend_name(rule.to).to_owned(),
        };
        let mut sessions: Vec<_> = shared
            .sessions
            .iter()
            .take(SESSIONS_SHOWN)
            .map(|entry| SessionStatus {
                number: *entry.key(),
                user: entry.user.clone(),
                database: entry.database.clone(),
            })
            .collect();
        sessions.sort_by_key(|session| session.number);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            clients: shared.clients(),
            draining: shared.drain.is_cancelled(),
            generation: table.generation,
            pooling: match table.config.pooling {
                Pooling::Transaction => "transaction",
                Pooling::Session => "session",
            },
            backends: BackendStatus::all(&snapshot),
            rules: table.config.routes.iter().map(rule).collect(),
            sessions,
        }
    }

    /// The page: plain HTML, no script, refreshed by the browser.
    pub(super) fn page(&self) -> String {
        let mut html = String::from(HEAD);
        let drain = if self.draining { ", draining" } else { "" };
        let _ = write!(
            html,
            "<h1>Tidegate {}</h1><p>{} clients{drain}. <a href=\"/metrics\">metrics</a> \
             <a href=\"/api/status\">json</a></p>",
            self.version, self.clients
        );
        html.push_str(
            "<h2>Backends</h2><table><tr><th>name<th>engine<th>role<th>health<th>relations<th>not ready</tr>",
        );
        for b in &self.backends {
            let role = b.role();
            let relations = b
                .relations
                .map_or_else(|| "not read".to_owned(), |n| n.to_string());
            let _ = write!(
                html,
                "<tr><td>{}<td>{}<td>{role}<td class={h}>{h}<td>{relations}<td>{}</tr>",
                escape(&b.name),
                b.engine,
                escape(&b.shown_unready(NOT_READY_SHOWN)),
                h = b.health
            );
        }
        html.push_str("</table><h2>Rules</h2><table><tr><th>rule<th>relations<th>to</tr>");
        for r in &self.rules {
            let relations = escape(&r.relations.join(", "));
            let _ = write!(
                html,
                "<tr><td>{}<td>{relations}<td>{}</tr>",
                escape(&r.rule),
                escape(&r.to)
            );
        }
        html.push_str("</table><h2>Sessions</h2><table><tr><th>number<th>user<th>database</tr>");
        for s in &self.sessions {
            let (user, database) = (escape(&s.user), escape(&s.database));
            let _ = write!(html, "<tr><td>{}<td>{user}<td>{database}</tr>", s.number);
        }
        html.push_str("</table>");
        html
    }
}

const HEAD: &str = "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=5><title>Tidegate</title>\
<style>body{font:15px system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #8884}\
.up{color:#2a8}.down{color:#d33}</style>";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
