//! A server without a socket, and requests to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use knowmvg::grounder::Grounder;
use knowmvg_serve::{App, Config, Limits, Log};
use serde_json::Value;
use tower::ServiceExt;

use crate::contract;
use crate::form::Form;

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

pub fn bytes(path: &str) -> Vec<u8> {
    std::fs::read(repository(path)).expect("the file is committed")
}

pub fn sample_image() -> Vec<u8> {
    bytes("samples/rg1.dcm")
}

pub fn sample_report() -> String {
    String::from_utf8(bytes("samples/rg1-report.txt")).expect("the report is text")
}

/// Of 40 x 34 pixels; the name in its header is `CANARY`.
pub fn small_image() -> Vec<u8> {
    bytes("fixtures/readable/native-explicit.dcm")
}

/// The shipped model.
pub fn grounder() -> &'static Grounder {
    static GROUNDER: OnceLock<&'static Grounder> = OnceLock::new();
    GROUNDER.get_or_init(|| {
        let loaded = Grounder::load(&repository("models")).expect("the model is committed");
        Box::leak(Box::new(loaded))
    })
}

/// Runs a test with timers and threads.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}

/// A server with its log.
#[derive(Clone)]
pub struct Client {
    pub app: App,
    router: Router,
    lines: Arc<Mutex<Vec<String>>>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub fn new(limits: Limits) -> Self {
        Self::with(Config { limits, ..Config::default() })
    }

    pub fn with(config: Config) -> Self {
        Self::of(grounder(), config)
    }

    pub fn of(grounder: &'static Grounder, config: Config) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        let log: Log = Arc::new(move |line| kept.lock().unwrap().push(line.to_owned()));
        let app = App::new(grounder, config, log).expect("a configuration that may run");
        Self { router: app.router(), app, lines }
    }

    /// Lines of the log.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Sends a request and holds the answer against `openapi.json`.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let asked = (request.method().clone(), request.uri().path().to_owned());
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        contract::check(asked.0.as_str(), &asked.1, &answer);
        answer
    }

    /// Sends a request, and leaves the body of the answer to be read.
    pub async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.expect("the router answers everything")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(request("DELETE", path).body(Body::empty()).unwrap()).await
    }

    pub async fn post_json(&self, path: &str, json: impl ToString) -> Answer {
        let request = request("POST", path).header("content-type", "application/json");
        self.send(request.body(Body::from(json.to_string())).unwrap()).await
    }

    pub async fn post_form(&self, path: &str, form: Form) -> Answer {
        self.post_bytes(path, &Form::content_type(), form.whole()).await
    }

    pub async fn post_bytes(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        self.send(request("POST", path).header("content-type", content_type).body(body.into()).unwrap()).await
    }
}

/// A request as a browser on this machine sends it.
pub fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "127.0.0.1:8017")
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The last part of the type of a problem, which has to have a hint.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert!(["title", "detail", "hint"].iter().all(|key| json[key].as_str().is_some_and(|text| !text.is_empty())));
        let kind = json["type"].as_str().expect("a type");
        kind.strip_prefix("urn:knowmvg:problem:").expect("a type of ours").to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// Limits that no test reaches by chance on a slow machine.
pub fn patient() -> Limits {
    Limits { timeout: Duration::from_secs(600), ..Limits::default() }
}
