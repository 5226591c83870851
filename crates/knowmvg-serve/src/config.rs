//! [`Config`]: where the server listens, who may use it, and how much it does at once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use knowmvg_dicom::deidentify::Deidentifier;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::oidc::OidcConfig;

/// Fewest letters of a token.
pub const MIN_TOKEN_LEN: usize = 16;

/// How the server runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens; port 0 takes any free one.
    pub address: SocketAddr,
    /// What a client has to know.
    pub token: Option<Token>,
    /// Whose access tokens open the server; beside `token`, either is enough. One of them is needed for every address but loopback.
    pub oidc: Option<OidcConfig>,
    /// Takes patients out of everything that is answered, if it is there.
    pub deidentifier: Option<Deidentifier>,
    /// Web sites, e.g. `https://viewer.example`, whose pages may use this server.
    pub allowed_origins: Vec<String>,
    /// How much it does.
    pub limits: Limits,
}

impl Default for Config {
    /// Loopback, port 8017, without a token.
    fn default() -> Self {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8017);
        Self {
            address,
            token: None,
            oidc: None,
            deidentifier: None,
            allowed_origins: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Whether the server may run like this.
    ///
    /// # Errors
    /// When others could reach it without a token, a limit is zero, or an origin or an issuer is none.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.address.ip().to_canonical().is_loopback() && !self.asks_for_token() {
            return Err(ConfigError::Open(self.address.ip()));
        }
        self.oidc.as_ref().map_or(Ok(()), OidcConfig::check)?;
        if let Some(name) = self.limits.first_zero() {
            return Err(ConfigError::Zero(name));
        }
        match self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            Some(stray) => Err(ConfigError::Origin(stray.clone())),
            None => Ok(()),
        }
    }

    /// Whether a client needs a token of some kind.
    pub(crate) fn asks_for_token(&self) -> bool {
        self.token.is_some() || self.oidc.is_some()
    }
}

/// A scheme and an authority, as browsers send it: no path, no wildcard.
fn is_origin(text: &str) -> bool {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
    authority.is_some_and(|authority| !authority.is_empty() && authority.chars().all(is_plain))
}

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Others could reach the server, and it asks for no token.
    #[error("expected a token or an issuer of tokens for an address that others can reach, found none for {0}")]
    Open(IpAddr),
    /// A limit would let nothing through.
    #[error("expected {0} above 0")]
    Zero(&'static str),
    /// An allowed origin is none.
    #[error("expected an origin like https://viewer.example, found {0}")]
    Origin(String),
    /// A token is too easy to guess, or no header can hold it.
    #[error("expected a token of at least {MIN_TOKEN_LEN} printable ASCII characters without spaces")]
    Token,
    /// An issuer's keys could not be trusted.
    #[error(
        "expected an issuer like https://login.example, or http:// on this machine, without a query, found another"
    )]
    Issuer,
    /// Without an audience, tokens for other services would open this one.
    #[error("expected the audience that tokens for this server have, found none")]
    Audience,
    /// No token can have this scope.
    #[error("expected a scope of visible ASCII without quotes and backslashes, found {0:?}")]
    Scope(String),
    /// A file of authorities has none.
    #[error("expected certificates in PEM for the issuer, found none")]
    Authorities,
}

