//! Access tokens of an OpenID provider: what opens the server, and everything that does not.

mod issuer;

use std::time::Duration;

use axum::body::Body;
use knowmvg_serve::{Config, OidcConfig, RequiredClaim, Token};
use serde_json::{Value, json};

use crate::client::{Answer, Client, patient, request, run};
use issuer::{AUDIENCE, Provider, Signer, now, signed_by_secret, unsigned};

/// No session has this name, so whoever is let in is told 404.
const CLOSED: &str = "/v1/sessions/0";

fn config(provider: &Provider) -> OidcConfig {
    OidcConfig { refetch_pause: Duration::ZERO, ..OidcConfig::new(provider.url(), AUDIENCE) }
}

fn client(oidc: OidcConfig) -> Client {
    Client::with(Config { oidc: Some(oidc), limits: patient(), ..Config::default() })
}

async fn ask(client: &Client, token: &str) -> Answer {
    let request = request("GET", CLOSED).header("authorization", format!("Bearer {token}"));
    client.send(request.body(Body::empty()).unwrap()).await
}

#[track_caller]
fn is_refused(answer: &Answer, status: u16, problem: &str, error: &str) {
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, problem), "{answer:?}");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with(&format!("Bearer error=\"{error}\", error_description=\"expected ")), "{challenge}");
}

#[test]
fn a_token_of_each_algorithm_opens() {
    run(async {
        let (rsa, p256, ed25519) = (Signer::rsa(), Signer::p256(), Signer::ed25519());
        let provider = Provider::start(vec![rsa.jwk("r"), p256.jwk("p"), ed25519.jwk("e")]);
        let (client, claims) = (client(config(&provider)), provider.claims());
        for (signer, algorithm, id) in
            [(&rsa, "RS256", "r"), (&rsa, "PS256", "r"), (&p256, "ES256", "p"), (&ed25519, "EdDSA", "e")]
        {
            ask(&client, &signer.token(algorithm, id, &claims)).await.with_status(404);
            let nameless = signer.token_with(&json!({"alg": algorithm}), &claims);
            ask(&client, &nameless).await.with_status(404);
        }
        assert_eq!(provider.times_asked(), 1);
        let many = json!({"aud": ["account", AUDIENCE]});
        ask(&client, &ed25519.token("EdDSA", "e", &changed(&claims, &many))).await.with_status(404);
    });
}

