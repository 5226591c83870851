//! What a server answers that takes patients out, and that others but DICOM and FHIR name nobody anyway.

#[path = "../../../knowmvg-dicom/tests/deidentify/bytes.rs"]
#[allow(dead_code)]
mod bytes;
#[path = "../../../knowmvg-dicom/tests/deidentify/planted.rs"]
#[allow(dead_code)]
mod planted;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dicom_core::VR;
use knowmvg_dicom::deidentify::{BurnedIn, Deidentifier, Key, Profile, ProfileOption};
use knowmvg_serve::Config;
use serde_json::{Value, json};

use crate::client::{Answer, Client, patient, request, run};
use crate::form::Form;
use bytes::{EXPLICIT, Elements, put, radiograph, tag};

/// The words name somebody, and so does the typed phrase.
const REPORT: &str = "Mr CANARY has a large mass in the right mid zone. CANARY left effusion. No pneumothorax.";
const PHRASE: &str = "cardiomegaly of CANARY";
const FORMS: [&str; 7] = [
    "application/json",
    "application/vnd.coco+json",
    "image/png",
    "image/svg+xml",
    "application/dicom",
    "application/fhir+json",
    "application/fhir+json; fhirVersion=4.0",
];

fn server(options: &[ProfileOption]) -> Client {
    let key = Key::from_hex(&format!("01{}", "5e".repeat(31))).unwrap();
    let profile = Profile::new(options.iter().copied(), BurnedIn::Refuse);
    let deidentifier = Some(Deidentifier::new(key, profile));
    Client::with(Config { deidentifier, limits: patient(), ..Config::default() })
}

/// Large enough to be grounded, with a slope for the eyes of the encoder.
fn image() -> Elements {
    let mut image = radiograph();
    let sides = [("00280010", 40_u16), ("00280011", 40)];
    for (digits, side) in sides {
        image.insert(tag(digits), (VR::US, bytes::Value::Bytes(side.to_le_bytes().to_vec())));
    }
    let pixels = (0..1600_u16).flat_map(|place| (place * 2).to_le_bytes()).collect();
    image.insert(tag("7FE00010"), (VR::OW, bytes::Value::Bytes(pixels)));
    image
}

pub fn sent(options: &[ProfileOption]) -> Vec<u8> {
    planted::planted_in(image(), EXPLICIT, options)
}

async fn ground(client: &Client, image: &[u8], accept: &str) -> Answer {
    let form = Form::new().file("image", "CANARY.dcm", image).text("report", REPORT).text("phrase", PHRASE);
    let request = request("POST", "/v1/ground").header("content-type", Form::content_type()).header("accept", accept);
    client.send(request.body(Body::from(form.whole())).unwrap()).await
}

/// Fails if an answer has a planted string or one of the file's UIDs.
#[track_caller]
fn names_nobody(what: &str, answer: &Answer) {
    assert!(answer.status.is_success(), "{what}: {}", String::from_utf8_lossy(&answer.body));
    for part in [&b"CANARY"[..], b"1.2.826.0."] {
        let found = answer.body.windows(part.len()).position(|window| window == part);
        let around = found.map(|at| {
            String::from_utf8_lossy(&answer.body[at.saturating_sub(60)..(at + 60).min(answer.body.len())]).into_owned()
        });
        assert_eq!(around, None, "{what}");
    }
    assert!(!format!("{:?}", answer.headers).contains("CANARY"), "{what}");
}

/// Parts of a PNG, in their order.
fn chunks(png: &[u8]) -> Vec<String> {
    let mut rest = &png[8..];
    let mut names = Vec::new();
    while rest.len() >= 12 {
        let length = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        names.push(String::from_utf8_lossy(&rest[4..8]).into_owned());
        rest = &rest[12 + length..];
    }
    names
}

#[test]
fn no_form_of_a_result_names_anybody_whatever_is_kept() {
    run(async {
        let kept = [
            ProfileOption::RetainModifiedDates,
            ProfileOption::RetainPatientCharacteristics,
            ProfileOption::CleanDescriptors,
        ];
        for options in [&[][..], &kept] {
            let (client, image) = (server(options), sent(options));
            assert!(image.windows(6).any(|part| part == b"CANARY"));
            for accept in FORMS {
                names_nobody(accept, &ground(&client, &image, accept).await);
            }
            assert!(!client.lines().join("\n").contains("CANARY"));
        }
    });
}

#[test]
fn neither_sessions_nor_reviews_nor_jobs_nor_tensors_name_anybody() {
    run(async {
        let (client, image) = (server(&[]), sent(&[]));
        let session = client.post_form("/v1/sessions", Form::new().file("image", "CANARY", &image)).await;
        names_nobody("session", &session);
        let path = session.header("location").to_owned();
        names_nobody("shown", &client.get(&format!("{path}/image")).await);
        let words = json!({"report": REPORT, "phrases": [PHRASE]});
        let found = client.post_json(&format!("{path}/ground"), &words).await;
        names_nobody("session's result", &found);
        names_nobody("layer", &client.post_json(&format!("{path}/layers/global/0"), &words).await);

        // A page that kept the words of the report sends them back.
        let mut value = found.json();
        value["findings"][0]["phrase"]["text"] = json!("Mr CANARY");
        let moved = json!({"finding": 0, "box": 0, "decision": "edited", "edited_box": [1, 2, 11, 12], "time": null});
        value["review"] = json!({"review_version": "1.0", "exported_at": "", "boxes": [moved]});
        for accept in FORMS {
            let request = request("POST", &format!("{path}/export")).header("accept", accept);
            let request = request.header("content-type", "application/json");
            let answer = client.send(request.body(Body::from(value.to_string())).unwrap()).await;
            names_nobody(accept, &answer);
        }

        let form = Form::new().file("image", "", &image).text("report", REPORT);
        let job = client.post_form("/v1/jobs", form).await.with_status(202).header("location").to_owned();
        client.get(&format!("{job}/events")).await.with_status(200);
        for accept in FORMS {
            let request = request("GET", &format!("{job}/result")).header("accept", accept);
            names_nobody(accept, &client.send(request.body(Body::empty()).unwrap()).await);
        }

        let input = |name: &str, text: &str| json!({"name": name, "datatype": "BYTES", "shape": [1], "data": [text]});
        let inputs = json!([input("image", &STANDARD.encode(&image)), input("report", REPORT)]);
        let path = "/v2/models/knowmvg/infer";
        names_nobody("tensors", &client.post_json(path, json!({"inputs": inputs})).await);
    });
}

