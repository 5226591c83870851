//! Who may use the server.
//!
//! With a token, whoever knows it, and with an issuer of tokens, whoever has one of its. Without either the server is on loopback, and two
//! headers keep web sites out that the user visits meanwhile: `Host` (DNS rebinding) and `Origin` (forms and scripts of other sites).

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::config::Config;
use crate::problem::{FOREIGN_ORIGIN, INVALID_TOKEN, Problem, UNAUTHORIZED, WRONG_HOST};

/// Before every request.
pub(crate) async fn neighbours(State(app): State<App>, request: Request, next: Next) -> Response {
    match check_neighbours(app.config(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Before every request to a route that works or tells what was worked on.
pub(crate) async fn token(State(app): State<App>, request: Request, next: Next) -> Response {
    // Borrowed from the request it could not wait for keys.
    let given = bearer(request.headers()).map(str::to_owned);
    match check_token(&app, given.as_deref()).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check_neighbours(config: &Config, headers: &HeaderMap) -> Result<(), Problem> {
    if config.asks_for_token() {
        return Ok(());
    }
    let host = only(headers, header::HOST).filter(|host| is_this_machine(host));
    let host = host.ok_or_else(|| Problem::new(&WRONG_HOST, "expected the name of this machine in the header Host"))?;
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let is_own = origin.strip_prefix("http://").is_some_and(|authority| authority.eq_ignore_ascii_case(host));
    if is_own || config.allowed_origins.iter().any(|allowed| allowed == origin) {
        return Ok(());
    }
    Err(Problem::new(&FOREIGN_ORIGIN, "expected a page of this server in the header Origin, found another"))
}

/// The value of a header that stands there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Names and addresses that can't be those of another machine, with or without a port.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(is_loopback)
}

async fn check_token(app: &App, given: Option<&str>) -> Result<(), Problem> {
    match is_known(app.config(), given)? {
        Known::Yes => Ok(()),
        Known::AskIssuer(token) => match app.issuer() {
            Some(issuer) => issuer.check(token).await,
            None => Err(Problem::new(&INVALID_TOKEN, "expected the token of this server")),
        },
    }
}

/// Whether a token is that of the server itself.
#[derive(Debug, PartialEq, Eq)]
enum Known<'t> {
    /// It is, or none is needed.
    Yes,
    /// It is not; an issuer may have made it.
    AskIssuer(&'t str),
}

fn is_known<'t>(config: &Config, given: Option<&'t str>) -> Result<Known<'t>, Problem> {
    if !config.asks_for_token() {
        return Ok(Known::Yes);
    }
    let given = given.ok_or_else(|| Problem::new(&UNAUTHORIZED, "expected a token in the header Authorization"))?;
    let is_own = config.token.as_ref().is_some_and(|token| token.is(given.as_bytes()));
    Ok(if is_own { Known::Yes } else { Known::AskIssuer(given) })
}

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = only(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim()).filter(|secret| !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Token;
    use crate::oidc::OidcConfig;
    use crate::problem::Kind;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn neighbour(config: &Config, pairs: &[(&'static str, &str)]) -> Option<&'static Kind> {
        check_neighbours(config, &headers(pairs)).err().map(|problem| problem.kind)
    }

    #[test]
    fn only_names_of_this_machine_are_answered_without_a_token() {
        let config = Config::default();
        for host in ["localhost", "LOCALHOST:8017", "127.0.0.1:8017", "127.8.0.1", "[::1]:8017", "[::1]"] {
            assert_eq!(neighbour(&config, &[("host", host)]), None, "{host}");
        }
        for host in
            ["evil.example", "evil.example:8017", "localhost.evil.example", "10.0.0.1", "", "127.0.0.1.a", "[::2]"]
        {
            assert_eq!(neighbour(&config, &[("host", host)]), Some(&WRONG_HOST), "{host}");
        }
        assert_eq!(neighbour(&config, &[]), Some(&WRONG_HOST));
        assert_eq!(neighbour(&config, &[("host", "localhost"), ("host", "localhost")]), Some(&WRONG_HOST));
    }

    #[test]
    fn pages_of_other_sites_are_refused_unless_they_are_allowed() {
        let allowed_origins = vec!["https://viewer.example".to_owned()];
        let config = Config { allowed_origins, ..Config::default() };
        let from = |origin| neighbour(&config, &[("host", "localhost:8017"), ("origin", origin)]);
        assert_eq!(from("http://localhost:8017"), None);
        assert_eq!(from("https://viewer.example"), None);
        for origin in ["http://evil.example", "null", "http://localhost:1", "https://viewer.example.evil", ""] {
            assert_eq!(from(origin), Some(&FOREIGN_ORIGIN), "{origin}");
        }
    }

    #[test]
    fn a_token_opens_and_nothing_else_does() {
        let config = Config { token: Some(Token::new("0123456789abcdef").unwrap()), ..Config::default() };
        let with = |value: &str| {
            let headers = headers(&[("authorization", value)]);
            is_known(&config, bearer(&headers)).is_ok_and(|known| known == Known::Yes)
        };
        assert!(with("Bearer 0123456789abcdef") && with("bearer 0123456789abcdef"));
        for wrong in ["", "Bearer", "Bearer ", "Basic 0123456789abcdef", "0123456789abcdef", "Bearer 0123456789abcdeg"]
        {
            assert!(!with(wrong), "{wrong}");
        }
        assert_eq!(is_known(&config, None).unwrap_err().kind, &UNAUTHORIZED);
        assert_eq!(is_known(&Config::default(), None).unwrap(), Known::Yes);
        let twice = headers(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]);
        assert_eq!(bearer(&twice), None);
    }

    #[test]
    fn with_an_issuer_every_name_of_the_server_is_answered() {
        let config = Config { oidc: Some(OidcConfig::new("https://login.example", "knowmvg")), ..Config::default() };
        assert_eq!(neighbour(&config, &[("host", "viewer.example")]), None);
        assert_eq!(is_known(&config, None).unwrap_err().kind, &UNAUTHORIZED);
        assert_eq!(is_known(&config, Some("a.b.c")).unwrap(), Known::AskIssuer("a.b.c"));
    }
}
