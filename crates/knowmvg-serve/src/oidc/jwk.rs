//! [`Key`]: a public key of the issuer, and the signatures that it may check.
//!
//! # Source
//! RFC 7517 (JWK), RFC 7518 §6, RFC 8037 §2. Signatures are checked by `ring`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::jws::Algorithm;

/// Most keys of a set that are looked at; issuers have two or three.
const MAX_KEYS: usize = 64;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    id: Option<String>,
    /// If the issuer says it, the only algorithm that the key is for.
    only: Option<Algorithm>,
    public: Public,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The point, uncompressed.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether signatures of this algorithm are the key's to check.
    pub fn is_for(&self, algorithm: Algorithm) -> bool {
        let fits = matches!(
            (&self.public, algorithm),
            (Public::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
                | (Public::P256(_), Algorithm::Es256)
                | (Public::Ed25519(_), Algorithm::EdDsa)
        );
        fits && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether the signature is that of the private half.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.is_for(algorithm) {
            return false;
        }
        let verified = match &self.public {
            Public::Rsa { modulus, exponent } => {
                let parameters = match algorithm {
                    Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature)
            }
            Public::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            Public::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature),
        };
        verified.is_ok()
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a set that tokens can be checked with; others (to encrypt, of other curves, shared secrets) are passed over.
/// `None` if it is no set.
pub(super) fn keys(json: &[u8]) -> Option<Vec<Key>> {
    let set: Set = serde_json::from_slice(json).ok()?;
    Some(set.keys.into_iter().take(MAX_KEYS).filter_map(|value| key(serde_json::from_value(value).ok()?)).collect())
}

fn key(jwk: Jwk) -> Option<Key> {
    if jwk.usage.is_some_and(|usage| usage != "sig")
        || jwk.key_ops.is_some_and(|operations| !operations.iter().any(|operation| operation == "verify"))
    {
        return None;
    }
    // An algorithm that is not known here is no reason to use the key for others.
    let only = jwk.alg.map(|name| Algorithm::named(&name).ok_or(())).transpose().ok()?;
    let public = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", None) => rsa(&jwk.n?, &jwk.e?)?,
        ("EC", Some("P-256")) => Public::P256([vec![4], coordinate(&jwk.x?)?, coordinate(&jwk.y?)?].concat()),
        ("OKP", Some("Ed25519")) => Public::Ed25519(coordinate(&jwk.x?)?),
        _ => return None,
    };
    Some(Key { id: jwk.kid, only, public })
}

/// Of 2,048 to 8,192 bits, as `ring` takes them; some issuers write a zero before the modulus.
fn rsa(modulus: &str, exponent: &str) -> Option<Public> {
    let number = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(bytes[zeros..].to_vec())
    };
    let modulus = number(modulus).filter(|modulus| (256..=1024).contains(&modulus.len()))?;
    Some(Public::Rsa { modulus, exponent: number(exponent)? })
}

/// Of 32 bytes.
fn coordinate(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    fn one(jwk: Value) -> Option<Key> {
        let mut keys = keys(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
        keys.pop()
    }

    fn ed25519() -> (Ed25519KeyPair, Value) {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        (pair, json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x}))
    }

    #[test]
    fn a_signature_is_checked_with_its_key_and_its_algorithm_alone() {
        let (pair, jwk) = ed25519();
        let key = one(jwk).unwrap();
        let signature = pair.sign(b"message");
        assert!(key.verifies(Algorithm::EdDsa, b"message", signature.as_ref()));
        assert!(!key.verifies(Algorithm::EdDsa, b"massage", signature.as_ref()));
        assert!(!key.verifies(Algorithm::Es256, b"message", signature.as_ref()));
        let other = one(ed25519().1).unwrap();
        assert!(!other.verifies(Algorithm::EdDsa, b"message", signature.as_ref()));

        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let [x, y] = [1..33, 33..65].map(|range| URL_SAFE_NO_PAD.encode(&pair.public_key().as_ref()[range]));
        let key = one(json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig"})).unwrap();
        let signature = pair.sign(&random, b"message").unwrap();
        assert!(key.verifies(Algorithm::Es256, b"message", signature.as_ref()));
        assert!(!key.verifies(Algorithm::Es256, b"message", &[0; 64]));
    }

    #[test]
    fn keys_for_something_else_are_passed_over() {
        let changed = |name: &str, value: Value| {
            let mut jwk = ed25519().1;
            jwk[name] = value;
            one(jwk)
        };
        assert!(changed("use", json!("sig")).is_some() && changed("alg", json!("EdDSA")).is_some());
        assert!(changed("key_ops", json!(["verify"])).is_some() && changed("x5c", json!(["ignored"])).is_some());
        for (name, value) in [
            ("use", json!("enc")),
            ("key_ops", json!(["sign"])),
            ("alg", json!("HS256")),
            ("alg", json!("none")),
            ("kty", json!("oct")),
            ("crv", json!("X25519")),
            ("x", json!("AAEC")),
            ("x", json!(7)),
        ] {
            assert_eq!(changed(name, value.clone()), None, "{name} {value}");
        }
        assert_eq!(one(json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"})), None);
        let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
        assert_eq!(one(json!({"kty": "RSA", "n": short, "e": "AQAB"})), None, "1,024 bits are too few");
        assert!(one(json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": "AQAB"})).is_some());
        // One that says what it is for is for nothing else.
        let key = changed("alg", json!("RS256")).unwrap();
        assert!(!key.is_for(Algorithm::EdDsa) && !key.is_for(Algorithm::Rs256));
        assert_eq!(keys(b"{}"), None);
        assert_eq!(keys(br#"{"keys": [7, null, {}]}"#), Some(vec![]));
    }
}
