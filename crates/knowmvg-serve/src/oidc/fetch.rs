//! [`Fetcher`]: the keys of an issuer, over HTTP.
//!
//! # Source
//! OpenID Connect Discovery 1.0 §4.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::config::{OidcConfig, is_fetchable};
use super::jwk::{self, Key};
use crate::config::ConfigError;

/// Longest answer.
///
/// # Units
/// Bytes.
const MAX_ANSWER: u64 = 1 << 20;

/// How long each of the two requests may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A redirect could lead to somebody else.
const REDIRECTS: u32 = 0;

/// Asks one issuer.
#[derive(Clone)]
pub(super) struct Fetcher {
    agent: Agent,
    issuer: String,
}

/// Why there are no keys; tells nothing that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FetchProblem {
    Unreachable,
    Status(u16),
    Configuration,
    OtherIssuer,
    Address,
    NoKeys,
}

impl fmt::Display for FetchProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("cannot be reached"),
            Self::Status(code) => write!(f, "answered with status {code}"),
            Self::Configuration => f.write_str("has a configuration that makes no sense"),
            Self::OtherIssuer => f.write_str("calls itself by another name than --oidc-issuer-url"),
            Self::Address => f.write_str("has its keys at an address without TLS"),
            Self::NoKeys => f.write_str("has no key for RS256, PS256, ES256 or EdDSA"),
        }
    }
}

/// What is read of the configuration.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Fetcher {
    /// For an issuer.
    ///
    /// # Errors
    /// When the file of authorities has no certificate.
    pub fn new(config: &OidcConfig) -> Result<Self, ConfigError> {
        let mut tls = TlsConfig::builder();
        if let Some(pem) = &config.authorities {
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates(pem)?));
        }
        let builder = Agent::config_builder();
        // A proxy is somebody on the way: without TLS there must be none.
        let builder = if config.issuer.starts_with("https:") { builder } else { builder.proxy(None) };
        let agent = builder
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(REDIRECTS)
            .max_redirects_will_error(false)
            .user_agent(concat!("knowmvg/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .build()
            .new_agent();
        Ok(Self { agent, issuer: config.issuer.clone() })
    }

    /// The keys that it has now, at least one.
    ///
    /// # Errors
    /// When it does not answer, or with something else.
    pub fn keys(&self) -> Result<Vec<Key>, FetchProblem> {
        let document = self.get(&format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/')))?;
        let document: Discovery = serde_json::from_slice(&document).map_err(|_| FetchProblem::Configuration)?;
        if document.issuer != self.issuer {
            return Err(FetchProblem::OtherIssuer);
        }
        let is_safe = is_fetchable(&document.jwks_uri);
        // An issuer elsewhere has no business on this machine.
        if !is_safe || (self.issuer.starts_with("https:") && !document.jwks_uri.starts_with("https:")) {
            return Err(FetchProblem::Address);
        }
        let keys = jwk::keys(&self.get(&document.jwks_uri)?).ok_or(FetchProblem::Configuration)?;
        if keys.is_empty() { Err(FetchProblem::NoKeys) } else { Ok(keys) }
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, FetchProblem> {
        let answer = self.agent.get(url).header("accept", "application/json").call();
        let mut answer = answer.map_err(|_| FetchProblem::Unreachable)?;
        if !answer.status().is_success() {
            return Err(FetchProblem::Status(answer.status().as_u16()));
        }
        answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(|_| FetchProblem::Configuration)
    }
}

/// The certificates of a PEM file.
///
/// # Errors
/// When there is none.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ConfigError> {
    let found = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(ConfigError::Authorities) } else { Ok(found) }
}
