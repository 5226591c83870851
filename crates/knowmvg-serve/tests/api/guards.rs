//! Who gets in, and what a browser is told.

use axum::body::Body;
use knowmvg_serve::{Config, Token, endpoints};

use crate::client::{Client, patient, request, run};

const TOKEN: &str = "a-token-of-some-length";

fn closed() -> Client {
    Client::with(Config { token: Some(Token::new(TOKEN).unwrap()), limits: patient(), ..Config::default() })
}

#[test]
fn with_a_token_nothing_works_without_it() {
    run(async {
        let client = closed();
        for (method, path) in endpoints() {
            let path = path.replace("{id}", "0");
            let without = client.send(request(method, &path).body(Body::empty()).unwrap()).await;
            let is_work = path.starts_with("/v1/") || path == "/metrics" || path.ends_with("/infer");
            assert_eq!(without.status == 401, is_work, "{method} {path}: {without:?}");
            if is_work {
                assert_eq!(
                    (without.problem().as_str(), without.header("www-authenticate")),
                    ("unauthorized", "Bearer")
                );
                let wrong = request(method, &path).header("authorization", format!("Bearer {TOKEN}x"));
                client.send(wrong.body(Body::empty()).unwrap()).await.with_status(401);
                let with = request(method, &path).header("authorization", format!("Bearer {TOKEN}"));
                assert_ne!(client.send(with.body(Body::empty()).unwrap()).await.status, 401, "{method} {path}");
            }
        }
    });
}

#[test]
fn other_sites_and_other_names_of_this_machine_are_refused() {
    run(async {
        let client = Client::new(patient());
        for (header, value, status, kind) in [
            ("host", "rebound.example:8017", 421, "wrong-host"),
            ("origin", "https://evil.example", 403, "foreign-origin"),
        ] {
            for (method, path) in endpoints() {
                let mut request = request(method, &path.replace("{id}", "0")).body(Body::empty()).unwrap();
                request.headers_mut().insert(header, value.parse().unwrap());
                assert_eq!(client.send(request).await.with_status(status).problem(), kind);
            }
        }
    });
}

#[test]
fn without_allowed_origins_no_answer_opens_the_server_to_other_sites() {
    run(async {
        let client = Client::new(patient());
        let asked = request("OPTIONS", "/v1/ground")
            .header("origin", "https://viewer.example")
            .header("access-control-request-method", "POST");
        let answer = client.send(asked.body(Body::empty()).unwrap()).await.with_status(403);
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{answer:?}");
    });
}

#[test]
fn an_allowed_origin_is_let_in_and_no_other() {
    run(async {
        let allowed_origins = vec!["https://viewer.example".to_owned()];
        let client = Client::with(Config { allowed_origins, limits: patient(), ..Config::default() });
        let from = async |origin: &str| {
            let asked = request("GET", "/health/live").header("origin", origin);
            client.send(asked.body(Body::empty()).unwrap()).await
        };
        let let_in = from("https://viewer.example").await.with_status(200);
        assert_eq!(let_in.header("access-control-allow-origin"), "https://viewer.example");
        let kept_out = from("https://evil.example").await.with_status(403);
        assert_eq!(kept_out.header("access-control-allow-origin"), "");
        let preflight = request("OPTIONS", "/v1/ground")
            .header("origin", "https://viewer.example")
            .header("access-control-request-method", "POST");
        let preflight = client.open(preflight.body(Body::empty()).unwrap()).await;
        assert!(preflight.status().is_success());
        assert_eq!(preflight.headers()["access-control-allow-origin"], "https://viewer.example");
    });
}

#[test]
fn every_answer_tells_browsers_to_be_careful() {
    run(async {
        let client = Client::new(patient());
        for path in ["/", "/web/main.js", "/health/live", "/v1/nothing"] {
            let answer = client.get(path).await;
            assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert!(["no-store", "no-cache"].contains(&answer.header("cache-control")));
            assert_eq!(answer.header("x-request-id").len(), 32);
        }
    });
}
