//! The Open Inference Protocol answers as `/v1/ground` does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::{Client, patient, run, small_image};
use crate::form::Form;

const INFER: &str = "/v2/models/knowmvg/infer";

fn tensor(name: &str, data: &[&str]) -> Value {
    json!({"name": name, "datatype": "BYTES", "shape": [data.len()], "data": data})
}

#[test]
fn inference_gives_the_boxes_of_the_result() {
    run(async {
        let client = Client::new(patient());
        let image = STANDARD.encode(small_image());
        let inputs = json!([
            tensor("image", &[&image]),
            tensor("report", &["Left effusion. No mass."]),
            tensor("phrases", &["cardiomegaly"])
        ]);
        let answer = client.post_json(INFER, json!({"id": "7", "inputs": inputs})).await.with_status(200).json();
        let data = |at: usize| answer["outputs"][at]["data"].as_array().unwrap().clone();
        let grounding: Value = serde_json::from_str(data(0)[0].as_str().unwrap()).unwrap();
        let findings = grounding["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 3);
        let boxes: Vec<(usize, &Value)> = (0..3)
            .flat_map(|index| findings[index]["boxes"].as_array().unwrap().iter().map(move |found| (index, found)))
            .collect();
        assert!(!boxes.is_empty());
        assert_eq!(answer["outputs"][1]["shape"], json!([boxes.len(), 4]));
        for (at, (index, found)) in boxes.iter().enumerate() {
            assert_eq!(json!(data(1)[4 * at..4 * at + 4]), found["box"]);
            assert_eq!((&data(2)[at], &data(3)[at]), (&found["confidence"], &json!(index)));
        }
        let form = Form::new().file("image", "", &small_image()).text("report", "Left effusion. No mass.");
        let same = client.post_form("/v1/ground", form.text("phrase", "cardiomegaly")).await.with_status(200).json();
        assert_eq!(same["findings"].as_array().unwrap().len(), 3);
        assert_eq!(same["image"], grounding["image"]);
    });
}

#[test]
fn the_model_says_what_it_takes_and_gives() {
    run(async {
        let client = Client::new(patient());
        assert_eq!(client.get("/v2").await.with_status(200).json()["name"], "knowmvg");
        let model = client.get("/v2/models/knowmvg").await.with_status(200).json();
        assert_eq!((model["inputs"].as_array().unwrap().len(), model["outputs"].as_array().unwrap().len()), (3, 4));
        for path in ["/v2/health/live", "/v2/health/ready", "/v2/models/knowmvg/ready"] {
            client.get(path).await.with_status(200);
        }
        client.get("/v2/models/other").await.with_status(404);
    });
}

#[test]
fn a_refusal_has_the_member_that_clients_look_for() {
    run(async {
        let client = Client::new(patient());
        for (inputs, status) in [
            (json!([tensor("report", &["mass"])]), 400),
            (json!([tensor("image", &["AAAA"])]), 422),
            (json!([tensor("image", &["AAAA"]), tensor("report", &["mass"])]), 422),
        ] {
            let answer = client.post_json(INFER, json!({"inputs": inputs})).await.with_status(status);
            answer.problem();
            assert!(answer.json()["error"].as_str().is_some_and(|text| !text.is_empty()));
        }
    });
}
