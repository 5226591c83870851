//! [`Jws`]: the parts of a token, before anybody has looked at its signature.
//!
//! # Source
//! RFC 7515 §3.1, §4.1 and §5.2; RFC 8725 §3.
//!
//! # Departures
//! Two tokens of one issuer may differ in `typ` alone (RFC 8725 §3.11), so one that says it is something else than a JWT or an access
//! token is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Fault;

/// Longest token that is looked at: one with hundreds of groups has some kilobytes.
///
/// # Units
/// Bytes.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// What `typ` may say, in small letters.
const TYPES: [&str; 4] = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"];

/// How a token may be signed: with a private key, whose public half checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// By its name (RFC 7518 §3.1, RFC 8037 §3.1). `none` and those with a shared secret have none here.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A token in its parts; all of it is the client's word until the signature was checked.
pub(super) struct Jws<'t> {
    pub algorithm: Algorithm,
    pub key_id: Option<String>,
    /// What is signed.
    pub message: &'t [u8],
    pub signature: Vec<u8>,
    pub payload: Vec<u8>,
}

/// What is read of the header. Keys and addresses of keys in it are not.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

impl<'t> Jws<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// When it is too long, not a JWS in its compact form, of another type, signed by another algorithm, or asks for extensions.
    pub fn parse(token: &'t str) -> Result<Self, Fault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Fault::Invalid("expected a token of at most 16384 bytes"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(NO_JWS)?;
        let (header, payload) = message.split_once('.').ok_or(NO_JWS)?;
        let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| NO_JWS)?;
        if header.crit.is_some() {
            return Err(Fault::Invalid("expected a token without critical extensions"));
        }
        if header.typ.is_some_and(|kind| !TYPES.contains(&kind.to_ascii_lowercase().as_str())) {
            return Err(Fault::Invalid("expected an access token, found another type"));
        }
        let algorithm = Algorithm::named(&header.alg);
        let algorithm = algorithm
            .ok_or(Fault::Invalid("expected a token signed by RS256, PS256, ES256 or EdDSA, found another"))?;
        let (signature, payload) = (decoded(signature)?, decoded(payload)?);
        Ok(Self { algorithm, key_id: header.kid, message: message.as_bytes(), signature, payload })
    }
}

const NO_JWS: Fault = Fault::Invalid("expected a token in three parts, a signed JWT");

/// Without padding, and with nothing in the bits that no byte has (RFC 4648 §3.5): each token has one spelling.
fn decoded(part: &str) -> Result<Vec<u8>, Fault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| NO_JWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> String {
        let [header, payload, signature] = [header, "{}", "s"].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{header}.{payload}.{signature}")
    }

    fn is_taken(header: &str) -> bool {
        Jws::parse(&token(header)).is_ok()
    }

    #[test]
    fn only_signatures_with_a_private_key_are_looked_at() {
        for name in ["RS256", "PS256", "ES256", "EdDSA"] {
            assert!(is_taken(&format!(r#"{{"alg":"{name}"}}"#)), "{name}");
        }
        for name in ["none", "None", "NONE", "", "HS256", "HS512", "RS1", "RS256 ", "rs256", "RSA-OAEP", "dir"] {
            assert!(!is_taken(&format!(r#"{{"alg":"{name}"}}"#)), "{name}");
        }
    }

    #[test]
    fn types_and_extensions_are_looked_at() {
        for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
            assert!(is_taken(&format!(r#"{{"alg":"RS256","typ":"{kind}"}}"#)), "{kind}");
        }
        for kind in ["logout+jwt", "dpop+jwt", "JWE", ""] {
            assert!(!is_taken(&format!(r#"{{"alg":"RS256","typ":"{kind}"}}"#)), "{kind}");
        }
        for header in [
            r#"{"alg":"RS256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"RS256","alg":"none"}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"typ":"JWT"}"#,
            r#"["RS256"]"#,
            "",
        ] {
            assert!(!is_taken(header), "{header}");
        }
    }

    #[test]
    fn a_token_has_three_parts_and_one_spelling() {
        let good = token(r#"{"alg":"ES256"}"#);
        assert!(Jws::parse(&good).is_ok());
        // The last letter of one byte has four bits that no byte has.
        let respelled = good.strip_suffix('w').map(|start| format!("{start}x")).expect("one byte in base64");
        for wrong in [
            format!("{good}.{good}"),
            format!("{good}="),
            format!("{good}."),
            format!(" {good}"),
            good.replace('.', ""),
            good.replacen('.', "", 1),
            respelled,
            "..".to_owned(),
            String::new(),
            "a".repeat(MAX_TOKEN_BYTES + 1),
        ] {
            assert!(Jws::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
