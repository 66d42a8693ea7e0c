//! How would these statements be routed, asked over HTTP?
//!
//! `POST /api/explain` answers what `tidegate explain --json` prints, by the rules and catalogs in force. Nothing is run. A web page cannot
//! ask on a visitor's behalf: only `application/json` is taken, which a form cannot send and a script of another site may not.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::question::{self, Asker};
use crate::server::Shared;

/// Bytes of a question.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Statements of a question.
const STATEMENTS_MAX: usize = 100;
/// How long a question may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    sql: String,
    user: Option<String>,
    database: Option<String>,
    application: Option<String>,
    search_path: Option<String>,
}

/// Why a question has no answer.
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(serde_json::json!({ "error": self.1 }))).into_response()
    }
}

/// Answers a question.
pub(super) async fn explain(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match answer(&shared, &headers, body).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    if !is_json(headers) {
        let message = "content-type: is missing or another; allowed: application/json";
        return Err(Refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message.to_owned(),
        ));
    }
    let body = match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let message = format!("body: longer than {BODY_BYTES_MAX} bytes, or cut off");
            return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        Err(_) => {
            let message = format!("body: not here after {BODY_TIMEOUT:?}");
            return Err(Refusal(StatusCode::REQUEST_TIMEOUT, message));
        }
    };
    let asked: Question =
        serde_json::from_slice(&body).map_err(|why| Refusal::bad(format!("body: {why}")))?;
    let statements: Vec<&[u8]> = question::statements(asked.sql.as_bytes())
        .take(STATEMENTS_MAX + 1)
        .collect();
    if statements.is_empty() {
        return Err(Refusal::bad("sql: holds no statement"));
    }
    if statements.len() > STATEMENTS_MAX {
        let message = format!("sql: more than {STATEMENTS_MAX} statements");
        return Err(Refusal::bad(message));
    }
    let asker = Asker {
        user: asked.user,
        database: asked.database,
        application: asked.application.unwrap_or_default(),
        search_path: asked.search_path,
    };
    let table = Arc::clone(&shared.snapshot().table);
    let view = asker.view(&table.config);
    let explained: Vec<_> = statements
        .into_iter()
        .map(|statement| question::explain(statement, &view, &table))
        .collect();
    Ok(Json(explained).into_response())
}

/// Whether the body is said to be JSON; parameters such as a character set do not matter.
fn is_json(headers: &HeaderMap) -> bool {
    let told = headers.get(header::CONTENT_TYPE);
    let told = told.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = told.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/json")
}
