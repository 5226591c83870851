//! Requests that are decoded together are answered as if each were alone, whatever becomes of the others.

use std::time::{Duration, Instant};

use axum::body::Body;
use knowmvg::grounder::{Asked, Course, Session, pass_shape};
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::report;
use knowmvg_serve::Limits;
use serde_json::{Value, json};

use crate::client::{Answer, Client, grounder, patient, request, run, sample_image, sample_report, small_image};
use crate::form::Form;

/// How far an answer may be from that of a request alone: floats are added in another order.
///
/// # Units
/// Fractions of the longer side, and probabilities.
const TOLERANCE: f64 = 1e-5;

fn together() -> Limits {
    Limits { batch_phrases: 64, batch_images: 8, batch_window: Duration::from_millis(100), ..patient() }
}

/// More than one pass.
fn many() -> Vec<String> {
    let places = ["right upper", "right mid", "right lower", "left upper", "left mid", "left lower"];
    let phrases =
        places.iter().flat_map(|place| ["mass", "nodule", "opacity"].map(|name| format!("{name} in the {place} zone")));
    phrases.chain(["heart", "right lung", "cardiomegaly"].map(str::to_owned)).collect()
}

/// Questions of several lengths, about findings and about lungs and heart, which have a frame of their own.
fn questions() -> Vec<Value> {
    vec![
        json!({"phrases": ["cardiomegaly"]}),
        json!({"phrases": ["heart"]}),
        json!({"phrases": ["mass in the left mid zone", "left lung", "no pneumothorax"]}),
        json!({"report": sample_report()}),
        json!({"phrases": many()}),
        json!({"report": "No pneumothorax."}),
    ]
}

/// Fails where two results differ by more than the tolerance.
#[track_caller]
fn same(a: &Value, b: &Value, side: f64, key: &str) {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let is_length = ["box", "spread", "prior_box"].contains(&key);
            let most = TOLERANCE * if is_length { side } else { 1.0 };
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= most, "{key}: {a} and {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{key}");
            a.iter().zip(b).for_each(|(a, b)| same(a, b, side, key));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{key}");
            a.iter().for_each(|(key, value)| same(value, &b[key], side, key));
        }
        _ => assert_eq!(a, b, "{key}"),
    }
}

#[track_caller]
fn same_result(a: &Value, b: &Value) {
    let side = a["image"]["width"].as_f64().unwrap().max(a["image"]["height"].as_f64().unwrap());
    same(a, b, side, "");
}

async fn open(client: &Client, image: &[u8]) -> String {
    let form = Form::new().file("image", "", image);
    client.post_form("/v1/sessions", form).await.with_status(201).header("location").to_owned()
}

/// A number of the metrics.
async fn metric(client: &Client, name: &str) -> f64 {
    let text = String::from_utf8(client.get("/metrics").await.with_status(200).body.to_vec()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).expect("a metric of that name");
    line.parse().unwrap()
}

#[test]
fn a_pass_gives_each_session_what_it_gets_alone() {
    let images = [sample_image(), small_image()].map(|bytes| knowmvg_dicom::read_image(&bytes).unwrap());
    let sessions = images.map(|image| grounder().session(&image).unwrap());
    let asked = |texts: &[String]| -> Vec<Asked> {
        texts.iter().map(|text| Asked::from_user(report::query(text, KnowledgeBase::chest()))).collect()
    };
    let texts = [vec!["cardiomegaly".to_owned()], many(), vec!["heart".to_owned(), "left effusion".to_owned()]];
    let cases: Vec<(&Session<'_>, &Vec<String>)> =
        sessions.iter().flat_map(|session| texts.iter().map(move |texts| (session, texts))).collect();
    let mut courses: Vec<Course> = cases.iter().map(|(session, texts)| session.course(asked(texts))).collect();
    let mut passes = 0;
    while courses.iter().any(|course| !course.is_done()) {
        let mut beside: Vec<_> = cases.iter().map(|(session, _)| *session).zip(&mut courses).collect();
        grounder().pass(&mut beside);
        passes += 1;
    }
    assert!((2..6).contains(&passes), "{passes}");
    for ((session, texts), course) in cases.into_iter().zip(courses) {
        let passed = course.passed();
        assert_eq!((passed.decoded, passed.wanted), (texts.len(), texts.len()));
        let alone = serde_json::to_value(session.grounding(asked(texts))).unwrap();
        same_result(&serde_json::to_value(session.finish(course)).unwrap(), &alone);
    }
}

#[test]
fn the_size_of_a_pass_counts_what_is_padded() {
    let image = knowmvg_dicom::read_image(&small_image()).unwrap();
    let [a, b] = [0, 1].map(|_| grounder().session(&image).unwrap());
    let course = |session: &Session<'_>, texts: &[&str]| {
        let asked = texts.iter().map(|text| Asked::from_user(report::query(text, KnowledgeBase::chest())));
        session.course(asked.collect())
    };
    let (one, two) = (course(&a, &["mass"]), course(&a, &["mass", "nodule"]));
    let (other, heart, nothing) = (course(&b, &["mass"]), course(&a, &["heart"]), course(&a, &[]));
    assert_eq!(pass_shape(&[]), [0, 0]);
    assert_eq!(pass_shape(&[(&a, &nothing)]), [0, 0]);
    assert_eq!(pass_shape(&[(&a, &one), (&a, &two)]), [1, 3]);
    assert_eq!(pass_shape(&[(&a, &one), (&b, &other)]), [2, 1]);
    assert_eq!(pass_shape(&[(&a, &one), (&a, &two), (&b, &other)]), [2, 3]);
    assert_eq!(pass_shape(&[(&a, &two), (&a, &heart), (&a, &nothing)]), [2, 2]);
}

