//! The published schema of a review and the type `Reviewed` say the same, and what makes no sense is refused.

mod support;

use std::collections::BTreeSet;

use knowmvg::geometry::Box2;
use knowmvg::grounding::{Grounding, Support};
use knowmvg::review::{Decision, REVIEW_VERSION, Review, ReviewError, Reviewed, ReviewedBox};
use serde_json::{Value, json};
use support::{KEYWORDS, check, groundings, keywords, published};

const TIME: &str = "2026-11-25T15:04:05.678Z";

fn entry(finding: usize, box_index: Option<usize>, decision: Decision, edited: Option<[f64; 4]>) -> ReviewedBox {
    let time = (decision != Decision::Undecided).then(|| TIME.to_owned());
    let edited_box = edited.map(|corners| Box2::from_xyxy(corners).unwrap());
    ReviewedBox { finding, box_index, decision, edited_box, time }
}

/// On an image of 20 x 30 pixels, whose first two findings have two boxes each; every decision is there.
fn reviewed() -> Reviewed {
    let [_, mut grounding] = groundings();
    (grounding.image.width, grounding.image.height) = (20, 30);
    grounding.findings.iter_mut().flat_map(|finding| &mut finding.boxes).for_each(|scored| scored.by_person = false);
    let boxes = vec![
        entry(0, Some(0), Decision::Accepted, None),
        entry(0, Some(1), Decision::Edited, Some([5.0, 6.0, 7.5, 9.0])),
        entry(1, Some(0), Decision::Rejected, Some([1.0, 1.0, 2.0, 2.0])),
        entry(1, Some(1), Decision::Undecided, None),
        entry(3, None, Decision::Added, Some([0.0, 0.0, 20.0, 30.0])),
    ];
    Reviewed { grounding, review: Review { review_version: REVIEW_VERSION.into(), exported_at: TIME.into(), boxes } }
}

fn check_document(value: &Value) -> Result<(), String> {
    let schema = published("review.schema.json");
    check(&schema, &schema, value, "")
}

#[test]
fn what_the_type_writes_is_valid_and_read_back() {
    let value = serde_json::to_value(reviewed()).unwrap();
    check_document(&value).unwrap();
    assert_eq!(serde_json::from_value::<Reviewed>(value).unwrap(), reviewed());
}

#[test]
fn without_its_review_it_is_the_grounding() {
    let mut value = serde_json::to_value(reviewed()).unwrap();
    value.as_object_mut().unwrap().remove("review");
    assert_eq!(serde_json::from_value::<Grounding>(value.clone()).unwrap(), reviewed().grounding);
    assert!(check_document(&value).is_err());
    let schema = published("grounding.schema.json");
    check(&schema, &schema, &value, "").unwrap();
}