fn changed(claims: &Value, changes: &Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

#[test]
fn without_a_token_only_what_is_open_answers() {
    run(async {
        let provider = Provider::start(vec![]);
        let client = client(config(&provider));
        let closed = client.get(CLOSED).await.with_status(401);
        assert_eq!((closed.problem().as_str(), closed.header("www-authenticate")), ("unauthorized", "Bearer"));
        for header in ["Bearer", "Bearer ", "Basic YTpi", "bearer"] {
            let request = request("GET", CLOSED).header("authorization", header);
            let answer = client.send(request.body(Body::empty()).unwrap()).await.with_status(401);
            assert_eq!(answer.problem(), "unauthorized", "{header}");
        }
        client.get("/health/live").await.with_status(200);
        client.get("/").await.with_status(200);
        assert_eq!(provider.times_asked(), 0);
    });
}

#[test]
fn tokens_of_others_for_others_and_of_other_times_are_refused() {
    run(async {
        let key = Signer::p256();
        let provider = Provider::start(vec![key.jwk("a")]);
        let (client, claims) = (client(config(&provider)), provider.claims());
        for changes in [
            json!({"aud": "CANARY"}),
            json!({"aud": null}),
            json!({"iss": "https://CANARY.example"}),
            json!({"iss": [provider.url()]}),
            json!({"exp": now() - 60}),
            json!({"exp": "CANARY"}),
            json!({"exp": null}),
            json!({"nbf": now() + 60}),
            json!({"nbf": "CANARY"}),
        ] {
            let token = key.token("ES256", "a", &changed(&claims, &changes));
            let answer = ask(&client, &token).await;
            is_refused(&answer, 401, "invalid-token", "invalid_token");
            assert!(!String::from_utf8_lossy(&answer.body).contains("CANARY"), "{changes}");
        }
        let mut endless = claims.clone();
        endless.as_object_mut().unwrap().remove("exp");
        is_refused(&ask(&client, &key.token("ES256", "a", &endless)).await, 401, "invalid-token", "invalid_token");
        // Within the leeway of clocks.
        let close = changed(&claims, &json!({"exp": now() - 5, "nbf": now() + 5}));
        ask(&client, &key.token("ES256", "a", &close)).await.with_status(404);
    });
}

#[test]
fn what_is_not_signed_by_the_issuer_is_refused() {
    run(async {
        let (rsa, ed25519) = (Signer::rsa(), Signer::ed25519());
        let mut bound = ed25519.jwk("bound");
        bound["alg"] = json!("RS256");
        let provider = Provider::start(vec![rsa.jwk("r"), ed25519.jwk("e"), bound]);
        let (client, claims) = (client(config(&provider)), provider.claims());
        ask(&client, &ed25519.token("EdDSA", "e", &claims)).await.with_status(404);
        let public = rsa.jwk("r");
        let modulus = public["n"].as_str().unwrap();
        let signature = ed25519.token("EdDSA", "e", &claims).rsplit('.').next().unwrap().to_owned();
        let forged = Signer::ed25519();
        let inside = json!({"alg": "EdDSA", "kid": "e", "jwk": forged.jwk("e"), "jku": "https://CANARY.example/keys"});
        let tokens = [
            unsigned("none", "r", &claims, ""),
            unsigned("None", "r", &claims, &signature),
            unsigned("RS256", "r", &claims, ""),
            unsigned("EdDSA", "e", &claims, ""),
            unsigned("", "e", &claims, &signature),
            // A public key taken for a shared secret, in the forms that it is spread in.
            signed_by_secret("r", &claims, modulus.as_bytes()),
            signed_by_secret("r", &claims, public.to_string().as_bytes()),
            signed_by_secret("e", &claims, ed25519.jwk("e")["x"].as_str().unwrap().as_bytes()),
            signed_by_secret("r", &claims, b""),
            // The key of somebody else under the issuer's id, also brought along.
            forged.token("EdDSA", "e", &claims),
            forged.token_with(&inside, &claims),
            // An algorithm that the key is not for.
            ed25519.token("RS256", "e", &claims),
            ed25519.token("EdDSA", "r", &claims),
            rsa.token("ES256", "r", &claims),
            ed25519.token("EdDSA", "bound", &claims),
            // A signature of another message.
            unsigned("EdDSA", "e", &changed(&claims, &json!({"sub": "other"})), &signature),
            // Another type of token, and extensions.
            ed25519.token_with(&json!({"alg": "EdDSA", "kid": "e", "typ": "logout+jwt"}), &claims),
            ed25519.token_with(&json!({"alg": "EdDSA", "kid": "e", "crit": ["b64"], "b64": false}), &claims),
            ed25519.token("EdDSA", "unknown", &claims),
            "CANARY".to_owned(),
            "..".to_owned(),
            "a.b.c.d.e".to_owned(),
        ];
        for token in tokens {
            is_refused(&ask(&client, &token).await, 401, "invalid-token", "invalid_token");
        }
        assert!(!client.lines().join("\n").contains("CANARY"), "{:?}", client.lines());
    });
}

#[test]
fn every_changed_letter_closes() {
    run(async {
        let key = Signer::ed25519();
        let provider = Provider::start(vec![key.jwk("a")]);
        let oidc = OidcConfig { refetch_pause: Duration::from_secs(3600), ..config(&provider) };
        let client = client(oidc);
        let token = key.token("EdDSA", "a", &provider.claims());
        ask(&client, &token).await.with_status(404);
        for place in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            ask(&client, &other).await.with_status(401);
            ask(&client, &token[..place]).await.with_status(401);
        }
    });
}

#[test]
fn a_long_token_is_refused_before_anything_is_fetched() {
    run(async {
        let key = Signer::ed25519();
        let provider = Provider::start(vec![key.jwk("a")]);
        let client = client(config(&provider));
        let long = changed(&provider.claims(), &json!({"groups": vec!["CANARY"; 4_000]}));
        is_refused(&ask(&client, &key.token("EdDSA", "a", &long)).await, 401, "invalid-token", "invalid_token");
        is_refused(&ask(&client, &"a".repeat(200_000)).await, 401, "invalid-token", "invalid_token");
        assert_eq!(provider.times_asked(), 0);
    });
}

