//! Who may use the server.
//!
//! With a token, whoever knows it. Without one the server is on loopback, and two headers keep web sites out that the
//! user visits meanwhile: `Host` (DNS rebinding) and `Origin` (forms and scripts of other sites).

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::config::Config;
use crate::problem::{FOREIGN_ORIGIN, Problem, UNAUTHORIZED, WRONG_HOST};

/// Before every request.
pub(crate) async fn neighbours(State(app): State<App>, request: Request, next: Next) -> Response {
    match check_neighbours(app.config(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Before every request to a route that works or tells what was worked on.
pub(crate) async fn token(State(app): State<App>, request: Request, next: Next) -> Response {
    match check_token(app.config(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check_neighbours(config: &Config, headers: &HeaderMap) -> Result<(), Problem> {
    if config.token.is_some() {
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
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(is_loopback)
}

fn check_token(config: &Config, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = &config.token else { return Ok(()) };
    let given = only(headers, header::AUTHORIZATION).and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
    });
    if given.is_some_and(|secret| token.is(secret.as_bytes())) {
        return Ok(());
    }
    Err(Problem::new(&UNAUTHORIZED, "expected the token of this server"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Token;
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
        let with = |value: &str| check_token(&config, &headers(&[("authorization", value)])).is_ok();
        assert!(with("Bearer 0123456789abcdef") && with("bearer 0123456789abcdef"));
        for wrong in ["", "Bearer", "Bearer ", "Basic 0123456789abcdef", "0123456789abcdef", "Bearer 0123456789abcdeg"]
        {
            assert!(!with(wrong), "{wrong}");
        }
        assert!(check_token(&config, &HeaderMap::new()).is_err());
        assert!(check_token(&Config::default(), &HeaderMap::new()).is_ok());
    }
}
