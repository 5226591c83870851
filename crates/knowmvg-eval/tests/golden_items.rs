//! Items and predictions from end to end against torchvision and NumPy (`reference/export_eval_items_golden.py`).

use std::collections::BTreeMap;

use knowmvg::eval::Resampling;
use knowmvg_eval::scores::Identification;
use knowmvg_eval::{Group, GroupKind, Item, Measure, Metric, Prediction, Task, score};
use serde::Deserialize;

mod common;
use common::{assert_close, golden};

/// A value and the number behind it.
type Counted = (f64, usize);
type Means = BTreeMap<Measure, Counted>;

#[derive(Deserialize)]
struct Golden {
    tolerance: f64,
    parts: Vec<Expected>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    item: Item,
    prediction: Option<Prediction>,
}

#[derive(Deserialize)]
struct Expected {
    task: Task,
    missing: usize,
    groups: BTreeMap<String, Means>,
    exact: Option<Shares>,
    overlap: Option<Shares>,
    matched: Option<Shares>,
    false_phrases: Option<Counted>,
    boxes_of_matched: Option<Means>,
}

#[derive(Deserialize)]
struct Shares {
    precision: Counted,
    recall: Counted,
    f1: Counted,
}

fn read() -> (Golden, Vec<Item>, Vec<Prediction>) {
    let golden: Golden = golden("items.json");
    let items = golden.cases.iter().map(|case| case.item.clone()).collect();
    let predictions = golden.cases.iter().filter_map(|case| case.prediction.clone()).collect();
    (golden, items, predictions)
}

fn same(what: &str, found: Metric, (value, n): Counted, tolerance: f64) {
    assert_close(what, found.value, value, tolerance);
    assert_eq!(found.n, n, "{what}");
}

fn same_means(what: &str, found: &BTreeMap<Measure, Metric>, expected: &Means, tolerance: f64) {
    assert!(found.keys().eq(expected.keys()), "{what}: expected {:?}, found {:?}", expected.keys(), found.keys());
    for (measure, metric) in found {
        same(&format!("{what}, {measure:?}"), *metric, expected[measure], tolerance);
    }
}

fn name(group: &Group) -> String {
    match group.kind {
        GroupKind::Overall => "overall".to_owned(),
        GroupKind::Macro => "macro".to_owned(),
        GroupKind::Label => format!("label:{}", group.name),
        GroupKind::Source => format!("source:{}", group.name),
        GroupKind::Size => format!("size:{}", group.name),
    }
}

#[test]
fn groups_have_the_means_of_their_statements() {
    let (golden, items, predictions) = read();
    let scores = score("golden", &items, &predictions, Resampling { resamples: 50, seed: 1 }).unwrap();
    for (part, expected) in scores.parts.iter().zip(&golden.parts) {
        assert_eq!((part.task, part.counts.missing), (expected.task, expected.missing));
        assert_eq!(part.groups.len(), expected.groups.len());
        for group in &part.groups {
            let name = name(group);
            same_means(&name, &group.measures, &expected.groups[&name], golden.tolerance);
        }
    }
    assert!(golden.parts.iter().all(|part| part.missing > 0 && part.groups.len() == 2 + 4 + 3 + 3));
}

#[test]
fn reports_are_matched_as_the_definition_says() {
    let (golden, items, predictions) = read();
    let scores = score("golden", &items, &predictions, Resampling { resamples: 50, seed: 1 }).unwrap();
    let (found, expected) = (scores.parts[0].report.as_ref().unwrap(), &golden.parts[0]);
    let compare = |what: &str, found: &Identification, expected: &Option<Shares>| {
        let expected = expected.as_ref().unwrap();
        same(&format!("{what}, precision"), found.precision.unwrap(), expected.precision, golden.tolerance);
        same(&format!("{what}, recall"), found.recall.unwrap(), expected.recall, golden.tolerance);
        same(&format!("{what}, F1"), found.f1.unwrap(), expected.f1, golden.tolerance);
    };
    compare("exact", &found.exact, &expected.exact);
    compare("overlap", &found.overlap, &expected.overlap);
    compare("matched", &found.matched, &expected.matched);
    same("false phrases", found.false_phrases, expected.false_phrases.unwrap(), golden.tolerance);
    same_means("matched", &found.boxes_of_matched, expected.boxes_of_matched.as_ref().unwrap(), golden.tolerance);
}
