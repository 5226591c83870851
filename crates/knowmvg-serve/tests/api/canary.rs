//! Nothing of a patient reaches a log, a metric, an error or a header: `CANARY` is planted wherever a name can stand.

use axum::body::Body;
use serde_json::{Value, json};

use crate::client::{Answer, Client, patient, repository, request, run, small_image};
use crate::form::{BOUNDARY, Form};

const REPORT: &str = "Patient CANARY, id CANARY-7. There is a large mass in the right mid zone. No effusion.";

/// Sends what a client may send, whole and broken, and gives back the answers.
async fn send_everything(client: &Client) -> Vec<Answer> {
    let image = small_image();
    assert!(image.windows(6).any(|bytes| bytes == b"CANARY"), "the header of the image names its patient");
    let form = || Form::new().file("image", "CANARY.dcm", &image).text("report", REPORT);
    let mut answers = vec![
        client.post_form("/v1/ground", form()).await.with_status(200),
        client.post_form("/v1/sessions", Form::new().file("image", "CANARY.dcm", &image)).await.with_status(201),
        client.post_form("/v1/jobs", form()).await.with_status(202),
        client.post_form("/v1/ground", form().text("CANARY", "CANARY")).await.with_status(400),
        client.post_form("/v1/ground", form().text("phrase", &"CANARY".repeat(200))).await.with_status(422),
        client.post_form("/v1/ground", Form::new().file("image", "CANARY", b"CANARY").text("report", REPORT)).await,
        client.post_bytes("/v1/ground", &Form::content_type(), form().cut()).await.with_status(400),
        client.post_bytes("/v1/ground", "text/CANARY", REPORT).await.with_status(415),
        client.post_bytes("/v1/ground", "multipart/form-data; boundary=CANARY", form().whole()).await.with_status(400),
        client.post_json("/v1/ground", json!({"image": "CANARYAA", "report": REPORT})).await.with_status(422),
        client.post_json("/v1/ground", json!({"image": "CANARY!", "report": REPORT})).await.with_status(400),
        client.post_json("/v1/ground", json!({"CANARY": REPORT})).await.with_status(400),
        client.post_json("/v1/ground", json!({"report": {"CANARY": REPORT}})).await.with_status(400),
        client.post_json("/v1/ground", format!("{{\"report\": \"{REPORT}")).await.with_status(400),
        client.post_json("/v2/models/knowmvg/infer", json!({"id": "CANARY", "inputs": [{"name": "CANARY"}]})).await,
        client.get("/v1/sessions/CANARY").await.with_status(404),
        client.get("/v1/jobs/CANARY/result").await.with_status(404),
        client.get("/v1/CANARY?name=CANARY").await.with_status(404),
        client.get("/v1/sessions/%ff%00CANARY").await.with_status(404),
    ];
    let latin = [
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"report\"\r\n\r\nCANARY ").as_bytes(),
        b"\xe9\r\n",
    ]
    .concat();
    answers.push(client.post_bytes("/v1/ground", &Form::content_type(), latin).await);
    for (header, value) in
        [("host", "CANARY"), ("origin", "http://CANARY"), ("accept", "text/CANARY"), ("x-request-id", "CANARY")]
    {
        let request = request("POST", "/v1/ground").header(header, value).body(Body::from(REPORT)).unwrap();
        answers.push(client.send(request).await);
    }
    let odd = request("CANARY", "/v1/ground").body(Body::empty()).unwrap();
    answers.push(client.send(odd).await.with_status(405));
    for file in std::fs::read_dir(repository("fixtures/hostile")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        answers.push(
            client.post_form("/v1/ground", Form::new().file("image", "CANARY", &bytes).text("report", REPORT)).await,
        );
    }
    answers
}

#[test]
fn no_log_metric_error_or_header_repeats_what_names_a_patient() {
    run(async {
        let client = Client::new(patient());
        let answers = send_everything(&client).await;
        let metrics = client.get("/metrics").await.with_status(200);
        assert!(client.lines().len() > answers.len());
        let log = client.lines().join("\n");
        assert!(log.contains("/v1/ground") && !log.contains("CANARY"), "{log}");
        assert!(!text(&metrics).contains("CANARY"), "{}", text(&metrics));
        for answer in &answers {
            assert!(!format!("{:?}", answer.headers).contains("CANARY"), "{answer:?}");
            if answer.status.is_client_error() || answer.status.is_server_error() {
                assert!(!text(answer).contains("CANARY"), "{answer:?}");
            }
        }
        // What was asked for is in the result: the phrases, and no more of the report.
        assert!(
            text(&answers[0]).contains("large mass in the right mid zone") && !text(&answers[0]).contains("CANARY")
        );
        assert!(answers.iter().filter(|answer| answer.status.is_client_error()).count() > 60);
    });
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[test]
fn a_line_of_the_log_is_found_by_the_id_of_its_answer() {
    run(async {
        let client = Client::new(patient());
        let answer = client.post_json("/v1/ground", "{}").await.with_status(400);
        let lines = client.lines();
        assert_eq!(lines.len(), 1);
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["request"], answer.header("x-request-id"));
        let said = json!([line["method"], line["route"], line["status"], line["problem"]]);
        assert_eq!(said, json!(["POST", "/v1/ground", 400, "bad-request"]));
    });
}
