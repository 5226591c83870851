//! Scores to probabilities, fitted on `val`: that a box overlaps the truth by at least half (its confidence), and that the
//! image shows a phrase at all (its presence).

use serde::{Deserialize, Serialize};

use crate::geometry::{Box2, Model};
use crate::model::answer::{Answer, Candidate};

/// What a probability is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signs {
    /// Probability that the query shows the phrase, in `[0, 1]`.
    pub presence: f64,
    /// Mean Laplace scale in sizes of the box.
    pub spread: f64,
    /// Share of the square that the box covers: small boxes are missed more often.
    pub area: f64,
    /// IoU with the box that the words alone would give.
    pub agreement: f64,
    /// Highest score of a patch for the phrase, a logit; 0 from a model without proposals.
    pub patch: f64,
}

impl Signs {
    /// Of a candidate of an answer, beside the box of the image-blind prior.
    pub fn new(answer: &Answer, candidate: &Candidate, blind: &Box2<Model>) -> Self {
        Self {
            presence: candidate.presence,
            spread: candidate.relative_spread.iter().sum::<f64>() / 4.0,
            area: candidate.bounds.area(),
            agreement: candidate.bounds.iou(blind),
            patch: answer.patch_logit,
        }
    }

    /// As the logistic model reads them.
    fn features(&self) -> [f64; FEATURES] {
        let p = self.presence.clamp(1e-4, 1.0 - 1e-4);
        [
            1.0,
            (p / (1.0 - p)).ln(),
            self.spread.max(1e-4).ln(),
            self.area.max(1e-4).ln(),
            self.agreement,
            self.patch.clamp(-10.0, 10.0),
        ]
    }
}

/// Numbers of the logistic model.
const FEATURES: usize = 6;

/// A logistic model of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Constant.
    pub intercept: f64,
    /// Weight of the presence logit.
    pub presence: f64,
    /// Weight of the log spread.
    pub spread: f64,
    /// Weight of the log area; 0 in models fitted without it.
    #[serde(default)]
    pub area: f64,
    /// Weight of the agreement with the prior; 0 in models fitted without it.
    #[serde(default)]
    pub agreement: f64,
    /// Weight of the highest patch score; 0 in models fitted without it.
    #[serde(default)]
    pub patch: f64,
}

impl Default for Calibration {
    /// Unfitted: the presence alone.
    fn default() -> Self {
        Self::from_weights([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    }
}

/// What a model said and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// What the probability is made from.
    pub signs: Signs,
    /// Whether the box overlaps the truth by at least half, or whether the image shows the phrase.
    pub is_hit: bool,
}

/// Pull of the coefficients towards the unfitted ones; keeps a small `val` from being overfitted.
const RIDGE: f64 = 1.0;
/// Newton steps; the problem is convex and has few unknowns.
const STEPS: usize = 30;

impl Calibration {
    /// In `[0, 1]`.
    pub fn probability(&self, signs: &Signs) -> f64 {
        sigmoid(dot(&signs.features(), &self.weights()))
    }

    fn weights(&self) -> [f64; FEATURES] {
        [self.intercept, self.presence, self.spread, self.area, self.agreement, self.patch]
    }

    fn from_weights([intercept, presence, spread, area, agreement, patch]: [f64; FEATURES]) -> Self {
        Self { intercept, presence, spread, area, agreement, patch }
    }

