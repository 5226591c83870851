//! [`App`]: what requests share, and the routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};
use knowmvg::grounder::Grounder;
use tower_http::cors::CorsLayer;

use crate::batch::Batches;
use crate::config::{Config, ConfigError, Limits};
use crate::jobs::Job;
use crate::metrics::Metrics;
use crate::observe::{Log, observe};
use crate::oidc::Issuer;
use crate::pool::Pool;
use crate::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem};
use crate::sessions::Encoded;
use crate::store::{Store, WhenFull};
use crate::{ask, export, ground, guard, health, inference, jobs, layers, page, sessions};

/// The server without its socket: a model, what is kept between requests, and the routes to it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    grounder: &'static Grounder,
    config: Config,
    issuer: Option<Issuer>,
    log: Log,
    metrics: Metrics,
    pool: Pool,
    batches: Option<Batches>,
    sessions: Store<Encoded>,
    jobs: Store<Job>,
    is_stopping: AtomicBool,
}

/// Whether a route needs the token, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// It tells nothing of what was worked on.
    Open,
    Token,
}

/// A path with a method.
struct Route {
    method: &'static str,
    path: &'static str,
    access: Access,
    handler: MethodRouter<App>,
}

fn routes() -> Vec<Route> {
    let route = |access, method, path, handler| Route { method, path, access, handler };
    let mut routes = vec![
        route(Access::Token, "POST", "/v1/ground", post(ground::ground)),
        route(Access::Token, "POST", "/v1/ask", post(ask::ask)),
        route(Access::Token, "POST", "/v1/sessions", post(sessions::create)),
        route(Access::Token, "GET", "/v1/sessions/{id}", get(sessions::show)),
        route(Access::Token, "DELETE", "/v1/sessions/{id}", delete(sessions::delete)),
        route(Access::Token, "GET", "/v1/sessions/{id}/image", get(sessions::image)),
        route(Access::Token, "POST", "/v1/sessions/{id}/ground", post(sessions::ground)),
        route(Access::Token, "POST", "/v1/sessions/{id}/ask", post(ask::ask_in_session)),
        route(Access::Token, "POST", "/v1/sessions/{id}/layers/{layer}/{finding}", post(layers::layer)),
        route(Access::Token, "POST", "/v1/sessions/{id}/export", post(export::export)),
        route(Access::Token, "POST", "/v1/jobs", post(jobs::create)),
        route(Access::Token, "GET", "/v1/jobs/{id}", get(jobs::show)),
        route(Access::Token, "DELETE", "/v1/jobs/{id}", delete(jobs::delete)),
        route(Access::Token, "GET", "/v1/jobs/{id}/events", get(jobs::events)),
        route(Access::Token, "GET", "/v1/jobs/{id}/result", get(jobs::result)),
        route(Access::Token, "POST", "/v2/models/knowmvg/infer", post(inference::infer)),
        route(Access::Open, "GET", "/v2", get(inference::server)),
        route(Access::Open, "GET", "/v2/health/live", get(health::live)),
        route(Access::Open, "GET", "/v2/health/ready", get(health::ready)),
        route(Access::Open, "GET", "/v2/models/knowmvg", get(inference::model)),
        route(Access::Open, "GET", "/v2/models/knowmvg/ready", get(health::ready)),
        route(Access::Token, "GET", "/metrics", get(health::metrics)),
        route(Access::Open, "GET", "/health/live", get(health::live)),
        route(Access::Open, "GET", "/health/ready", get(health::ready)),
    ];
    let assets = page::ASSETS.iter();
    routes.extend(assets.map(|asset| route(Access::Open, "GET", asset.path, get(|| async { asset.response() }))));
    routes
}

/// Method and path of everything that the server answers, as `openapi.json` has it.
pub fn endpoints() -> Vec<(&'static str, &'static str)> {
    routes().iter().map(|route| (route.method, route.path)).collect()
}

impl App {
    /// From a model, which lives as long as the program: kept images refer to it.
    ///
    /// # Errors
    /// When the configuration may not run.
    pub fn new(grounder: &'static Grounder, config: Config, log: Log) -> Result<Self, ConfigError> {
        config.check()?;
        let limits = &config.limits;
        let issuer = config.oidc.clone().map(|oidc| Issuer::new(oidc, log.clone())).transpose()?;
        Ok(Self(Arc::new(Inner {
            grounder,
            issuer,
            metrics: Metrics::default(),
            pool: Pool::new(limits.workers, limits.queue),
            batches: Batches::new(limits),
            sessions: Store::new(limits.sessions, limits.session_ttl, WhenFull::DropOldest),
            jobs: Store::new(limits.jobs, limits.job_ttl, WhenFull::Refuse),
            is_stopping: AtomicBool::new(false),
            log,
            config,
        })))
    }

    /// Every route, guarded and observed.
    pub fn router(&self) -> Router {
        let (open, closed): (Vec<Route>, Vec<Route>) =
            routes().into_iter().partition(|route| route.access == Access::Open);
        let collect = |routes: Vec<Route>| {
            routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler))
        };
        let closed = collect(closed).route_layer(from_fn_with_state(self.clone(), guard::token));
        let router = collect(open).merge(closed).fallback(no_path).method_not_allowed_fallback(no_method);
        let router = router
            .layer(DefaultBodyLimit::max(self.limits().body_bytes))
            .layer(from_fn_with_state(self.clone(), guard::neighbours));
        let router = match self.cors() {
            Some(cors) => router.layer(cors),
            None => router,
        };
        router.layer(from_fn_with_state(self.clone(), observe)).with_state(self.clone())
    }

    /// For the sites that were allowed; browsers ask before they let a page use a foreign server.
    fn cors(&self) -> Option<CorsLayer> {
        let origins = self.config().allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        let origins: Vec<HeaderValue> = origins.collect();
        let layer = CorsLayer::new()
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
            .expose_headers([header::LOCATION, header::RETRY_AFTER]);
        (!origins.is_empty()).then(|| layer.allow_origin(origins))
    }

    /// Drops sessions and jobs whose time is over.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.sessions().sweep(now);
        self.jobs().sweep(now);
    }

    /// Not ready any more; jobs end, requests go on.
    pub fn stop(&self) {
        self.0.is_stopping.store(true, Ordering::Relaxed);
        self.jobs().values().iter().for_each(|job| job.cancel());
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn grounder(&self) -> &'static Grounder {
        self.0.grounder
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Who makes access tokens for this server.
    pub(crate) fn issuer(&self) -> Option<&Issuer> {
        self.0.issuer.as_ref()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.config.limits
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// The line before the decoder, if requests are decoded together.
    pub(crate) fn batches(&self) -> Option<&Batches> {
        self.0.batches.as_ref()
    }

    pub(crate) fn sessions(&self) -> &Store<Encoded> {
        &self.0.sessions
    }

    pub(crate) fn jobs(&self) -> &Store<Job> {
        &self.0.jobs
    }

    pub(crate) fn log(&self, line: &serde_json::Value) {
        (self.0.log)(&line.to_string());
    }
}

async fn no_path() -> Problem {
    Problem::new(&NOT_FOUND, "expected a path that this server has")
}

async fn no_method() -> Problem {
    Problem::new(&METHOD_NOT_ALLOWED, "expected another method for this path")
}
