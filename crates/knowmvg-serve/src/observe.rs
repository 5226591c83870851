//! One line in the log and one count for every request, and an id that joins them.
//!
//! A line has the route and not the path, because a path can hold anything; nor does it have the query, a header or
//! anything of the body.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;

use crate::app::App;
use crate::problem::Told;
use crate::store::random_id;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Of a path that no route has.
const NO_ROUTE: &str = "none";

/// Where lines of the log go; a line is one JSON object without a line break.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// Headers that every response has.
///
/// The page has everything inside: no script, style or picture comes from elsewhere, and it can't be framed.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Around every request.
pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = name(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    // An id of the client's own could be anything, e.g. that of a patient.
    let id = random_id().unwrap_or_default();
    let mut response = next.run(request).await;
    set_headers(&mut response, &id);
    let status = response.status().as_u16();
    app.metrics().answered(&route, method, status);
    app.log(&json!({
        "time": SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        "request": id,
        "method": method,
        "route": route,
        "status": status,
        "problem": response.extensions().get::<Told>().map(|told| told.0),
        "milliseconds": start.elapsed().as_millis() as u64,
    }));
    response
}

fn set_headers(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// A method of HTTP; others could be any word.
fn name(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}
