use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Response, Uri};

use crate::error::HubError;
use crate::limits::{MAX_HOPS, MAX_LISTING};
use crate::settings::Settings;

/// How long a server may say nothing.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the headers of an answer may take.
const HEADERS: Duration = Duration::from_secs(60);
/// How long one answer may take as a whole; the next try goes on where it stopped.
const BODY: Duration = Duration::from_secs(60 * 60);

/// Asks a hub, and those to whom it sends us on.
pub(crate) struct Client {
    agent: Agent,
    endpoint: String,
    origin: Origin,
    token: Option<String>,
}

/// Who answers: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    is_tls: bool,
    host: String,
    port: u16,
}

/// An answer, and what the hub said on the way to it.
pub(crate) struct Answer {
    pub response: Response<ureq::Body>,
    /// Headers of the hub alone, those of later answers over those of earlier ones.
    pub said: HeaderMap,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Headers of the hub; where it sends us on to somebody else, nobody is asked.
    Head,
    /// The bytes from an offset on.
    Get {
        /// Bytes that are there already.
        from: u64,
    },
}

impl Client {
    pub fn new(settings: &Settings) -> Self {
        let origin = Origin::of(&settings.endpoint).expect("an endpoint that was checked");
        let builder = Agent::config_builder();
        // A proxy is somebody on the way: without TLS there must be none.
        let builder = if origin.is_tls { builder } else { builder.proxy(None) };
        let agent = builder
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(HEADERS))
            .timeout_per_read(Some(SILENCE))
            .timeout_recv_body(Some(BODY))
            .http_status_as_error(false)
            // Each redirect is looked at here.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("knowmvg/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { agent, endpoint: settings.endpoint.clone(), origin, token: settings.token.clone() }
    }

    /// Asks for a path of the hub. `what` names it in errors.
    ///
    /// # Errors
    /// When nobody answers, or not with what was asked for.
    pub fn ask(&self, method: Method, path: &str, what: &str) -> Result<Answer, HubError> {
        let mut url = format!("{}{path}", self.endpoint);
        let mut said = HeaderMap::new();
        for _ in 0..=MAX_HOPS {
            let Some(origin) = Origin::of(&url) else { return Err(elsewhere(what, &url)) };
            let is_hub = origin == self.origin;
            let response = self.send(method, &url, is_hub).map_err(|problem| connection(&origin, &problem))?;
            if is_hub {
                response.headers().iter().for_each(|(name, value)| {
                    said.insert(name.clone(), value.clone());
                });
            }
            let status = response.status();
            if !status.is_redirection() {
                return match status.is_success() {
                    true => Ok(Answer { response, said }),
                    false => {
                        Err(HubError::Status { host: origin.host, status: status.as_u16(), what: what.to_owned() })
                    }
                };
            }
            let location = response.headers().get("location").and_then(|location| location.to_str().ok());
            url = self
                .next(&url, location.unwrap_or_default())
                .ok_or_else(|| elsewhere(what, location.unwrap_or_default()))?;
            if method == Method::Head && Origin::of(&url).is_some_and(|origin| origin != self.origin) {
                return Ok(Answer { response, said });
            }
        }
        Err(HubError::Answer(format!("expected {what} after at most {MAX_HOPS} redirects, found more")))
    }

    /// A short answer.
    ///
    /// # Errors
    /// As [`Client::ask`], and when it is longer than a listing may be.
    pub fn text(&self, path: &str, what: &str) -> Result<Vec<u8>, HubError> {
        let mut answer = self.ask(Method::Get { from: 0 }, path, what)?;
        answer.response.body_mut().with_config().limit(MAX_LISTING).read_to_vec().map_err(|problem| match problem {
            ureq::Error::BodyExceedsLimit(_) => {
                HubError::Answer(format!("expected {what} in at most {MAX_LISTING} bytes, found more"))
            }
            problem => connection(&self.origin, &problem),
        })
    }

    /// Who the hub is, for errors.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    fn send(&self, method: Method, url: &str, is_hub: bool) -> Result<Response<ureq::Body>, ureq::Error> {
        let mut request = match method {
            Method::Head => self.agent.head(url),
            Method::Get { .. } => self.agent.get(url),
        };
        // What is compressed on the way has other sizes and checksums.
        request = request.header("accept-encoding", "identity");
        if let Method::Get { from: from @ 1.. } = method {
            request = request.header("range", format!("bytes={from}-"));
        }
        // The token is the hub's, and nobody else's to whom it sends us on.
        if let Some(token) = self.token.as_deref().filter(|_| is_hub) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.call()
    }

    /// The address that a redirect names: a path of the same server, or a whole one; never without TLS if the hub has it.
    fn next(&self, url: &str, location: &str) -> Option<String> {
        if location.starts_with('/') && !location.starts_with("//") {
            let authority = &url[..url.find("://")? + 3];
            let host = url[authority.len()..].split('/').next()?;
            return Some(format!("{authority}{host}{location}"));
        }
        let origin = Origin::of(location)?;
        let is_as_safe = if self.origin.is_tls { origin.is_tls } else { origin.is_safe() };
        is_as_safe.then(|| location.to_owned())
    }
}

impl Origin {
    /// Of an address; `None` if it is none of HTTP, or has a user in it.
    pub fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let is_tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host().to_lowercase();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        (!host.is_empty()).then_some(Self { is_tls, host, port })
    }

    /// Whether nobody on the way can read or change what is said: TLS, or this machine.
    pub fn is_safe(&self) -> bool {
        self.is_tls || ["localhost", "127.0.0.1", "[::1]"].contains(&self.host.as_str())
    }
}

/// A broken connection.
pub(crate) fn connection(origin: &Origin, problem: &dyn std::fmt::Display) -> HubError {
    HubError::Connection { host: origin.host.clone(), problem: problem.to_string() }
}

fn elsewhere(what: &str, to: &str) -> HubError {
    // The query of a signed address is a secret.
    let to = to.split('?').next().unwrap_or_default();
    HubError::Answer(format!("expected a redirect of {what} to an address with TLS, found {to:?}"))
}