/// What a client has to know, kept as its digest.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// From the secret itself; white space around it is left out.
    ///
    /// # Errors
    /// When it is shorter than [`MIN_TOKEN_LEN`], or has other characters than visible ASCII.
    pub fn new(secret: &str) -> Result<Self, ConfigError> {
        let secret = secret.trim();
        let is_usable = secret.len() >= MIN_TOKEN_LEN && secret.bytes().all(|byte| byte.is_ascii_graphic());
        if is_usable { Ok(Self(digest(secret.as_bytes()))) } else { Err(ConfigError::Token) }
    }

    /// Whether this is the secret; takes equally long for every wrong one.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        self.0.ct_eq(&digest(given)).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// How much the server takes and keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Bytes of one request.
    pub body_bytes: usize,
    /// Typed phrases of one request.
    pub phrases: usize,
    /// Images that are worked on at once.
    pub workers: usize,
    /// Requests that wait for a worker; one more is refused.
    pub queue: usize,
    /// Encoded images that are kept; for one more, the one that was not used for longest goes.
    pub sessions: usize,
    /// How long an encoded image is kept after its last use.
    pub session_ttl: Duration,
    /// Jobs that are kept; one more is refused.
    pub jobs: usize,
    /// How long a finished job is kept after its last use.
    pub job_ttl: Duration,
    /// How long a request may take to arrive, and again to be answered. Jobs may wait longer.
    pub timeout: Duration,
    /// Open connections; others wait.
    pub connections: usize,
    /// Phrases of different requests that are decoded together, padding included; 0 decodes every request on its own.
    pub batch_phrases: usize,
    /// Images of phrases that are decoded together; with one, requests about the same session share a pass, and no others.
    pub batch_images: usize,
    /// How long phrases wait for those of other requests; they are decoded together with all that wait anyway.
    pub batch_window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            phrases: 64,
            workers: 2,
            queue: 16,
            sessions: 16,
            session_ttl: Duration::from_secs(15 * 60),
            jobs: 32,
            job_ttl: Duration::from_secs(15 * 60),
            timeout: Duration::from_secs(60),
            connections: 256,
            batch_phrases: 0,
            batch_images: 1,
            batch_window: Duration::ZERO,
        }
    }
}

impl Limits {
    fn first_zero(&self) -> Option<&'static str> {
        let counts = [
            ("the size of a request", self.body_bytes),
            ("the number of phrases", self.phrases),
            ("the number of workers", self.workers),
            ("the number of sessions", self.sessions),
            ("the number of jobs", self.jobs),
            ("the number of connections", self.connections),
            ("the number of images of a batch", self.batch_images),
        ];
        let times = [
            ("the time that a session is kept", self.session_ttl),
            ("the time that a job is kept", self.job_ttl),
            ("the time that a request may take", self.timeout),
        ];
        let zero_count = counts.iter().find(|(_, count)| *count == 0).map(|(name, _)| *name);
        zero_count.or_else(|| times.iter().find(|(_, time)| time.is_zero()).map(|(name, _)| *name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening_on(address: &str, token: Option<&str>) -> Config {
        let token = token.map(|secret| Token::new(secret).unwrap());
        Config { address: address.parse().unwrap(), token, ..Config::default() }
    }

    #[test]
    fn nobody_else_gets_in_without_a_token() {
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(listening_on(address, None).check(), Ok(()), "{address}");
        }
        for address in ["0.0.0.0:1", "10.0.0.7:1", "[::]:1", "[::ffff:10.0.0.7]:1"] {
            assert!(matches!(listening_on(address, None).check(), Err(ConfigError::Open(_))), "{address}");
            assert_eq!(listening_on(address, Some("0123456789abcdef")).check(), Ok(()));
        }
    }

    #[test]
    fn an_issuer_is_as_good_as_a_token_if_it_can_be_trusted() {
        let with = |issuer: &str| {
            let oidc = Some(OidcConfig::new(issuer, "knowmvg"));
            Config { oidc, ..listening_on("0.0.0.0:1", None) }.check()
        };
        assert_eq!(with("https://login.example/realms/hospital"), Ok(()));
        assert_eq!(with("http://login.example"), Err(ConfigError::Issuer));
    }

    #[test]
    fn a_token_is_known_by_all_of_its_letters() {
        let token = Token::new(" 0123456789abcdef\n").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef0"] {
            assert!(!token.is(wrong.as_bytes()));
        }
        assert!(Token::new("0123456789abcde").is_err() && Token::new("0123456789 abcdef").is_err());
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn limits_and_origins_are_checked() {
        let with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check()
        };
        assert_eq!(with(|c| c.limits.workers = 0), Err(ConfigError::Zero("the number of workers")));
        assert!(with(|c| c.limits.timeout = Duration::ZERO).is_err());
        assert_eq!(with(|c| c.limits.queue = 0), Ok(()), "without a queue, what finds no worker is refused");
        assert_eq!(with(|c| c.allowed_origins = vec!["https://viewer.example:8443".into()]), Ok(()));
        for stray in ["*", "https://", "viewer.example", "https://a.example/", "null", "https://a example"] {
            let config = Config { allowed_origins: vec![stray.into()], ..Config::default() };
            assert!(matches!(config.check(), Err(ConfigError::Origin(_))), "{stray}");
        }
    }
}
