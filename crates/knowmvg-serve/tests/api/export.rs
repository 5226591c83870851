//! A reviewed grounding becomes what is left of it, and a file from anywhere is not trusted.

use axum::body::Body;
use serde_json::{Value, json};

use crate::client::{Answer, Client, patient, request, run, sample_image, small_image};
use crate::form::Form;

const REPORT: &str = "There is a mass in the right mid zone. Left effusion. No pneumothorax.";

/// A session, and what the page would send of it: the first box rejected, the second moved, and one drawn.
async fn reviewed(client: &Client) -> (String, Value) {
    let form = Form::new().file("image", "", &small_image());
    let path = client.post_form("/v1/sessions", form).await.with_status(201).header("location").to_owned();
    let found = client.post_json(&format!("{path}/ground"), json!({"report": REPORT})).await.with_status(200).json();
    let time = "2026-11-25T15:00:00.000Z";
    let entry = |finding: usize, nth: Value, decision: &str, edited: Value| json!({"finding": finding, "box": nth, "decision": decision, "edited_box": edited, "time": time});
    let mut value = found;
    value["review"] = json!({
        "review_version": "1.0",
        "exported_at": time,
        "boxes": [
            entry(0, json!(0), "rejected", Value::Null),
            entry(1, json!(0), "edited", json!([1, 2, 11.5, 12])),
            entry(0, Value::Null, "added", json!([20, 20, 40, 34])),
        ],
    });
    (path, value)
}

async fn export(client: &Client, path: &str, value: &Value, accept: &str) -> Answer {
    let request = request("POST", &format!("{path}/export")).header("content-type", "application/json");
    client.send(request.header("accept", accept).body(Body::from(value.to_string())).unwrap()).await
}

#[test]
fn the_answer_has_the_boxes_that_are_left_in_the_form_that_is_asked_for() {
    run(async {
        let client = Client::new(patient());
        let (path, value) = reviewed(&client).await;
        let json = export(&client, &path, &value, "application/json").await.with_status(200).json();
        let added = json["findings"][0]["boxes"].as_array().unwrap();
        assert_eq!(added.len(), value["findings"][0]["boxes"].as_array().unwrap().len());
        assert_eq!(added.last().unwrap()["box"], json!([20.0, 20.0, 40.0, 34.0]));
        assert_eq!(json["findings"][1]["boxes"][0]["box"], json!([1.0, 2.0, 11.5, 12.0]));
        assert_eq!(json["findings"][1]["boxes"][0]["by_person"], true);
        assert!(value["findings"][1]["boxes"][0]["by_person"].is_null());
        let warning = json["warnings"].as_array().unwrap().last().unwrap().as_str().unwrap();
        assert!(warning.contains("1 rejected and left out, 1 moved, 1 drawn"), "{warning}");
        assert!(json["review"].is_null());

        let coco = export(&client, &path, &value, "application/vnd.coco+json").await.with_status(200).json();
        let boxes: Vec<&Value> = coco["annotations"].as_array().unwrap().iter().map(|a| &a["bbox"]).collect();
        assert!(boxes.contains(&&json!([1.0, 2.0, 10.5, 10.0])), "{boxes:?}");
        let png = export(&client, &path, &value, "image/png").await.with_status(200);
        assert!(png.body.starts_with(b"\x89PNG"));
        let svg = export(&client, &path, &value, "image/svg+xml").await.with_status(200);
        assert!(svg.body.starts_with(b"<svg"));
        assert!(String::from_utf8_lossy(&svg.body).contains("Placed by a person"));
        assert_eq!(
            export(&client, &path, &value, "application/dicom").await.with_status(406).problem(),
            "no-dicom-form"
        );
        assert_eq!(export(&client, &path, &value, "text/html").await.with_status(406).problem(), "not-acceptable");
    });
}

