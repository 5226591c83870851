//! `/health/live`, `/health/ready` and `/metrics`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::metrics::Now;

/// The program runs.
pub(crate) async fn live() -> Response {
    said(StatusCode::OK, "{\"status\":\"live\"}")
}

/// The model is loaded, and the server does not stop: a balancer may send requests.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    if app.is_stopping() {
        return said(StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"stopping\"}");
    }
    said(StatusCode::OK, "{\"status\":\"ready\"}")
}

fn said(status: StatusCode, body: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Counters for Prometheus.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let (running, waiting) = app.pool().load();
    let now = Now { running, waiting, sessions: app.sessions().len(), jobs: app.jobs().len() };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics().text(now)).into_response()
}