#[test]
fn a_new_key_is_found_and_an_old_one_is_forgotten() {
    run(async {
        let (old, new) = (Signer::p256(), Signer::p256());
        let provider = Provider::start(vec![old.jwk("old")]);
        let (client, claims) = (client(config(&provider)), provider.claims());
        ask(&client, &old.token("ES256", "old", &claims)).await.with_status(404);
        ask(&client, &new.token("ES256", "new", &claims)).await.with_status(401);
        provider.change(|says| says.keys = vec![new.jwk("new")]);
        ask(&client, &new.token("ES256", "new", &claims)).await.with_status(404);
        ask(&client, &old.token("ES256", "old", &claims)).await.with_status(401);
    });
}

#[test]
fn made_up_key_ids_do_not_make_the_server_ask_and_ask() {
    run(async {
        let key = Signer::p256();
        let provider = Provider::start(vec![key.jwk("a")]);
        let oidc = OidcConfig { refetch_pause: Duration::from_secs(3600), ..config(&provider) };
        let (client, claims) = (client(oidc), provider.claims());
        let asked = (0..20).map(|number| {
            let (client, token) = (client.clone(), key.token("ES256", &format!("made-up-{number}"), &claims));
            tokio::spawn(async move { ask(&client, &token).await })
        });
        for answer in asked.collect::<Vec<_>>() {
            is_refused(&answer.await.unwrap(), 401, "invalid-token", "invalid_token");
        }
        assert_eq!(provider.times_asked(), 1);
        ask(&client, &key.token("ES256", "a", &claims)).await.with_status(404);
    });
}

#[test]
fn an_issuer_that_is_away_is_no_fault_of_the_client_and_its_keys_stay() {
    run(async {
        let key = Signer::p256();
        let provider = Provider::start(vec![key.jwk("a")]);
        provider.change(|says| says.is_there = false);
        let (client, token) = (client(config(&provider)), key.token("ES256", "a", &provider.claims()));
        let away = ask(&client, &token).await.with_status(503);
        assert_eq!((away.problem().as_str(), away.header("retry-after")), ("issuer-away", "10"));
        assert!(client.lines().iter().any(|line| line == "{\"issuer\":\"cannot be reached\"}"), "{:?}", client.lines());
        provider.change(|says| says.is_there = true);
        ask(&client, &token).await.with_status(404);
        provider.change(|says| says.is_there = false);
        ask(&client, &token).await.with_status(404);
        let unknown = ask(&client, &key.token("ES256", "b", &provider.claims())).await;
        is_refused(&unknown, 401, "invalid-token", "invalid_token");
        ask(&client, &token).await.with_status(404);
    });
}

#[test]
fn an_issuer_that_answers_nonsense_is_away() {
    run(async {
        let key = Signer::p256();
        let configuration = |issuer: &str, keys: &str| json!({"issuer": issuer, "jwks_uri": keys}).to_string();
        let url = Provider::start(vec![]).url();
        let said = |provider: &Provider| provider.url();
        type Change<'a> = Box<dyn Fn(&Provider) + 'a>;
        let cases: [(&str, Change); 8] = [
            ("makes no sense", Box::new(|p| p.change(|says| says.configuration = Some("CANARY".into())))),
            ("another name", Box::new(|p| p.change(|says| says.configuration = Some(configuration(&url, &url))))),
            (
                "without TLS",
                Box::new(|p| {
                    let other = configuration(&said(p), "http://CANARY.example/keys");
                    p.change(|says| says.configuration = Some(other));
                }),
            ),
            ("makes no sense", Box::new(|p| p.change(|says| says.key_answer = Some(("200 OK".into(), "[]".into()))))),
            ("no key", Box::new(|p| p.change(|says| says.keys = vec![json!({"kty": "oct", "k": "CANARY"})]))),
            (
                "status 302",
                Box::new(|p| {
                    let head = "302 Found\r\nLocation: http://127.0.0.1:1/CANARY".to_owned();
                    p.change(|says| says.key_answer = Some((head, String::new())));
                }),
            ),
            ("status 500", Box::new(|p| p.change(|says| says.key_answer = Some(("500 No".into(), "CANARY".into()))))),
            (
                "makes no sense",
                Box::new(|p| p.change(|says| says.key_answer = Some(("200 OK".into(), " ".repeat(2 << 20))))),
            ),
        ];
        for (words, spoil) in cases {
            let provider = Provider::start(vec![key.jwk("a")]);
            spoil(&provider);
            let (client, token) = (client(config(&provider)), key.token("ES256", "a", &provider.claims()));
            assert_eq!(ask(&client, &token).await.with_status(503).problem(), "issuer-away", "{words}");
            let log = client.lines().join("\n");
            assert!(log.contains(words) && !log.contains("CANARY"), "{words}: {log}");
        }
    });
}

