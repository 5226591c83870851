//! AUROC, calibration and risk-coverage against scikit-learn, torchmetrics and NumPy (`reference/export_eval_golden.py`).

use knowmvg::eval::Resampling;
use knowmvg_eval::calibration::{self, calibration};
use knowmvg_eval::presence::{self, presence};
use knowmvg_eval::selective::{Answer, risk_coverage};
use serde::Deserialize;

mod common;
use common::{assert_close, assert_same, golden};

const NO_INTERVALS: Resampling = Resampling { resamples: 0, seed: 0 };

#[derive(Deserialize)]
struct Golden {
    tolerance: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    scores: Vec<f64>,
    truth: Vec<bool>,
    errors: Vec<f64>,
    auroc: Option<f64>,
    ece: f64,
    adaptive_ece: f64,
    brier: f64,
    risk_coverage: Risks,
}

#[derive(Deserialize)]
struct Risks {
    full: f64,
    at_80: f64,
    relative_at_80: Option<f64>,
    aurc: f64,
}

#[test]
fn auroc_equals_that_of_scikit_learn() {
    let Golden { tolerance, cases } = golden("ranking.json");
    for case in cases {
        let claim =
            |(score, is_present): (&f64, &bool)| ("p", "c", presence::Claim { score: *score, is_present: *is_present });
        let claims: Vec<_> = case.scores.iter().zip(&case.truth).map(claim).collect();
        let found = presence(&claims, NO_INTERVALS);
        assert_same(&case.kind, found.as_ref().map(|p| p.auroc.value), case.auroc, tolerance);
        let Some(found) = found else { continue };
        let trapezoid = |pair: &[knowmvg_eval::scores::RocPoint]| {
            let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
            width * (pair[0].true_positive_rate + pair[1].true_positive_rate) / 2.0
        };
        assert_close(&case.kind, found.curve.windows(2).map(trapezoid).sum(), found.auroc.value, 1e-12);
    }
}

#[test]
fn calibration_equals_that_of_the_peers() {
    let Golden { tolerance, cases } = golden("ranking.json");
    for case in cases {
        let claim = |(confidence, is_hit): (&f64, &bool)| {
            ("p", calibration::Claim { confidence: *confidence, is_hit: *is_hit })
        };
        let claims: Vec<_> = case.scores.iter().zip(&case.truth).map(claim).collect();
        let found = calibration(&claims, NO_INTERVALS).unwrap();
        assert_close(&format!("{}, ECE", case.kind), found.ece.value, case.ece, tolerance);
        assert_close(&format!("{}, adaptive ECE", case.kind), found.adaptive_ece.value, case.adaptive_ece, tolerance);
        assert_close(&format!("{}, Brier", case.kind), found.brier.value, case.brier, tolerance);
        assert_eq!(found.bins.iter().map(|bin| bin.n).sum::<usize>(), case.scores.len(), "{}", case.kind);
    }
}

#[test]
fn risk_and_coverage_equal_their_definition() {
    let Golden { tolerance, cases } = golden("ranking.json");
    for case in cases {
        let answer = |(confidence, error): (&f64, &f64)| ("p", Answer { confidence: Some(*confidence), error: *error });
        let answers: Vec<_> = case.scores.iter().zip(&case.errors).map(answer).collect();
        let found = risk_coverage(&answers, NO_INTERVALS).unwrap();
        assert_close(&format!("{}, full", case.kind), found.full.value, case.risk_coverage.full, tolerance);
        assert_close(&format!("{}, at 80 %", case.kind), found.at_80.value, case.risk_coverage.at_80, tolerance);
        assert_close(&format!("{}, AURC", case.kind), found.aurc.value, case.risk_coverage.aurc, tolerance);
        let relative = found.relative_at_80.map(|metric| metric.value);
        assert_same(&format!("{}, relative", case.kind), relative, case.risk_coverage.relative_at_80, tolerance);
    }
}