#[test]
fn results_are_of_the_pseudonym_that_the_files_have_and_of_its_time() {
    run(async {
        let (client, image) = (server(&[ProfileOption::RetainModifiedDates]), sent(&[]));
        let key = Key::from_hex(&format!("01{}", "5e".repeat(31))).unwrap();
        let profile = Profile::new([ProfileOption::RetainModifiedDates], BurnedIn::Refuse);
        let elsewhere = Deidentifier::new(key, profile).file(&image).unwrap();
        let report = ground(&client, &image, "application/dicom").await.with_status(200);
        let (report, file) = (bytes::read(&report.body), bytes::read(&elsewhere.bytes));
        let text = |object: &dicom_object::InMemDicomObject, digits: &str| {
            object.element(tag(digits)).unwrap().to_str().unwrap().trim().to_owned()
        };
        for digits in ["00100020", "00100010", "0020000D"] {
            assert_eq!(text(&report, digits), text(&file, digits), "{digits}");
        }
        assert_eq!(text(&report, "00120062"), "YES");
        // Moved by at least a day, and by ten years at most.
        let year = |text: &str| text[..4].parse::<i32>().unwrap();
        let now = year(&knowmvg_dicom::ContentTime::now().to_rfc3339());
        assert!((now - 11..=now).contains(&year(&text(&report, "00080023"))));
        let without = ground(&server(&[]), &image, "application/dicom").await.with_status(200);
        assert_eq!(text(&bytes::read(&without.body), "00080023"), "19000101");
        let bundle = ground(&server(&[]), &image, "application/fhir+json").await.json().to_string();
        assert!(bundle.contains("\"1900-01-01T00:00:00Z\""), "{bundle}");
    });
}

#[test]
fn words_are_those_of_the_knowledge_base_for_pictures_too() {
    run(async {
        let client = server(&[]);
        let session = client.post_form("/v1/sessions", Form::new().file("image", "", &sent(&[]))).await;
        let picture = client.get(&format!("{}/image", session.header("location"))).await.with_status(200).body.to_vec();
        let found = ground(&client, &picture, "application/json").await.with_status(200);
        names_nobody("picture", &found);
        let texts: Vec<Value> =
            found.json()["findings"].as_array().unwrap().iter().map(|f| f["phrase"]["text"].clone()).collect();
        assert!(texts.iter().any(|text| text.as_str().unwrap().starts_with("Pleural effusion")), "{texts:?}");
        assert!(found.json()["findings"].as_array().unwrap().iter().all(|finding| finding["phrase"]["span"].is_null()));
        assert_eq!(ground(&client, &picture, "application/dicom").await.with_status(406).problem(), "no-dicom-form");
    });
}

#[test]
fn what_cannot_be_deidentified_is_refused_in_every_form() {
    run(async {
        let client = server(&[]);
        let mut burned = image();
        put(&mut burned, tag("00280301"), "YES");
        let mut private = image();
        put(&mut private, tag("00080016"), "1.2.826.0.77");
        for image in [planted::planted_in(burned, EXPLICIT, &[]), planted::planted_in(private, EXPLICIT, &[])] {
            for accept in FORMS {
                let answer = ground(&client, &image, accept).await.with_status(422);
                assert_eq!(answer.problem(), "not-deidentified", "{accept}");
                assert!(!String::from_utf8_lossy(&answer.body).contains("CANARY"), "{accept}");
            }
            let form = Form::new().file("image", "", &image);
            assert_eq!(client.post_form("/v1/sessions", form).await.with_status(422).problem(), "not-deidentified");
            let input = json!([
                {"name": "image", "datatype": "BYTES", "shape": [1], "data": [STANDARD.encode(&image)]},
                {"name": "phrases", "datatype": "BYTES", "shape": [1], "data": ["mass"]},
            ]);
            let answer = client.post_json("/v2/models/knowmvg/infer", json!({"inputs": input})).await;
            assert_eq!(answer.with_status(422).problem(), "not-deidentified");
        }
    });
}

#[test]
fn json_coco_and_pictures_name_nobody_even_if_patients_are_not_taken_out() {
    run(async {
        let (client, image) = (Client::new(patient()), sent(&[]));
        for accept in &FORMS[..4] {
            let form = Form::new().file("image", "CANARY", &image).text("phrase", "left effusion");
            let request = request("POST", "/v1/ground").header("accept", *accept);
            let request = request.header("content-type", Form::content_type());
            let answer = client.send(request.body(Body::from(form.whole())).unwrap()).await;
            names_nobody(accept, &answer);
            if *accept == "image/png" {
                let kinds = chunks(&answer.body);
                assert!(kinds.iter().all(|kind| ["IHDR", "IDAT", "IEND"].contains(&kind.as_str())), "{kinds:?}");
            }
        }
        let session = client.post_form("/v1/sessions", Form::new().file("image", "CANARY", &image)).await;
        names_nobody("session", &session);
        names_nobody("shown", &client.get(&format!("{}/image", session.header("location"))).await);
    });
}
