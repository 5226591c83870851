//! What the tests share: goldens, and items made in a line.

// Each test file compiles this module for itself and uses a part of it.
#![allow(dead_code)]

use knowmvg::geometry::{Box2, Image};
use knowmvg_eval::{Found, Item, Prediction, ScoredBox, Target, Task};
use serde::de::DeserializeOwned;

/// Reads a file of `golden/eval/`.
pub fn golden<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/../../golden/eval/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the goldens are part of the repository");
    serde_json::from_str(&text).expect("a golden has the form that its test expects")
}

/// Fails unless `found` is `expected` up to `tolerance`.
pub fn assert_close(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{what}: expected {expected}, found {found}");
}

/// Like [`assert_close`], where both may be undefined.
pub fn assert_same(what: &str, found: Option<f64>, expected: Option<f64>, tolerance: f64) {
    match (found, expected) {
        (Some(found), Some(expected)) => assert_close(what, found, expected, tolerance),
        (found, expected) => assert_eq!(found, expected, "{what}"),
    }
}

pub fn pixels(corners: [f64; 4]) -> Box2<Image> {
    Box2::from_xyxy(corners).expect("a test's box is a box")
}

pub fn scored([x0, y0, x1, y1]: [f64; 4], confidence: f64) -> ScoredBox {
    ScoredBox { bounds: pixels([x0, y0, x1, y1]), confidence }
}

pub fn target(label: &str, boxes: Vec<Box2<Image>>) -> Target {
    Target { label: label.to_owned(), text: None, boxes }
}

pub fn item(id: &str, patient: &str, task: Task, targets: Vec<Target>) -> Item {
    Item {
        id: id.to_owned(),
        image: patient.to_owned(),
        patient: patient.to_owned(),
        source: "invented".to_owned(),
        size: [1_000, 1_000],
        task,
        text: "invented".to_owned(),
        level: None,
        answer: None,
        targets,
    }
}

pub fn found(label: Option<&str>, boxes: Vec<ScoredBox>) -> Found {
    Found { text: None, label: label.map(str::to_owned), boxes, presence: None, heat: None }
}

pub fn prediction(item: &str, findings: Vec<Found>) -> Prediction {
    Prediction { item: item.to_owned(), findings, answer: None }
}