#[test]
fn scopes_and_claims_may_be_asked_for() {
    run(async {
        let key = Signer::p256();
        let provider = Provider::start(vec![key.jwk("a")]);
        let claims = provider.claims();
        let scoped = client(OidcConfig { required_scopes: vec!["ground".into(), "write".into()], ..config(&provider) });
        let answer = ask(&scoped, &key.token("ES256", "a", &claims)).await;
        is_refused(&answer, 403, "insufficient-scope", "insufficient_scope");
        assert!(answer.header("www-authenticate").ends_with(", scope=\"ground write\""), "{answer:?}");
        let enough = changed(&claims, &json!({"scope": "write ground"}));
        ask(&scoped, &key.token("ES256", "a", &enough)).await.with_status(404);
        let required_claims = vec![RequiredClaim::parse("groups=radiology").unwrap()];
        let grouped = client(OidcConfig { required_claims, ..config(&provider) });
        let answer = ask(&grouped, &key.token("ES256", "a", &claims)).await;
        is_refused(&answer, 403, "insufficient-scope", "insufficient_scope");
        let member = changed(&claims, &json!({"groups": ["radiology", "staff"]}));
        ask(&grouped, &key.token("ES256", "a", &member)).await.with_status(404);
        // Whoever is not known is not told what is asked for.
        let stranger = Signer::p256().token("ES256", "a", &claims);
        is_refused(&ask(&grouped, &stranger).await, 401, "invalid-token", "invalid_token");
    });
}

#[test]
fn the_token_of_the_server_and_those_of_an_issuer_open_beside_each_other() {
    run(async {
        let key = Signer::p256();
        let provider = Provider::start(vec![key.jwk("a")]);
        let token = Some(Token::new("a-token-of-some-length").unwrap());
        let both = Config { token, oidc: Some(config(&provider)), limits: patient(), ..Config::default() };
        let client = Client::with(both);
        ask(&client, "a-token-of-some-length").await.with_status(404);
        assert_eq!(provider.times_asked(), 0);
        ask(&client, &key.token("ES256", "a", &provider.claims())).await.with_status(404);
        is_refused(&ask(&client, "another-token-of-some-length").await, 401, "invalid-token", "invalid_token");
    });
}

#[test]
fn neither_tokens_nor_claims_are_told() {
    run(async {
        let key = Signer::p256();
        let provider = Provider::start(vec![key.jwk("a")]);
        let client = client(config(&provider));
        let good = key.token("ES256", "a", &provider.claims());
        let bad = key.token("ES256", "CANARY", &changed(&provider.claims(), &json!({"aud": "CANARY"})));
        let late = key.token("ES256", "a", &changed(&provider.claims(), &json!({"exp": 1})));
        for token in [&good, &bad, &late] {
            let answer = ask(&client, token).await;
            let told = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
            let secrets = token.split('.').chain(["CANARY"]);
            assert!(secrets.into_iter().all(|part| !told.contains(part)), "{told}");
        }
        let log = client.lines().join("\n");
        let parts = [good, bad, late].join(".");
        assert!(parts.split('.').chain(["CANARY"]).all(|part| !log.contains(part)), "{log}");
    });
}
