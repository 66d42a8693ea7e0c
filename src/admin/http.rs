//! What is served over HTTP?
//!
//! `/metrics` for Prometheus, `/healthz` (the process lives), `/readyz` (the default backend answers), `/` and `/api/status` for people and
//! scripts, `POST /api/explain` for how a statement would be routed. Reading only; nothing can be changed here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;

use super::api_explain;
use super::status::Status;
use crate::backend::health;
use crate::server::Shared;

/// Serves until the router ends.
pub async fn run(shared: Arc<Shared>, listener: TcpListener) {
    let stop = shared.stop.clone();
    let app = Router::new()
        .route("/", get(page))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/api/status", get(status))
        .route("/api/explain", post(api_explain::explain))
        .with_state(shared);
    let served = axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "http ended");
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        shared.metrics.render(),
    )
}

async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let snapshot = shared.snapshot();
    let up = snapshot
        .oltp()
        .is_some_and(|oltp| oltp.health.load(Ordering::Relaxed) == health::UP);
    match (up, shared.drain.is_cancelled()) {
        (_, true) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        (true, false) => (StatusCode::OK, "ready\n"),
        (false, false) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the default backend does not answer\n",
        ),
    }
}

async fn status(State(shared): State<Arc<Shared>>) -> Json<Status> {
    Json(Status::of(&shared))
}

async fn page(State(shared): State<Arc<Shared>>) -> Html<String> {
    Html(Status::of(&shared).page())
}
