//! Requests that nobody sends by accident: each gets an answer, and the server goes on.

use axum::body::Body;
use knowmvg::report::MAX_REPORT_BYTES;
use knowmvg_serve::{Limits, MAX_PHRASE_BYTES};
use serde_json::json;

use crate::client::{Client, bytes, patient, request, run, small_image};
use crate::form::{BOUNDARY, Form};

async fn still_works(client: &Client) {
    let form = Form::new().file("image", "", &small_image()).text("phrase", "mass");
    client.post_form("/v1/ground", form).await.with_status(200);
}

#[test]
fn broken_bodies_get_an_answer_each() {
    run(async {
        let client = Client::new(patient());
        let form = || Form::new().file("image", "", &small_image()).text("phrase", "mass");
        let whole = form().whole();
        for length in [0, 1, 30, 100, whole.len() / 2, whole.len() - 8] {
            let cut = client.post_bytes("/v1/ground", &Form::content_type(), whole[..length].to_vec()).await;
            assert_eq!(cut.with_status(400).problem(), "bad-request", "{length} bytes");
        }
        let headless = format!("--{BOUNDARY}\r\n\r\nmass\r\n--{BOUNDARY}--\r\n");
        let many = (0..1_000).fold(Form::new(), |form, _| form.text("phrase", "mass"));
        let twice = form().file("image", "", b"1");
        for (body, status) in [(headless.into_bytes(), 400), (many.whole(), 422), (twice.whole(), 400)] {
            client.post_bytes("/v1/ground", &Form::content_type(), body).await.with_status(status);
        }
        for content_type in
            ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\""]
        {
            client.post_bytes("/v1/ground", content_type, whole.clone()).await.with_status(400);
        }
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/dicom", ""] {
            let answer = client.post_bytes("/v1/ground", content_type, whole.clone()).await.with_status(415);
            assert_eq!(answer.problem(), "wrong-type");
        }
        let untyped = request("POST", "/v1/ground").body(Body::from(whole)).unwrap();
        client.send(untyped).await.with_status(415);
        still_works(&client).await;
    });
}

#[test]
fn odd_json_gets_an_answer_each() {
    run(async {
        let client = Client::new(patient());
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        let deep_value = format!("{{\"phrases\": {deep}}}");
        for body in [
            "",
            "null",
            "7",
            "[]",
            "{",
            "{\"image\": 7}",
            "{\"phrases\": \"mass\"}",
            "{\"other\": 1}",
            &deep,
            &deep_value,
        ] {
            let answer = client.post_json("/v1/ground", body).await.with_status(400);
            assert_eq!(answer.problem(), "bad-request");
        }
        let not_text = client.post_bytes("/v1/ground", "application/json", &b"{\"report\": \"\xff\"}"[..]).await;
        assert_eq!(not_text.with_status(400).problem(), "bad-request");
        let image = "AAAA";
        for (body, status, kind) in [
            (json!({"report": "mass"}), 400, "bad-request"),
            (json!({"image": image}), 422, "nothing-asked"),
            (json!({"image": image, "report": " "}), 422, "nothing-asked"),
            (json!({"image": image, "phrases": [""]}), 422, "unreadable-text"),
            (json!({"image": image, "phrases": ["a".repeat(MAX_PHRASE_BYTES + 1)]}), 422, "unreadable-text"),
            (json!({"image": image, "report": "a".repeat(MAX_REPORT_BYTES + 1)}), 422, "unreadable-text"),
            (json!({"image": image, "report": "mass"}), 422, "unreadable-image"),
        ] {
            assert_eq!(client.post_json("/v1/ground", &body).await.with_status(status).problem(), kind);
        }
        still_works(&client).await;
    });
}

#[test]
fn large_bodies_are_not_read_to_their_end() {
    run(async {
        let client = Client::new(Limits { body_bytes: 20_000, ..patient() });
        let large = Form::new().file("image", "", &vec![0; 30_000]).text("phrase", "mass");
        let answer = client.post_form("/v1/ground", large).await.with_status(413);
        assert_eq!(answer.problem(), "too-large");
        let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'['; 4_096]));
        let answer = client.post_bytes("/v1/ground", "application/json", Body::from_stream(endless)).await;
        assert_eq!(answer.with_status(413).problem(), "too-large");
        still_works(&client).await;
    });
}

#[test]
fn images_that_claim_to_be_huge_are_refused_by_their_header() {
    run(async {
        let client = Client::new(patient());
        for name in ["bomb.png", "bomb.jpg", "pixels-of-4-gigabytes.dcm", "jpeg-2000-says-2147483648.dcm"] {
            let image = bytes(&format!("fixtures/hostile/{name}"));
            let form = Form::new().file("image", name, &image).text("phrase", "mass");
            let answer = client.post_form("/v1/ground", form).await.with_status(422);
            assert_eq!(answer.problem(), "unreadable-image");
        }
    });
}

#[test]
fn unknown_paths_and_methods_are_problems_too() {
    run(async {
        let client = Client::new(patient());
        assert_eq!(client.get("/v1").await.with_status(404).problem(), "not-found");
        assert_eq!(client.get("/v1/sessions/../../etc/passwd").await.with_status(404).problem(), "not-found");
        let put = client.send(request("PUT", "/v1/ground").body(Body::empty()).unwrap()).await.with_status(405);
        assert_eq!((put.problem().as_str(), put.header("allow")), ("method-not-allowed", "POST"));
    });
}
