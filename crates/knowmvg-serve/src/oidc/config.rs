//! [`OidcConfig`]: whose access tokens open the server.

use std::time::Duration;

use axum::http::Uri;

use super::fetch::certificates;
use crate::config::ConfigError;
use crate::guard::is_this_machine;

/// Longest address of an issuer.
///
/// # Units
/// Bytes.
const MAX_URL: usize = 2_048;

/// Whose access tokens open the server, and what has to stand in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcConfig {
    /// Letter by letter what stands in `iss`, e.g. `https://login.example/realms/hospital`.
    pub issuer: String,
    /// What has to be in `aud`: the name that the issuer has for this server.
    pub audience: String,
    /// Scopes of which a token has to have all.
    pub required_scopes: Vec<String>,
    /// Claims of which a token has to have all.
    pub required_claims: Vec<RequiredClaim>,
    /// Authorities that vouch for the issuer's certificate, as PEM; if absent, those that browsers know.
    pub authorities: Option<Vec<u8>>,
    /// Least time between two looks for keys that are not known: whoever makes up key ids must not make this server a nuisance.
    pub refetch_pause: Duration,
}

/// A claim and the value that it has, or has among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredClaim {
    /// Name of a claim at the top of the token, e.g. `groups`.
    pub name: String,
    /// Its value, a string.
    pub value: String,
}

impl RequiredClaim {
    /// From `NAME=VALUE`; `None` if one of them is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=')?;
        let is_whole = !name.is_empty() && !value.is_empty();
        is_whole.then(|| Self { name: name.to_owned(), value: value.to_owned() })
    }
}

impl OidcConfig {
    /// Any token of the issuer for this audience.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            required_scopes: Vec::new(),
            required_claims: Vec::new(),
            authorities: None,
            refetch_pause: Duration::from_secs(10),
        }
    }

    /// Whether tokens can be checked like this.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !is_fetchable(&self.issuer) || self.issuer.contains('?') {
            return Err(ConfigError::Issuer);
        }
        if self.audience.trim().is_empty() {
            return Err(ConfigError::Audience);
        }
        self.authorities.as_deref().map_or(Ok(()), |pem| certificates(pem).map(drop))?;
        match self.required_scopes.iter().find(|scope| !is_scope(scope)) {
            Some(stray) => Err(ConfigError::Scope(stray.clone())),
            None => Ok(()),
        }
    }
}

/// RFC 6749 §3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// Whether keys may come from there: over TLS, or from this very machine, so that nobody on the way changes them.
pub(super) fn is_fetchable(url: &str) -> bool {
    // A fragment is no part of an address, and the parser would drop it.
    if url.len() > MAX_URL || url.contains('#') {
        return false;
    }
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority().filter(|authority| !authority.as_str().contains('@')) else { return false };
    match uri.scheme_str() {
        Some("https") => !authority.host().is_empty(),
        Some("http") => is_this_machine(authority.as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for url in [
            "https://login.example",
            "https://login.example:8443/realms/a",
            "http://127.0.0.1:9000/dex",
            "http://localhost/",
            "http://[::1]:1",
        ] {
            assert!(is_fetchable(url), "{url}");
        }
        let long = format!("https://login.example/{}", "a".repeat(MAX_URL));
        for url in [
            "http://login.example",
            "http://10.0.0.1/",
            "http://localhost.evil.example/",
            "ftp://login.example",
            "https://",
            "https:///a",
            "login.example",
            "file:///etc/passwd",
            "https://user:secret@login.example",
            "http://127.0.0.1@login.example",
            "https://login.example#a",
            "",
            &long,
        ] {
            assert!(!is_fetchable(url), "{url}");
        }
    }

    #[test]
    fn what_can_never_fit_is_told_at_the_start() {
        let with = |change: fn(&mut OidcConfig)| {
            let mut config = OidcConfig::new("https://login.example", "knowmvg");
            change(&mut config);
            config.check()
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert_eq!(with(|c| c.issuer = "http://login.example".into()), Err(ConfigError::Issuer));
        assert_eq!(with(|c| c.issuer.push_str("?a=b")), Err(ConfigError::Issuer));
        assert_eq!(with(|c| c.audience = " ".into()), Err(ConfigError::Audience));
        assert_eq!(with(|c| c.authorities = Some(b"CANARY".to_vec())), Err(ConfigError::Authorities));
        assert_eq!(with(|c| c.required_scopes.push("ground".into())), Ok(()));
        for stray in ["", "a b", "a\"b", "é"] {
            let required_scopes = vec![stray.to_owned()];
            let config = OidcConfig { required_scopes, ..OidcConfig::new("https://login.example", "knowmvg") };
            assert_eq!(config.check(), Err(ConfigError::Scope(stray.to_owned())));
        }
        assert_eq!(RequiredClaim::parse("a=b=c").map(|claim| claim.value).as_deref(), Some("b=c"));
        assert!(["a", "=b", "a="].iter().all(|text| RequiredClaim::parse(text).is_none()));
    }
}
