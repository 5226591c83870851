//! `Box2::iou` and `Box2::giou` against exact rational arithmetic (`reference/export_metrics_golden.py`).

use knowmvg::geometry::{Box2, Image};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    tolerance: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    a: Box2<Image>,
    b: Box2<Image>,
    iou: f64,
    giou: f64,
}

fn golden() -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/metrics/iou.json");
    let text = std::fs::read_to_string(path).expect("golden/metrics/iou.json is part of the repository");
    serde_json::from_str(&text).expect("golden/metrics/iou.json holds boxes and their IoU and GIoU")
}

fn assert_close(measure: fn(&Case) -> [f64; 2]) {
    let Golden { tolerance, cases } = golden();
    for (index, case) in cases.iter().enumerate() {
        let [found, expected] = measure(case);
        let error = (found - expected).abs();
        assert!(error <= tolerance, "case {index} ({}): expected {expected}, found {found}", case.kind);
    }
}

#[test]
fn has_random_and_degenerate_cases() {
    let golden = golden();
    let of_kind = |kind: &str| golden.cases.iter().filter(|case| case.kind == kind).count();
    assert_eq!([of_kind("fraction"), of_kind("pixel"), of_kind("integer")], [100, 100, 100]);
    assert!(golden.cases.iter().any(|case| case.a.area() == 0.0 && case.b.area() == 0.0));
    assert!(golden.cases.iter().any(|case| case.iou > 0.9 && case.iou < 1.0));
    assert!(golden.cases.iter().any(|case| case.giou < -0.9));
}

#[test]
fn iou_is_exact_to_rounding() {
    assert_close(|case| [case.a.iou(&case.b), case.iou]);
}

#[test]
fn giou_is_exact_to_rounding() {
    assert_close(|case| [case.a.giou(&case.b), case.giou]);
}

#[test]
fn both_are_symmetric_and_bounded() {
    for Case { kind, a, b, .. } in &golden().cases {
        assert_eq!(a.iou(b), b.iou(a), "{kind}");
        assert_eq!(a.giou(b), b.giou(a), "{kind}");
        assert!((0.0..=1.0).contains(&a.iou(b)), "{kind}");
        assert!((-1.0..=1.0).contains(&a.giou(b)), "{kind}");
    }
}