#[test]
fn a_grounding_has_every_key_here_that_it_has_alone() {
    let keys = |file: &str, name: &str| -> BTreeSet<String> {
        published(file)["$defs"][name]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let mut alone = keys("grounding.schema.json", "Grounding");
    alone.insert("review".into());
    assert_eq!(keys("review.schema.json", "Reviewed"), alone);
    let value = serde_json::to_value(reviewed()).unwrap();
    let written = |value: &Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(written(&value["review"]), keys("review.schema.json", "Review"));
    assert_eq!(written(&value["review"]["boxes"][0]), keys("review.schema.json", "ReviewedBox"));
}

#[test]
fn wrong_documents_are_found() {
    let full = serde_json::to_value(reviewed()).unwrap();
    let wrong = [
        ("/review/review_version", json!("2.0")),
        ("/review/exported_at", json!("yesterday")),
        ("/review/boxes/0/decision", json!("maybe")),
        ("/review/boxes/0/finding", json!(-1)),
        ("/review/boxes/0/box", json!(0.5)),
        ("/review/boxes/1/edited_box", json!([1, 2, 3])),
        ("/review/boxes/1/time", json!("10 o'clock")),
        ("/review/boxes/1", json!({"finding": 0})),
        ("/findings/0/boxes/0/confidence", json!(1.5)),
    ];
    for (pointer, value) in wrong {
        let mut document = full.clone();
        *document.pointer_mut(pointer).unwrap() = value.clone();
        assert!(check_document(&document).is_err(), "{value} at {pointer} passes");
    }
}

#[test]
fn the_checker_knows_every_keyword() {
    let mut found = BTreeSet::new();
    keywords(&published("review.schema.json"), &mut found);
    let unknown: Vec<_> = found.iter().filter(|keyword| !KEYWORDS.contains(&keyword.as_str())).collect();
    assert!(unknown.is_empty(), "unchecked keywords {unknown:?}");
}

#[test]
fn what_is_left_are_the_boxes_that_nobody_rejected_where_they_are_now() {
    let reviewed = reviewed();
    let result = reviewed.result().unwrap();
    let corners = |finding: usize| -> Vec<[f64; 4]> {
        result.findings[finding].boxes.iter().map(|scored| scored.box_in_image.xyxy()).collect()
    };
    assert_eq!(corners(0), [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.5, 9.0]]);
    assert_eq!(corners(1), [[1.0, 2.0, 3.0, 4.0]]);
    assert_eq!(corners(3), [[0.0, 0.0, 20.0, 30.0]]);
    let confidences: Vec<f64> = result.findings[0].boxes.iter().map(|scored| scored.confidence).collect();
    assert_eq!(confidences, [0.5, 1.0]);
    let is_placed: Vec<bool> = result.findings[0].boxes.iter().map(|scored| scored.by_person).collect();
    assert_eq!(is_placed, [false, true]);
    let said = result.warnings.last().unwrap();
    assert!(said.contains("1 rejected") && said.contains("1 moved") && said.contains("1 drawn"), "{said}");
    // The model's own boxes are still in the file.
    assert_eq!(reviewed.grounding.findings[0].boxes[1].box_in_image.xyxy(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn without_decisions_nothing_changes_and_without_boxes_nothing_supports_them() {
    let mut reviewed = reviewed();
    reviewed.review.boxes = Vec::new();
    assert_eq!(reviewed.result().unwrap(), reviewed.grounding);
    reviewed.review.boxes = (0..2).map(|nth| entry(0, Some(nth), Decision::Rejected, None)).collect();
    let result = reviewed.result().unwrap();
    assert!(result.findings[0].boxes.is_empty());
    assert_eq!(result.findings[0].evidence.support, Support::None);
}

#[test]
fn decisions_that_make_no_sense_are_refused() {
    let wrong = [
        entry(99, Some(0), Decision::Accepted, None),
        entry(0, Some(9), Decision::Accepted, None),
        entry(0, Some(0), Decision::Rejected, None),
        entry(1, None, Decision::Accepted, None),
        entry(1, None, Decision::Added, None),
        entry(1, None, Decision::Added, Some([-1.0, 0.0, 5.0, 5.0])),
        entry(1, None, Decision::Added, Some([0.0, 0.0, 20.5, 5.0])),
        entry(1, None, Decision::Added, Some([3.0, 0.0, 3.0, 5.0])),
        // The report denies it.
        entry(2, None, Decision::Added, Some([0.0, 0.0, 5.0, 5.0])),
        ReviewedBox { time: Some("x".repeat(41)), ..entry(1, None, Decision::Added, Some([0.0, 0.0, 5.0, 5.0])) },
    ];
    for last in wrong {
        let mut reviewed = reviewed();
        reviewed.review.boxes.push(last.clone());
        let error = reviewed.result().unwrap_err();
        assert!(matches!(error, ReviewError::Entry { entry: 5, .. }), "{last:?}: {error}");
    }
    let mut accepted = reviewed();
    accepted.review.boxes[0].edited_box = accepted.review.boxes[1].edited_box;
    assert!(matches!(accepted.result(), Err(ReviewError::Entry { entry: 0, .. })));
    let mut later = reviewed();
    later.review.review_version = "2.0".into();
    assert_eq!(later.result(), Err(ReviewError::Version));
    let mut many = reviewed();
    many.review.boxes = vec![entry(0, None, Decision::Added, Some([0.0, 0.0, 1.0, 1.0])); 2_000];
    assert!(matches!(many.result(), Err(ReviewError::TooMany(_))));
}

#[test]
fn findings_that_make_no_sense_are_refused() {
    let breaks: [fn(&mut Reviewed); 5] = [
        |r| r.grounding.findings[0].boxes[0].confidence = 1.5,
        |r| r.grounding.findings[0].boxes[0].spread[0] = -1.0,
        |r| r.grounding.findings[0].boxes[0].box_in_image = Box2::from_xyxy([0.0, 0.0, 1.0, 31.0]).unwrap(),
        |r| r.grounding.findings[0].evidence.knowledge_gate = Some(f64::NAN),
        |r| r.grounding.findings[0].evidence.knowledge[0].score = -0.5,
    ];
    for (index, break_it) in breaks.into_iter().enumerate() {
        let mut reviewed = reviewed();
        break_it(&mut reviewed);
        let error = reviewed.result().unwrap_err();
        assert!(matches!(error, ReviewError::Finding { finding: 0, .. }), "{index}: {error}");
    }
}
