//! [`Issuer`]: access tokens of an OpenID provider, checked here: the server is a resource server (OAuth 2.0).
//!
//! ```text
//! token ──jws::Jws::parse──▶ algorithm, key id, message, signature, payload
//!     ──keys::Keys::find──▶ public key      kept; fetched again if the id is unknown, but not often
//!     ──jwk::Key::verifies──▶ payload ──claims::check──▶ let in
//! ```
//!
//! What a token says of itself chooses nothing but the key: an algorithm is one that the key is for, none of them takes a shared
//! secret, and addresses of keys inside a token are not looked at. Nothing of a token gets into a problem or a log.
//!
//! # Source
//! RFC 6750 (bearer tokens), RFC 7515 and 7519 (JWS, JWT), RFC 8725 (what has gone wrong with them), RFC 9068 (JWT as access tokens),
//! OpenID Connect Discovery 1.0 §4.
//!
//! # Incomplete
//! Tokens that only their issuer can read (RFC 7662), encrypted ones (JWE), and such that are bound to a key of the client (RFC 9449)
//! are not taken.

mod claims;
mod config;
mod fetch;
mod jwk;
mod jws;
mod keys;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use config::{OidcConfig, RequiredClaim};

use crate::config::ConfigError;
use crate::observe::Log;
use crate::problem::{INSUFFICIENT_SCOPE, INVALID_TOKEN, ISSUER_AWAY, Problem};
use fetch::Fetcher;
use jws::Jws;
use keys::{Keys, Missing};

/// Seconds after which the issuer may be there again.
const RETRY_AFTER: u64 = 10;

/// Checks the tokens of one issuer.
pub(crate) struct Issuer {
    config: OidcConfig,
    keys: Arc<Keys>,
}

/// Why a token does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It is not, or not any more, one for this server; and what was expected.
    Invalid(&'static str),
    /// It is one, and does not allow this.
    Insufficient(&'static str),
    /// Nobody can tell: the issuer has not been reached yet.
    Away,
}

impl Issuer {
    /// Of a configuration that was [checked](OidcConfig::check); nothing is fetched before the first token.
    ///
    /// # Errors
    /// When its file of authorities has no certificate.
    pub fn new(config: OidcConfig, log: Log) -> Result<Self, ConfigError> {
        let fetcher = Fetcher::new(&config)?;
        let keys = Arc::new(Keys::new(fetcher, config.refetch_pause, log));
        Ok(Self { config, keys })
    }

    /// Lets a token in, or says why not.
    ///
    /// # Errors
    /// When it is no valid token of this issuer for this server, or allows too little, or its issuer is not there.
    pub async fn check(&self, token: &str) -> Result<(), Problem> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.verdict(token, since_epoch.as_secs_f64()).await.map_err(|fault| self.problem(fault))
    }

    async fn verdict(&self, token: &str, now: f64) -> Result<(), Fault> {
        let jws = Jws::parse(token)?;
        let key = self.keys.find(jws.algorithm, jws.key_id.as_deref()).await.map_err(|missing| match missing {
            Missing::Unknown => Fault::Invalid("expected a token that is signed with a key of the issuer"),
            Missing::Away => Fault::Away,
        })?;
        if !key.verifies(jws.algorithm, jws.message, &jws.signature) {
            return Err(Fault::Invalid("expected a token with the signature of its issuer"));
        }
        claims::check(&jws.payload, &self.config, now)
    }

    fn problem(&self, fault: Fault) -> Problem {
        match fault {
            Fault::Invalid(expected) => Problem::new(&INVALID_TOKEN, expected),
            Fault::Insufficient(expected) => {
                let scopes = self.config.required_scopes.join(" ");
                Problem { scope: (!scopes.is_empty()).then_some(scopes), ..Problem::new(&INSUFFICIENT_SCOPE, expected) }
            }
            Fault::Away => {
                Problem::new(&ISSUER_AWAY, "expected the issuer of tokens to answer, found no keys of it yet")
                    .retry_after(RETRY_AFTER)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn config() -> OidcConfig {
        OidcConfig {
            required_scopes: vec!["a".into()],
            required_claims: vec![RequiredClaim { name: "b".into(), value: "c".into() }],
            ..OidcConfig::new("https://login.example", "knowmvg")
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_token_or_make_a_panic(bytes in vec(any::<u8>(), 0..600), text in "\\PC{0,200}") {
            let token = String::from_utf8_lossy(&bytes);
            prop_assert!(Jws::parse(&token).is_err() && Jws::parse(&text).is_err());
            prop_assert!(claims::check(&bytes, &config(), 0.0).is_err());
            prop_assert!(claims::check(text.as_bytes(), &config(), 0.0).is_err());
            let keys = jwk::keys(&bytes).into_iter().flatten().chain(jwk::keys(text.as_bytes()).into_iter().flatten());
            prop_assert_eq!(keys.count(), 0);
        }

        #[test]
        fn parts_of_a_token_may_hold_anything(
            header in vec(any::<u8>(), 0..200),
            payload in vec(any::<u8>(), 0..200),
            name in "alg|kid|typ|crit|jwk|x5c|b64",
            value in "\"[a-zA-Z0-9+/]{0,9}\"|[0-9]{1,9}|null|true|\\[\\]|\\{\\}",
        ) {
            use base64::Engine;
            use base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let own = format!("{{\"alg\":\"EdDSA\",\"{name}\":{value}}}");
            for header in [&header[..], own.as_bytes()] {
                let [header, payload] = [header, &payload[..]].map(|part| URL_SAFE_NO_PAD.encode(part));
                // Whether it can be read is not the question; that it says so is.
                let _ = Jws::parse(&format!("{header}.{payload}.AAAA"));
            }
        }

        #[test]
        fn no_signature_is_guessed(
            modulus in vec(any::<u8>(), 256..300),
            point in vec(any::<u8>(), 32),
            signature in vec(any::<u8>(), 0..300),
        ) {
            use base64::Engine;
            use base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let [n, x] = [&modulus, &point].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
            let set = serde_json::json!({"keys": [
                {"kty": "RSA", "n": n, "e": "AQAB"},
                {"kty": "RSA", "n": n, "e": ""},
                {"kty": "EC", "crv": "P-256", "x": x, "y": x},
                {"kty": "OKP", "crv": "Ed25519", "x": x},
            ]});
            for key in jwk::keys(set.to_string().as_bytes()).unwrap() {
                for name in ["RS256", "PS256", "ES256", "EdDSA"] {
                    let algorithm = jws::Algorithm::named(name).unwrap();
                    prop_assert!(!key.verifies(algorithm, b"message", &signature));
                }
            }
        }
    }
}