    /// Fits the numbers by penalised maximum likelihood.
    pub fn fit(outcomes: &[Outcome]) -> Self {
        let start = Self::default().weights();
        let rows: Vec<([f64; FEATURES], bool)> = outcomes.iter().map(|o| (o.signs.features(), o.is_hit)).collect();
        let mut w = start;
        for _ in 0..STEPS {
            let mut gradient: [f64; FEATURES] = std::array::from_fn(|i| RIDGE * (w[i] - start[i]));
            let mut hessian = [[0.0; FEATURES]; FEATURES];
            (0..FEATURES).for_each(|i| hessian[i][i] = RIDGE);
            for (x, is_hit) in &rows {
                let p = sigmoid(dot(x, &w));
                for i in 0..FEATURES {
                    gradient[i] += (p - f64::from(*is_hit)) * x[i];
                    for j in 0..FEATURES {
                        hessian[i][j] += p * (1.0 - p) * x[i] * x[j];
                    }
                }
            }
            let step = solve(hessian, gradient);
            // A full step can overshoot where the curve is flat: halve it until it goes down.
            let at = |share: f64| std::array::from_fn(|i| w[i] - share * step[i]);
            let mut shares = (0..STEPS).map(|halvings| 0.5_f64.powi(halvings as i32));
            let now = loss(&rows, w, start);
            let Some(share) = shares.find(|share| loss(&rows, at(*share), start) < now) else { break };
            w = at(share);
        }
        Self::from_weights(w)
    }
}

/// Negative log likelihood with the ridge.
fn loss(rows: &[([f64; FEATURES], bool)], w: [f64; FEATURES], start: [f64; FEATURES]) -> f64 {
    let penalty: f64 = w.iter().zip(start).map(|(w, start)| RIDGE * (w - start) * (w - start) / 2.0).sum();
    let likelihood = rows.iter().map(|(x, is_hit)| {
        // ln(1 + e^-s) for a hit and ln(1 + e^s) for a miss, without overflow.
        let signed = if *is_hit { -dot(x, &w) } else { dot(x, &w) };
        signed.max(0.0) + (-signed.abs()).exp().ln_1p()
    });
    penalty + likelihood.sum::<f64>()
}

fn dot(x: &[f64; FEATURES], w: &[f64; FEATURES]) -> f64 {
    x.iter().zip(w).map(|(x, w)| x * w).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Gaussian elimination; the ridge keeps the matrix positive definite.
fn solve(mut a: [[f64; FEATURES]; FEATURES], mut b: [f64; FEATURES]) -> [f64; FEATURES] {
    for pivot in 0..FEATURES {
        let pivot_row = a[pivot];
        for row in pivot + 1..FEATURES {
            let factor = a[row][pivot] / pivot_row[pivot];
            for (value, above) in a[row].iter_mut().zip(pivot_row) {
                *value -= factor * above;
            }
            b[row] -= factor * b[pivot];
        }
    }
    for pivot in (0..FEATURES).rev() {
        let known: f64 = (pivot + 1..FEATURES).map(|col| a[pivot][col] * b[col]).sum();
        b[pivot] = (b[pivot] - known) / a[pivot][pivot];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(area: f64) -> Signs {
        Signs { presence: 0.9, spread: 0.2, area, agreement: 0.5, patch: 0.0 }
    }

    #[test]
    fn a_fit_recovers_the_rate_of_hits() {
        let outcomes: Vec<Outcome> =
            (0..400).map(|i: usize| Outcome { signs: signs(0.1), is_hit: i.is_multiple_of(4) }).collect();
        let fitted = Calibration::fit(&outcomes);
        assert!((fitted.probability(&signs(0.1)) - 0.25).abs() < 0.02);
    }

    #[test]
    fn what_decides_a_hit_gets_the_weight() {
        let outcome = |i: usize| {
            let is_large = i.is_multiple_of(2);
            Outcome { signs: signs(if is_large { 0.2 } else { 0.01 }), is_hit: is_large != i.is_multiple_of(10) }
        };
        let fitted = Calibration::fit(&(0..400).map(outcome).collect::<Vec<_>>());
        assert!((fitted.probability(&signs(0.2)) - 0.8).abs() < 0.03);
        assert!(fitted.probability(&signs(0.01)) < 0.05);
    }

    #[test]
    fn without_outcomes_the_presence_is_the_confidence() {
        assert!((Calibration::fit(&[]).probability(&signs(0.1)) - 0.9).abs() < 1e-9);
    }
}
