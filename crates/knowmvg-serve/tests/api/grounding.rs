//! `POST /v1/ground`, and the same question asked in the other ways.

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::{Client, grounder, patient, request, run, sample_image, sample_report};
use crate::form::Form;

/// What the library answers, without its numbers' last digits.
fn expected() -> Value {
    let image = knowmvg_dicom::read_image(&sample_image()).unwrap();
    let grounding = grounder().ground(&image, Some(&sample_report()), &["cardiomegaly".into()]).unwrap();
    rounded(serde_json::to_value(grounding).unwrap())
}

/// The order of sums depends on the threads that are free.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(format!("{:.2}", number.as_f64().unwrap_or_default())),
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, rounded(value))).collect(),
        other => other,
    }
}

#[test]
fn multipart_json_session_and_job_answer_as_the_library() {
    run(async {
        let client = Client::new(patient());
        let expected = expected();
        let (image, report) = (sample_image(), sample_report());
        let form = || {
            let form = Form::new().file("image", "a.dcm", &image);
            form.text("report", &report).text("phrase", "cardiomegaly")
        };
        let answer = client.post_form("/v1/ground", form()).await.with_status(200);
        assert_eq!(rounded(answer.json()), expected);

        let body = json!({"image": STANDARD.encode(&image), "report": report, "phrases": ["cardiomegaly"]});
        let answer = client.post_json("/v1/ground", body).await.with_status(200);
        assert_eq!(rounded(answer.json()), expected);

        let job = client.post_form("/v1/jobs", form()).await.with_status(202);
        let events = format!("{}/events", job.header("location"));
        // The events end with the job.
        let events = client.get(&events).await.with_status(200);
        assert!(String::from_utf8_lossy(&events.body).contains("event: done"), "{events:?}");
        let answer = client.get(&format!("{}/result", job.header("location"))).await.with_status(200);
        assert_eq!(rounded(answer.json()), expected);

        let session = client.post_form("/v1/sessions", Form::new().file("image", "", &image)).await.with_status(201);
        let words = json!({"report": report, "phrases": ["cardiomegaly"]});
        let path = format!("{}/ground", session.header("location"));
        let answer = client.post_json(&path, words).await.with_status(200);
        assert_eq!(rounded(answer.json()), expected);
    });
}

#[test]
fn a_result_comes_in_the_form_that_is_asked_for() {
    run(async {
        let client = Client::new(patient());
        let form = Form::new().file("image", "", &sample_image());
        let session = client.post_form("/v1/sessions", form).await.with_status(201);
        let path = format!("{}/ground", session.header("location"));
        let body = json!({"report": sample_report()}).to_string();
        let ask = |accept: &'static str| {
            let request = request("POST", &path).header("content-type", "application/json").header("accept", accept);
            let request = request.body(Body::from(body.clone())).unwrap();
            let client = client.clone();
            async move { client.send(request).await }
        };
        let grounding = ask("application/json").await.with_status(200).json();
        let boxes: usize =
            grounding["findings"].as_array().unwrap().iter().map(|f| f["boxes"].as_array().unwrap().len()).sum();
        assert!(boxes > 0);

        let coco = ask("application/vnd.coco+json").await.with_status(200).json();
        let annotations = coco["annotations"].as_array().unwrap();
        assert_eq!(annotations.len(), boxes);
        assert_eq!((&coco["images"][0]["width"], &coco["images"][0]["height"]), (&json!(1841), &json!(1955)));
        let first = &grounding["findings"][0]["boxes"][0];
        let corner = |at: usize| first["box"][at].as_f64().unwrap();
        assert_eq!(annotations[0]["bbox"][0], first["box"][0]);
        assert!((annotations[0]["bbox"][2].as_f64().unwrap() - (corner(2) - corner(0))).abs() < 1e-9);
        let categories = coco["categories"].as_array().unwrap();
        let named = categories.iter().find(|category| category["id"] == annotations[0]["category_id"]).unwrap();
        assert_eq!(named["name"], grounding["findings"][0]["finding"]);

        let png = ask("image/png").await.with_status(200);
        assert_eq!(png.header("content-type"), "image/png");
        assert!(png.body.starts_with(b"\x89PNG\r\n\x1a\n"));
        let svg = ask("text/html;q=0.9, image/svg+xml;q=0.5").await.with_status(200);
        assert!(svg.body.starts_with(b"<svg") && String::from_utf8_lossy(&svg.body).contains("data:image/png;base64,"));

        let dicom = ask("application/dicom").await.with_status(200);
        assert_eq!(dicom.header("content-type"), "application/dicom");
        let groups = knowmvg_dicom::sr::read(&dicom.body).unwrap();
        assert_eq!(groups.iter().map(|group| group.boxes.len()).sum::<usize>(), boxes);
        assert!((groups[0].boxes[0].xyxy()[0] - corner(0)).abs() < 1e-3);

        for accept in ["text/html", "application/dicom+xml", "application/fhir+json"] {
            assert_eq!(ask(accept).await.with_status(406).problem(), "not-acceptable");
        }
    });
}

/// Asks for a structured report.
async fn ask_for_dicom(client: &Client, method: &str, path: &str, body: Vec<u8>) -> crate::client::Answer {
    let request =
        request(method, path).header("content-type", Form::content_type()).header("accept", "application/dicom");
    client.send(request.body(Body::from(body)).unwrap()).await
}

#[test]
fn a_dicom_file_gets_a_report_of_its_own_patient_at_once_and_from_a_job() {
    run(async {
        let client = Client::new(patient());
        let form = || Form::new().file("image", "", &sample_image()).text("phrase", "mass in the left mid zone");
        let direct = ask_for_dicom(&client, "POST", "/v1/ground", form().whole()).await.with_status(200);
        let job = client.post_form("/v1/jobs", form()).await.with_status(202).header("location").to_owned();
        client.get(&format!("{job}/events")).await.with_status(200);
        let kept = ask_for_dicom(&client, "GET", &format!("{job}/result"), Vec::new()).await.with_status(200);
        for answer in [direct, kept] {
            assert!(answer.body.windows(21).any(|part| part == b"CompressedSamples^RG1"));
            let groups = knowmvg_dicom::sr::read(&answer.body).unwrap();
            assert_eq!(groups[0].finding.as_ref().unwrap().value, "pulmonary_mass");
        }
    });
}

#[test]
fn what_was_not_sent_as_a_whole_dicom_file_has_no_dicom_result() {
    run(async {
        let client = Client::new(patient());
        let picture = crate::client::bytes("docs/overlay.png");
        // The small image names no study.
        for image in [picture, crate::client::small_image()] {
            let image_form = || Form::new().file("image", "", &image);
            let form = image_form().text("phrase", "mass").whole();
            let direct = ask_for_dicom(&client, "POST", "/v1/ground", form).await.with_status(406);
            let session = client.post_form("/v1/sessions", image_form()).await.with_status(201);
            let path = format!("{}/ground", session.header("location"));
            let words = Form::new().text("phrase", "mass").whole();
            let asked = ask_for_dicom(&client, "POST", &path, words).await.with_status(406);
            for problem in [direct, asked] {
                assert_eq!(problem.problem(), "no-dicom-form");
                assert!(!String::from_utf8_lossy(&problem.body).contains("CANARY"));
            }
        }
        let denied = Form::new().file("image", "", &sample_image()).text("report", "No pneumothorax.").whole();
        let denied = ask_for_dicom(&client, "POST", "/v1/ground", denied).await.with_status(422);
        assert_eq!(denied.problem(), "no-boxes");
    });
}
