//! An OpenID provider on loopback: its configuration, its keys, and tokens that are really signed.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};

pub const AUDIENCE: &str = "knowmvg";

/// Signs.
pub enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// `ring` makes no RSA keys; this one is for tests and opens nothing.
    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_pkcs8(include_bytes!("../keys/rsa.pk8")).unwrap())
    }

    pub fn p256() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap())
    }

    pub fn ed25519() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    /// The public half, as an issuer shows it.
    pub fn jwk(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "kid": id, "use": "sig", "n": text(&n), "e": text(&e)})
            }
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": id, "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": text(pair.public_key().as_ref())})
            }
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let padding: &dyn ring::signature::RsaEncoding =
                    if algorithm == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with these claims.
    pub fn token(&self, algorithm: &str, id: &str, claims: &Value) -> String {
        self.token_with(&json!({"alg": algorithm, "kid": id, "typ": "at+jwt"}), claims)
    }

    /// A token with this header, signed as it says.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.sign(header["alg"].as_str().unwrap_or_default(), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn message(header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}")
}

/// A token that says it is not signed, with whatever stands in the place of a signature.
pub fn unsigned(algorithm: &str, id: &str, claims: &Value, signature: &str) -> String {
    format!("{}.{signature}", message(&json!({"alg": algorithm, "kid": id}), claims))
}

/// A token that is signed with a secret which everybody knows: a public key.
pub fn signed_by_secret(id: &str, claims: &Value, secret: &[u8]) -> String {
    let message = message(&json!({"alg": "HS256", "kid": id, "typ": "JWT"}), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The provider.
#[derive(Clone)]
pub struct Provider {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
}

/// What it answers.
pub struct Says {
    pub keys: Vec<Value>,
    /// Without it, connections end unanswered.
    pub is_there: bool,
    /// In the place of its configuration.
    pub configuration: Option<String>,
    /// In the place of its keys: the head of an answer and its body.
    pub key_answer: Option<(String, String)>,
    /// Paths that were asked for.
    pub asked: Vec<String>,
}

impl Provider {
    pub fn start(keys: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let says = Says { keys, is_there: true, configuration: None, key_answer: None, asked: Vec::new() };
        let provider = Self { address: listener.local_addr().unwrap(), says: Arc::new(Mutex::new(says)) };
        let own = provider.clone();
        // It ends with the program of the tests.
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| own.answer(stream)));
        provider
    }

    pub fn url(&self) -> String {
        format!("http://{}/realms/hospital", self.address)
    }

    pub fn change(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }

    /// How often it was asked for its keys.
    pub fn times_asked(&self) -> usize {
        self.says.lock().unwrap().asked.iter().filter(|path| path.ends_with("/keys")).count()
    }

    /// Claims that open the server.
    pub fn claims(&self) -> Value {
        json!({"iss": self.url(), "aud": AUDIENCE, "exp": now() + 300, "sub": "CANARY", "scope": "openid ground"})
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut says = self.says.lock().unwrap();
        if !says.is_there {
            return;
        }
        let (head, body) = match path.as_str() {
            "/realms/hospital/.well-known/openid-configuration" => {
                let own = json!({"issuer": self.url(), "jwks_uri": format!("http://{}/keys", self.address), "x": []});
                ("200 OK".to_owned(), says.configuration.clone().unwrap_or_else(|| own.to_string()))
            }
            "/keys" => {
                let own = ("200 OK".to_owned(), json!({"keys": says.keys}).to_string());
                says.key_answer.clone().unwrap_or(own)
            }
            _ => ("404 Not Found".to_owned(), String::new()),
        };
        says.asked.push(path);
        let length = body.len();
        let _ = write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    }
}
