//! What a token whose signature was checked has to say.
//!
//! # Source
//! RFC 7519 §4.1, RFC 9068 §4; scopes as RFC 8693 §4.2 has them, or in `scp`, or as a list, as some issuers write them.

use serde_json::{Map, Value};

use super::Fault;
use super::config::{OidcConfig, RequiredClaim};

/// How far clocks may differ.
///
/// # Units
/// Seconds.
const LEEWAY: f64 = 30.0;

/// Whether the claims are those of a token for this server, at this time in seconds since 1970.
///
/// A claim of another type than it has to be counts as wrong, never as absent.
///
/// # Errors
/// When they are not, or when the token allows too little.
pub(super) fn check(payload: &[u8], config: &OidcConfig, now: f64) -> Result<(), Fault> {
    let claims: Map<String, Value> =
        serde_json::from_slice(payload).map_err(|_| Fault::Invalid("expected claims in a JSON object"))?;
    let is_issuer = claims.get("iss").and_then(Value::as_str) == Some(config.issuer.as_str());
    is_issuer.then_some(()).ok_or(Fault::Invalid("expected a token of the issuer of this server, found another"))?;
    let is_audience = claims.get("aud").is_some_and(|aud| has(aud, &config.audience));
    is_audience.then_some(()).ok_or(Fault::Invalid("expected a token for this server, found one for another"))?;
    check_time(&claims, now)?;
    let scopes: Vec<&str> = ["scope", "scp"].iter().filter_map(|name| claims.get(*name)).flat_map(words).collect();
    if !config.required_scopes.iter().all(|scope| scopes.contains(&scope.as_str())) {
        return Err(Fault::Insufficient("expected a token with the scopes that this server asks for"));
    }
    let is_there = |claim: &RequiredClaim| claims.get(&claim.name).is_some_and(|found| has(found, &claim.value));
    if !config.required_claims.iter().all(is_there) {
        return Err(Fault::Insufficient("expected a token with the claims that this server asks for"));
    }
    Ok(())
}

fn check_time(claims: &Map<String, Value>, now: f64) -> Result<(), Fault> {
    let moment = |value: &Value| value.as_f64().ok_or(Fault::Invalid("expected exp and nbf as numbers"));
    let end = claims.get("exp").ok_or(Fault::Invalid("expected a token that says when it ends"))?;
    if now >= moment(end)? + LEEWAY {
        return Err(Fault::Invalid("expected a token that is still valid, found one whose time is over"));
    }
    match claims.get("nbf").map(moment).transpose()? {
        Some(start) if now + LEEWAY < start => {
            Err(Fault::Invalid("expected a token that is valid already, found one for later"))
        }
        _ => Ok(()),
    }
}

/// Whether it is this string, or a list that has it.
fn has(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| item.as_str() == Some(wanted)),
        _ => false,
    }
}

/// Words of a text, or of a list of texts.
fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => text.split(' ').collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: f64 = 1_800_000_000.0;

    fn config() -> OidcConfig {
        OidcConfig::new("https://login.example", "knowmvg")
    }

    fn good() -> Value {
        json!({"iss": "https://login.example", "aud": "knowmvg", "exp": NOW + 60.0, "sub": "CANARY"})
    }

    fn verdict(config: &OidcConfig, changes: Value) -> Result<(), Fault> {
        let mut claims = good();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        check(claims.to_string().as_bytes(), config, NOW)
    }

    #[test]
    fn what_a_token_has_to_have_is_asked_for_with_its_type() {
        for changes in [
            json!({}),
            json!({"aud": ["other", "knowmvg"]}),
            json!({"nbf": NOW + 20.0}),
            json!({"exp": NOW - 20.0}),
            json!({"exp": NOW + 0.5, "nbf": 0}),
        ] {
            assert_eq!(verdict(&config(), changes.clone()), Ok(()), "{changes}");
        }
        for changes in [
            json!({"iss": "https://login.example/"}),
            json!({"iss": "https://evil.example"}),
            json!({"iss": ["https://login.example"]}),
            json!({"iss": null}),
            json!({"aud": "other"}),
            json!({"aud": []}),
            json!({"aud": "knowmvg2"}),
            json!({"aud": {"knowmvg": 1}}),
            json!({"aud": [["knowmvg"]]}),
            json!({"exp": NOW - 31.0}),
            json!({"exp": "9999999999"}),
            json!({"exp": null}),
            json!({"exp": true}),
            json!({"nbf": NOW + 31.0}),
            json!({"nbf": "0"}),
            json!({"nbf": null}),
        ] {
            assert!(matches!(verdict(&config(), changes.clone()), Err(Fault::Invalid(_))), "{changes}");
        }
        for name in ["iss", "aud", "exp"] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(name);
            assert!(check(claims.to_string().as_bytes(), &config(), NOW).is_err(), "{name}");
        }
        assert!(check(b"[]", &config(), NOW).is_err() && check(b"", &config(), NOW).is_err());
    }

    #[test]
    fn scopes_and_claims_are_asked_for_if_the_operator_does() {
        let required_scopes = vec!["ground".to_owned(), "read".to_owned()];
        let scoped = OidcConfig { required_scopes, ..config() };
        for scopes in [
            json!({"scope": "openid read ground"}),
            json!({"scp": "ground read"}),
            json!({"scp": ["read", "ground"]}),
            json!({"scope": "read", "scp": ["ground"]}),
        ] {
            assert_eq!(verdict(&scoped, scopes.clone()), Ok(()), "{scopes}");
        }
        for scopes in [json!({}), json!({"scope": "ground"}), json!({"scope": "grounds read"}), json!({"scope": 7})] {
            assert!(matches!(verdict(&scoped, scopes.clone()), Err(Fault::Insufficient(_))), "{scopes}");
        }
        let required_claims = vec![RequiredClaim::parse("groups=radiology").unwrap()];
        let grouped = OidcConfig { required_claims, ..config() };
        for groups in [json!({"groups": "radiology"}), json!({"groups": ["staff", "radiology"]})] {
            assert_eq!(verdict(&grouped, groups.clone()), Ok(()), "{groups}");
        }
        for groups in [json!({}), json!({"groups": "radiology staff"}), json!({"groups": [["radiology"]]})] {
            assert!(matches!(verdict(&grouped, groups.clone()), Err(Fault::Insufficient(_))), "{groups}");
        }
    }
}
