//! Average precision, from items to scores, against pycocotools (`reference/export_eval_ap_golden.py`).

use std::collections::BTreeMap;

use knowmvg::eval::Resampling;
use knowmvg_eval::scores::{AveragePrecision, Detection};
use knowmvg_eval::{Item, Prediction, Task, score};
use serde::Deserialize;

mod common;
use common::{assert_close, assert_same, found, golden, item, pixels, prediction, scored, target};

#[derive(Deserialize)]
struct Golden {
    tolerance: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    images: Vec<BTreeMap<String, Boxes>>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Boxes {
    truths: Vec<[f64; 4]>,
    detections: Vec<[f64; 5]>,
}

#[derive(Deserialize)]
struct Expected {
    mean: Summary,
    pooled: Summary,
    labels: BTreeMap<String, Summary>,
}

#[derive(Deserialize)]
struct Summary {
    ap: f64,
    ap50: f64,
    ap75: f64,
    small: Option<f64>,
    medium: Option<f64>,
    large: Option<f64>,
}

/// Reports, since these may have several classes; the findings name them.
fn ask(images: &[BTreeMap<String, Boxes>]) -> (Vec<Item>, Vec<Prediction>) {
    let one = |(index, image): (usize, &BTreeMap<String, Boxes>)| {
        let id = format!("image-{index:04}");
        let targets =
            image.iter().map(|(label, boxes)| target(label, boxes.truths.iter().map(|b| pixels(*b)).collect()));
        let detections =
            |boxes: &Boxes| boxes.detections.iter().map(|[x0, y0, x1, y1, c]| scored([*x0, *y0, *x1, *y1], *c));
        let findings = image.iter().map(|(label, boxes)| found(Some(label), detections(boxes).collect()));
        (item(&id, &id, Task::Report, targets.collect()), prediction(&id, findings.collect()))
    };
    images.iter().enumerate().map(one).unzip()
}

fn measured(case: &Case) -> Detection {
    let (items, predictions) = ask(&case.images);
    let scores = score("golden", &items, &predictions, Resampling { resamples: 0, seed: 0 }).unwrap();
    scores.parts[0].detection.clone().expect("each case has a true box")
}

fn compare(what: &str, found: &AveragePrecision, expected: &Summary, tolerance: f64) {
    assert_close(&format!("{what}, AP"), found.ap, expected.ap, tolerance);
    assert_close(&format!("{what}, AP50"), found.ap50, expected.ap50, tolerance);
    assert_close(&format!("{what}, AP75"), found.ap75, expected.ap75, tolerance);
    assert_same(&format!("{what}, small"), found.small, expected.small, tolerance);
    assert_same(&format!("{what}, medium"), found.medium, expected.medium, tolerance);
    assert_same(&format!("{what}, large"), found.large, expected.large, tolerance);
}

#[test]
fn equals_pycocotools() {
    let Golden { tolerance, cases } = golden("average_precision.json");
    assert!(cases.len() > 30);
    for case in &cases {
        let found = measured(case);
        compare(&format!("{}, mean", case.kind), &found.mean, &case.expected.mean, tolerance);
        compare(&format!("{}, pooled", case.kind), &found.pooled, &case.expected.pooled, tolerance);
        assert!(found.labels.keys().eq(case.expected.labels.keys()), "{}", case.kind);
        for (label, expected) in &case.expected.labels {
            compare(&format!("{}, {label}", case.kind), &found.labels[label], expected, tolerance);
        }
    }
}

#[test]
fn the_cases_are_neither_all_right_nor_all_wrong() {
    let Golden { cases, .. } = golden("average_precision.json");
    let between = cases.iter().filter(|case| (0.05..0.95).contains(&case.expected.mean.ap)).count();
    assert!(between > 15 && cases.iter().any(|case| case.expected.mean.ap == 0.0));
}
