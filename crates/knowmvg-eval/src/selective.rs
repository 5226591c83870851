//! What is left of the error when a system answers only where it is most confident.

use knowmvg::eval::Resampling;

use crate::bootstrap::Clustered;
use crate::scores::{RiskCoverage, RiskPoint};

/// Most points of a stored curve; the area is that of the whole curve.
const MAX_POINTS: usize = 100;
/// Share answered, in tenths, at which the error is reported.
const TENTHS: usize = 8;

/// An error and how confident the system was that there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// `None` if there was no answer: such items come last.
    pub confidence: Option<f64>,
    /// In `[0, 1]`.
    pub error: f64,
}

/// Scores `(patient, answer)`; `None` without answers.
pub fn risk_coverage(answers: &[(&str, Answer)], resampling: Resampling) -> Option<RiskCoverage> {
    let mut sorted = answers.to_vec();
    // `None` is less than any number, so it comes last.
    sorted.sort_by(|(_, a), (_, b)| b.confidence.partial_cmp(&a.confidence).unwrap_or(std::cmp::Ordering::Equal));
    let curve = curve(&risks(&sorted.iter().map(|(_, answer)| *answer).collect::<Vec<_>>()));
    let clustered = Clustered::new(sorted);
    Some(RiskCoverage {
        full: clustered.metric(resampling, |answers| risks(answers).last().copied())?,
        at_80: clustered.metric(resampling, |answers| at_80(&risks(answers)))?,
        relative_at_80: clustered.metric(resampling, |answers| relative_at_80(&risks(answers))),
        aurc: clustered.metric(resampling, |answers| mean(&risks(answers)))?,
        curve,
    })
}

/// Mean error of the k most confident, for each k from 1; equally confident ones count with their mean error.
///
/// # Source
/// Geifman and El-Yaniv, *Selective classification for deep neural networks*, NeurIPS 2017, §2 (selective risk).
pub fn risks(sorted: &[Answer]) -> Vec<f64> {
    let errors = sorted.chunk_by(|a, b| a.confidence == b.confidence).flat_map(|tied| {
        let error = tied.iter().map(|answer| answer.error).sum::<f64>() / tied.len() as f64;
        std::iter::repeat_n(error, tied.len())
    });
    let mut total = 0.0;
    errors
        .zip(1..)
        .map(|(error, k)| {
            total += error;
            total / f64::from(k)
        })
        .collect()
}

fn at_80(risks: &[f64]) -> Option<f64> {
    let answered = (risks.len() * TENTHS).div_ceil(10);
    answered.checked_sub(1).map(|last| risks[last])
}

fn relative_at_80(risks: &[f64]) -> Option<f64> {
    let full = risks.last().filter(|risk| **risk > 0.0)?;
    Some(at_80(risks)? / full)
}

fn mean(risks: &[f64]) -> Option<f64> {
    (!risks.is_empty()).then(|| risks.iter().sum::<f64>() / risks.len() as f64)
}

/// Evenly many points, the last one at full coverage.
fn curve(risks: &[f64]) -> Vec<RiskPoint> {
    let points = risks.len().min(MAX_POINTS);
    let point =
        |answered: usize| RiskPoint { coverage: answered as f64 / risks.len() as f64, risk: risks[answered - 1] };
    (1..=points).map(|i| point((i * risks.len()).div_ceil(points))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(values: &[(f64, f64)]) -> Vec<(&'static str, Answer)> {
        values
            .iter()
            .map(|(confidence, error)| ("p", Answer { confidence: Some(*confidence), error: *error }))
            .collect()
    }

    #[test]
    fn confidence_that_knows_the_misses_lowers_the_error() {
        let knowing = answers(&[(0.1, 1.0), (0.9, 0.0), (0.8, 0.0), (0.7, 0.0), (0.6, 0.0)]);
        let scores = risk_coverage(&knowing, Resampling::default()).unwrap();
        assert_eq!([scores.full.value, scores.at_80.value, scores.aurc.value], [0.2, 0.0, 0.04]);
        assert_eq!(scores.relative_at_80.unwrap().value, 0.0);
        assert_eq!(scores.curve.last(), Some(&RiskPoint { coverage: 1.0, risk: 0.2 }));
    }

    #[test]
    fn one_confidence_for_all_leaves_the_error_as_it_is() {
        let same = answers(&[(0.5, 1.0), (0.5, 0.0), (0.5, 0.0), (0.5, 1.0)]);
        let scores = risk_coverage(&same, Resampling::default()).unwrap();
        assert_eq!([scores.full.value, scores.at_80.value, scores.aurc.value], [0.5; 3]);
    }

    #[test]
    fn no_answer_is_the_least_confident() {
        let mut some = answers(&[(0.0, 0.0)]);
        some.insert(0, ("p", Answer { confidence: None, error: 1.0 }));
        assert_eq!(risk_coverage(&some, Resampling::default()).unwrap().curve[0].risk, 0.0);
        assert_eq!(risk_coverage(&[], Resampling::default()), None);
    }

    #[test]
    fn without_errors_nothing_is_relative() {
        assert_eq!(risk_coverage(&answers(&[(0.5, 0.0)]), Resampling::default()).unwrap().relative_at_80, None);
    }
}
