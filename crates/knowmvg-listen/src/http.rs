//! [`Client`]: one HTTP server, with its token, certificates and time-outs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::config::{ClientTls, HttpServer};
use crate::error::ListenError;
use crate::tls::pem;

/// Longest answer in JSON.
const MAX_JSON: u64 = 16 << 20;

/// Longest token.
const MAX_TOKEN: usize = 16 << 10;

/// Redirects would send a token and a patient's data to somebody who was not named.
const REDIRECTS: u32 = 0;

/// Talks with one server.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpProblem {
    /// No connection: nothing was sent.
    Unreachable,
    /// The connection broke, or the answer was late: it may have been worked on.
    Lost,
    /// The server said so.
    Status(u16),
    /// The answer makes no sense.
    Answer,
}

impl std::fmt::Display for HttpProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable => write!(f, "the server cannot be reached"),
            Self::Lost => write!(f, "the connection was lost"),
            Self::Status(code) => write!(f, "the server answered with status {code}"),
            Self::Answer => write!(f, "the server's answer makes no sense"),
        }
    }
}

impl Client {
    /// For a server.
    ///
    /// # Errors
    /// When its address is none, or a file of its certificates or token can't be read.
    pub fn new(server: &HttpServer) -> Result<Self, ListenError> {
        let base = server.url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(ListenError::Config("expected a url that starts with http:// or https://".into()));
        }
        let config = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(server.timeout_seconds.max(1))))
            .http_status_as_error(false)
            .max_redirects(REDIRECTS)
            .max_redirects_will_error(false)
            .user_agent(concat!("knowmvg/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls_config(server.tls.as_ref())?)
            .build();
        let token = server.token_file.as_deref().map(read_token).transpose()?;
        Ok(Self { agent: config.new_agent(), base, token })
    }

    /// The address that all paths are below.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GETs JSON; an empty answer (204) is `null`.
    ///
    /// # Errors
    /// When the server can't be reached, refuses, or answers something else.
    pub fn json(&self, path: &str, query: &[(&str, &str)], accept: &str) -> Result<Value, HttpProblem> {
        let mut answer = self.get(path, query, accept)?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let body = answer.body_mut().with_config().limit(MAX_JSON).read_to_vec().map_err(problem)?;
        serde_json::from_slice(&body).map_err(|_| HttpProblem::Answer)
    }

    /// GETs bytes, at most `limit`, and their content type.
    ///
    /// # Errors
    /// When the server can't be reached, refuses, or answers more.
    pub fn bytes(&self, path: &str, accept: &str, limit: u64) -> Result<(String, Vec<u8>), HttpProblem> {
        let mut answer = self.get(path, &[], accept)?;
        let kind =
            answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let body = answer.body_mut().with_config().limit(limit).read_to_vec().map_err(problem)?;
        Ok((kind, body))
    }

    /// POSTs bytes; returns the status and the answer.
    ///
    /// # Errors
    /// When the server can't be reached or the connection breaks; a refusal is an answer.
    pub fn post(&self, path: &str, kind: &str, accept: &str, body: &[u8]) -> Result<(u16, Vec<u8>), HttpProblem> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let sent = request.header("content-type", kind).header("accept", accept).send(body);
        let mut answer = sent.map_err(problem)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_JSON).read_to_vec().map_err(|_| HttpProblem::Lost)?;
        Ok((status, body))
    }

    fn get(&self, path: &str, query: &[(&str, &str)], accept: &str) -> Result<Response<ureq::Body>, HttpProblem> {
        let mut request = self.agent.get(format!("{}{path}", self.base)).header("accept", accept);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in query {
            request = request.query(name, value);
        }
        let answer = request.call().map_err(problem)?;
        if answer.status().is_success() { Ok(answer) } else { Err(HttpProblem::Status(answer.status().as_u16())) }
    }
}

fn problem(error: ureq::Error) -> HttpProblem {
    use std::io::ErrorKind::ConnectionRefused;
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
            HttpProblem::Unreachable
        }
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => HttpProblem::Unreachable,
        ureq::Error::Io(e) if e.kind() == ConnectionRefused => HttpProblem::Unreachable,
        ureq::Error::BodyExceedsLimit(_) => HttpProblem::Answer,
        _ => HttpProblem::Lost,
    }
}

fn tls_config(tls: Option<&ClientTls>) -> Result<TlsConfig, ListenError> {
    let mut config = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()));
    let Some(tls) = tls else { return Ok(config.build()) };
    if tls.server_name.is_some() {
        return Err(ListenError::Config("server_name is for DICOM connections; give the name in the url".into()));
    }
    if let Some(ca) = &tls.ca {
        config = config.root_certs(RootCerts::new_with_certs(&certificates(ca)?));
    }
    match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            let unusable = |_| ListenError::Tls(format!("no private key in {}", key.display()));
            let private = PrivateKey::from_pem(&pem(key)?).map_err(unusable)?;
            config = config.client_cert(Some(ClientCert::new_with_certs(&certificates(certificate)?, private)));
        }
        (None, None) => {}
        _ => return Err(ListenError::Tls("expected certificate and key, or neither".into())),
    }
    Ok(config.build())
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, ListenError> {
    let bytes = pem(path)?;
    let found: Vec<_> = parse_pem(&bytes)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(ListenError::Tls(format!("no certificate in {}", path.display())));
    }
    Ok(found)
}

fn read_token(path: &Path) -> Result<String, ListenError> {
    let text = fs::read_to_string(path).map_err(|e| ListenError::file("cannot read the token", path, e))?;
    let token = text.trim();
    // The secret must not stand in an error.
    if token.is_empty() || token.len() > MAX_TOKEN || !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(ListenError::Config(format!("expected one line of visible ASCII in {}", path.display())));
    }
    Ok(token.to_owned())
}