#[test]
fn requests_together_are_answered_as_alone_and_did_share_batches() {
    run(async {
        for batch_images in [1, 8] {
            share_and_compare(&Client::new(Limits { batch_images, ..together() })).await;
        }
    });
}

async fn share_and_compare(client: &Client) {
    let sessions = [open(client, &sample_image()).await, open(client, &small_image()).await];
    let mut asked: Vec<(String, Value)> = Vec::new();
    for session in &sessions {
        asked.extend(questions().into_iter().map(|question| (format!("{session}/ground"), question)));
    }
    let mut alone = Vec::new();
    for (path, question) in &asked {
        alone.push(client.post_json(path, question).await.with_status(200).json());
    }
    let (requests, batches) = ("knowmvg_batch_requests_sum", "knowmvg_batch_requests_count");
    assert_eq!(metric(client, requests).await, metric(client, batches).await, "each was alone");
    let before = (metric(client, requests).await, metric(client, batches).await);
    let running: Vec<_> = asked
        .iter()
        .map(|(path, question)| {
            let (client, path, question) = (client.clone(), path.clone(), question.clone());
            tokio::spawn(async move { client.post_json(&path, question).await.with_status(200).json() })
        })
        .collect();
    for (answer, alone) in running.into_iter().zip(&alone) {
        same_result(&answer.await.unwrap(), alone);
    }
    let after = (metric(client, requests).await, metric(client, batches).await);
    assert!(after.0 - before.0 > after.1 - before.1, "{before:?} {after:?}");
}

#[test]
fn a_result_from_a_batch_comes_in_every_form() {
    run(async {
        let client = Client::new(together());
        let path = format!("{}/ground", open(&client, &sample_image()).await);
        let words = json!({"report": sample_report(), "phrases": ["heart"]}).to_string();
        let ask = async |accept: &str| {
            let request = request("POST", &path).header("content-type", "application/json").header("accept", accept);
            client.send(request.body(Body::from(words.clone())).unwrap()).await.with_status(200)
        };
        let (picture, report, coco): (Answer, Answer, Answer) =
            tokio::join!(ask("image/png"), ask("application/dicom"), ask("application/vnd.coco+json"));
        assert!(picture.body.starts_with(b"\x89PNG"));
        assert!(!knowmvg_dicom::sr::read(&report.body).unwrap().is_empty());
        assert!(!coco.json()["annotations"].as_array().unwrap().is_empty());
    });
}

#[test]
fn who_brings_an_image_does_not_wait_for_others_to_be_encoded() {
    run(async {
        let client = Client::new(together());
        let form = || Form::new().file("image", "", &small_image()).text("phrase", "mass");
        let ask = async || client.post_form("/v1/ground", form()).await.with_status(200);
        tokio::join!(ask(), ask(), ask());
        let job = client.post_form("/v1/jobs", form()).await.with_status(202);
        let events = client.get(&format!("{}/events", job.header("location"))).await.with_status(200);
        assert!(String::from_utf8_lossy(&events.body).contains("event: done"));
        assert_eq!(metric(&client, "knowmvg_batch_requests_count").await, 0.0);
    });
}

#[test]
fn who_leaves_or_is_late_does_not_hurt_the_others() {
    run(async {
        let client = Client::new(Limits { batch_window: Duration::from_millis(400), ..together() });
        let path = format!("{}/ground", open(&client, &small_image()).await);
        let alone = client.post_json(&path, json!({"phrases": many()})).await.with_status(200).json();
        let asks = |question: Value| {
            let (client, path) = (client.clone(), path.clone());
            tokio::spawn(async move { client.post_json(&path, question).await })
        };
        let staying: Vec<_> = (0..3).map(|_| asks(json!({"phrases": many()}))).collect();
        let leaving: Vec<_> = (0..3).map(|_| asks(json!({"phrases": ["cardiomegaly", "mass"]}))).collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        leaving.iter().for_each(tokio::task::JoinHandle::abort);
        for answer in staying {
            same_result(&answer.await.unwrap().with_status(200).json(), &alone);
        }
        let end = Instant::now() + Duration::from_secs(30);
        while metric(&client, "knowmvg_requests_waiting").await + metric(&client, "knowmvg_requests_running").await
            > 0.0
        {
            assert!(Instant::now() < end, "a place was not given back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn a_batch_that_comes_too_late_is_a_time_out_and_gives_its_place_back() {
    run(async {
        // Long enough to encode a small image on a busy machine, and shorter than the window.
        let quick = Limits { batch_window: Duration::from_secs(30), timeout: Duration::from_secs(20), ..together() };
        let client = Client::new(Limits { workers: 1, queue: 0, ..quick });
        let path = format!("{}/ground", open(&client, &small_image()).await);
        let late = client.post_json(&path, json!({"phrases": ["mass"]})).await.with_status(503);
        assert_eq!(late.problem(), "timed-out");
        let end = Instant::now() + Duration::from_secs(30);
        while metric(&client, "knowmvg_requests_waiting").await > 0.0 {
            assert!(Instant::now() < end, "the place was not given back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn a_full_batch_does_not_wait_for_its_window() {
    run(async {
        let slow = Duration::from_secs(120);
        let client = Client::new(Limits { batch_phrases: 2, batch_window: slow, ..patient() });
        let path = format!("{}/ground", open(&client, &small_image()).await);
        let start = Instant::now();
        let asks = |text: &str| client.post_json(&path, json!({"phrases": [text]}));
        let (a, b) = tokio::join!(asks("mass"), asks("cardiomegaly"));
        a.with_status(200);
        b.with_status(200);
        assert!(start.elapsed() < slow);
        assert_eq!(metric(&client, "knowmvg_batch_phrases_bucket{le=\"2\"}").await, 1.0);
    });
}