#[test]
fn a_structured_report_of_a_review_tells_a_persons_boxes_from_the_models() {
    run(async {
        let client = Client::new(patient());
        let form = Form::new().file("image", "", &sample_image());
        let path = client.post_form("/v1/sessions", form).await.with_status(201).header("location").to_owned();
        let words = json!({"phrases": ["mass in the left mid zone", "cardiomegaly"]});
        let mut value = client.post_json(&format!("{path}/ground"), &words).await.with_status(200).json();
        let moved =
            json!({"finding": 0, "box": 0, "decision": "edited", "edited_box": [10, 20, 300, 400], "time": null});
        value["review"] = json!({"review_version": "1.0", "exported_at": "", "boxes": [moved]});
        let answer = export(&client, &path, &value, "application/dicom").await.with_status(200);
        let groups = knowmvg_dicom::sr::read(&answer.body).unwrap();
        let of = |finding: &str| {
            groups.iter().find(|group| group.finding.as_ref().is_some_and(|code| code.value == finding)).unwrap()
        };
        assert_eq!(of("pulmonary_mass").boxes[0].xyxy(), [10.0, 20.0, 300.0, 400.0]);
        assert_eq!(of("pulmonary_mass").confidence, None);
        assert!(groups.iter().any(|group| group.confidence.is_some()), "the model's box keeps its confidence");
        assert!(answer.body.windows(22).any(|part| part == b"box placed by a person"));
    });
}

#[test]
fn words_of_a_client_are_not_taken_for_the_servers() {
    run(async {
        let client = Client::new(patient());
        let (path, mut value) = reviewed(&client).await;
        value["notice"] = json!("approved");
        value["warnings"] = json!(["nothing to see"]);
        value["anatomy"] = json!([]);
        value["id"] = json!("sent");
        let json = export(&client, &path, &value, "application/json").await.with_status(200).json();
        assert_eq!(json["notice"], "Research software, not a medical device. Not for diagnosis.");
        assert!(!json.to_string().contains("nothing to see") && json["id"].is_null());
        assert_eq!(json["anatomy"].as_array().unwrap().len(), 3);
    });
}

#[test]
fn what_does_not_fit_is_refused_and_not_repeated() {
    run(async {
        let client = Client::new(patient());
        let (path, value) = reviewed(&client).await;
        let unfit = [
            ("/image/sha256", json!("CANARY")),
            ("/image/width", json!(41)),
            ("/model/sha256", json!("CANARY")),
            ("/findings/0/finding", json!("CANARY")),
            ("/findings/0/boxes/0/box", json!([0, 0, 41, 5])),
            ("/findings/0/boxes/0/confidence", json!(2)),
            (
                "/findings/0/boxes/0",
                json!({"box": [0, 0, 5, 5], "confidence": 1, "spread": [0, 0, 0, 0], "by_person": true}),
            ),
            ("/review/boxes/0/finding", json!(7)),
            ("/review/boxes/0/box", json!(7)),
            ("/review/boxes/1/edited_box", json!([-1, 0, 5, 5])),
            ("/review/boxes/1/edited_box", json!([3, 3, 3, 5])),
            ("/review/boxes/1/edited_box", json!(null)),
            ("/review/boxes/2/finding", json!(2)),
            ("/review/review_version", json!("CANARY")),
            ("/review/exported_at", json!("CANARY".repeat(10))),
        ];
        let unreadable = [
            ("/review/boxes/1/edited_box", json!([5, 5, 1, 1])),
            ("/review/boxes/1/edited_box", json!("CANARY")),
            ("/review/boxes/1/decision", json!("CANARY")),
            ("/review/boxes/1/finding", json!(-1)),
            ("/review/boxes/1/finding", json!(1e30)),
            ("/review", json!({"CANARY": 1})),
            ("/findings", json!("CANARY")),
        ];
        let all = unfit.iter().map(|case| (case, 422, "unfit-review"));
        for ((pointer, change), status, kind) in all.chain(unreadable.iter().map(|case| (case, 400, "bad-request"))) {
            let mut wrong = value.clone();
            *wrong.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = change.clone();
            let answer = export(&client, &path, &wrong, "application/json").await.with_status(status);
            assert_eq!(answer.problem(), kind, "{pointer}");
            assert!(!String::from_utf8_lossy(&answer.body).contains("CANARY"), "{pointer}: {answer:?}");
        }
        let mut many = value.clone();
        many["findings"] = json!(vec![value["findings"][2].clone(); 400]);
        assert_eq!(export(&client, &path, &many, "*/*").await.with_status(422).problem(), "unfit-review");
        let mut large = value.clone();
        large["findings"][0]["phrase"]["text"] = json!("x".repeat(5 << 20));
        assert_eq!(export(&client, &path, &large, "*/*").await.with_status(413).problem(), "too-large");
        let gone = export(&client, "/v1/sessions/none", &value, "*/*").await.with_status(404);
        assert_eq!(gone.problem(), "not-found");
        let deep = client.post_json(&format!("{path}/export"), "[".repeat(100_000)).await.with_status(400);
        assert_eq!(deep.problem(), "bad-request");
        assert!(!client.lines().join("\n").contains("CANARY"));
    });
}
