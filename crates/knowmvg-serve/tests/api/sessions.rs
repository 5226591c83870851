//! Sessions end by themselves, by request, and to make room.

use std::time::Duration;

use knowmvg_serve::Limits;
use serde_json::json;

use crate::client::{Client, patient, run, small_image};
use crate::form::Form;

async fn open(client: &Client) -> String {
    let form = Form::new().file("image", "", &small_image());
    client.post_form("/v1/sessions", form).await.with_status(201).header("location").to_owned()
}

#[test]
fn a_session_is_described_shown_asked_and_deleted() {
    run(async {
        let client = Client::new(patient());
        let path = open(&client).await;
        let session = client.get(&path).await.with_status(200).json();
        assert_eq!((&session["image"]["width"], &session["image"]["height"]), (&json!(40), &json!(34)));
        assert_eq!(session["anatomy"].as_array().unwrap().len(), 3);
        assert_eq!(session["kept_for_seconds"], 900);
        let image = client.get(&format!("{path}/image")).await.with_status(200);
        assert!(image.body.starts_with(b"\x89PNG"));

        let ground = format!("{path}/ground");
        let found = client.post_json(&ground, json!({"phrases": ["left effusion", "mass"]})).await.with_status(200);
        assert_eq!(found.json()["findings"].as_array().unwrap().len(), 2);
        let form = Form::new().text("phrase", "left effusion").text("phrase", "mass");
        let found = client.post_form(&ground, form).await.with_status(200);
        assert_eq!(found.json()["findings"][1]["phrase"]["text"], "mass");
        let with_image = Form::new().file("image", "", &small_image()).text("phrase", "mass");
        assert_eq!(client.post_form(&ground, with_image).await.with_status(400).problem(), "bad-request");

        client.delete(&path).await.with_status(204);
        client.delete(&path).await.with_status(404);
        assert_eq!(client.get(&path).await.with_status(404).problem(), "not-found");
        assert_eq!(
            client.post_json(&ground, json!({"phrases": ["mass"]})).await.with_status(404).problem(),
            "not-found"
        );
    });
}

#[test]
fn the_session_that_was_not_used_for_longest_makes_room() {
    run(async {
        let client = Client::new(Limits { sessions: 1, ..patient() });
        let (first, second) = (open(&client).await, open(&client).await);
        client.get(&first).await.with_status(404);
        client.get(&second).await.with_status(200);
    });
}

#[test]
fn a_session_ends_after_its_time_and_leaves_the_memory() {
    run(async {
        let client = Client::new(Limits { session_ttl: Duration::from_nanos(1), ..patient() });
        let path = open(&client).await;
        client.get(&path).await.with_status(404);
        let kept = |text: &str| text.lines().find(|line| line.starts_with("knowmvg_sessions ")).map(str::to_owned);
        let metrics = async || String::from_utf8(client.get("/metrics").await.with_status(200).body.to_vec()).unwrap();
        assert_eq!(kept(&metrics().await).as_deref(), Some("knowmvg_sessions 1"));
        client.app.sweep();
        assert_eq!(kept(&metrics().await).as_deref(), Some("knowmvg_sessions 0"));
    });
}
