//! Layers are pictures with alpha of one finding, and refuse what they do not have.

use knowmvg_serve::Limits;
use serde_json::json;

use crate::client::{Client, patient, run, small_image};
use crate::form::Form;

const REPORT: &str = "There is a mass in the right mid zone. No pneumothorax.";

async fn open(client: &Client) -> String {
    let form = Form::new().file("image", "", &small_image());
    client.post_form("/v1/sessions", form).await.with_status(201).header("location").to_owned()
}

/// Width, height and type of colour of a PNG; 6 is RGB with alpha.
fn header(png: &[u8]) -> (u32, u32, u8) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20), png[25])
}

#[test]
fn each_layer_is_a_picture_of_its_own_with_the_shape_of_the_image() {
    run(async {
        let client = Client::new(patient());
        let path = open(&client).await;
        let words = json!({"report": REPORT, "phrases": ["cardiomegaly"]});
        let mut seen = Vec::new();
        for finding in [0, 2] {
            for layer in ["prior", "global", "local"] {
                let layer = client.post_json(&format!("{path}/layers/{layer}/{finding}"), &words).await;
                let layer = layer.with_status(200);
                assert_eq!(layer.header("content-type"), "image/png");
                assert_eq!(header(&layer.body), (512, 435, 6));
                assert!(!seen.contains(&layer.body), "two layers are the same");
                seen.push(layer.body);
            }
        }
        let form = Form::new().text("report", REPORT).text("phrase", "cardiomegaly");
        let again = client.post_form(&format!("{path}/layers/global/2"), form).await.with_status(200);
        assert_eq!(again.body, seen[4], "the same question has the same answer");
    });
}

#[test]
fn what_is_no_layer_is_told_apart() {
    run(async {
        let client = Client::new(patient());
        let path = open(&client).await;
        let words = json!({"report": REPORT});
        let ask = async |rest: &str| client.post_json(&format!("{path}/layers/{rest}"), &words).await;
        // The report denies the second finding, so nobody looks for it.
        assert_eq!(ask("global/1").await.with_status(422).problem(), "no-layer");
        for rest in ["global/2", "global/-1", "global/99999999999999999999999", "Global/0", "CANARY/0", "global/CANARY"]
        {
            let problem = ask(rest).await.with_status(404);
            assert_eq!(problem.problem(), "not-found");
            assert!(!String::from_utf8_lossy(&problem.body).contains("CANARY"));
        }
        let gone = client.post_json("/v1/sessions/none/layers/global/0", &words).await.with_status(404);
        assert_eq!(gone.problem(), "not-found");
        let empty = client.post_json(&format!("{path}/layers/global/0"), json!({})).await.with_status(422);
        assert_eq!(empty.problem(), "nothing-asked");
        let odd = client.post_json(&format!("{path}/layers/global/0"), json!({"CANARY": 1})).await.with_status(400);
        assert!(!String::from_utf8_lossy(&odd.body).contains("CANARY"));
        assert!(!client.lines().join("\n").contains("CANARY"));
    });
}

#[test]
fn a_layer_takes_a_place_in_the_queue_and_gives_it_back() {
    run(async {
        let client = Client::new(Limits { workers: 1, queue: 0, ..patient() });
        let path = format!("{}/layers/global/0", open(&client).await);
        let ask = || client.post_json(&path, json!({"report": REPORT}));
        // The first has the only place before the second is looked at.
        let (first, second) = futures_util::future::join(ask(), ask()).await;
        first.with_status(200);
        assert_eq!(second.with_status(503).problem(), "queue-full");
        ask().await.with_status(200);
    });
}
