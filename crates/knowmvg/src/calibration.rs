//! Scores to confidences: the probability that a box overlaps the truth by at least half, fitted on `val`.

use serde::{Deserialize, Serialize};

/// A logistic model of `IoU >= 0.5` on the presence logit and the log of the mean relative spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Constant.
    pub intercept: f64,
    /// Weight of the presence logit.
    pub presence: f64,
    /// Weight of the log spread.
    pub spread: f64,
}

impl Default for Calibration {
    /// Unfitted: the presence alone.
    fn default() -> Self {
        Self { intercept: 0.0, presence: 1.0, spread: 0.0 }
    }
}

/// What a confidence is made from, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// In `[0, 1]`.
    pub presence: f64,
    /// Mean Laplace scale in sizes of the box.
    pub spread: f64,
    /// Whether the box overlaps the truth by at least half.
    pub is_hit: bool,
}

/// Pull of the coefficients towards the unfitted ones; keeps a small `val` from being overfitted.
const RIDGE: f64 = 1.0;
/// Newton steps; the problem is convex and has three unknowns.
const STEPS: usize = 30;

impl Calibration {
    /// In `[0, 1]`.
    pub fn confidence(&self, presence: f64, relative_spread: &[f64; 4]) -> f64 {
        sigmoid(self.score(features(presence, relative_spread.iter().sum::<f64>() / 4.0)))
    }

    fn score(&self, [one, presence, spread]: [f64; 3]) -> f64 {
        self.intercept * one + self.presence * presence + self.spread * spread
    }

    /// Fits the three numbers by penalised maximum likelihood.
    pub fn fit(outcomes: &[Outcome]) -> Self {
        let start = Self::default();
        let start = [start.intercept, start.presence, start.spread];
        let mut w = start;
        for _ in 0..STEPS {
            let mut gradient: [f64; 3] = std::array::from_fn(|i| RIDGE * (w[i] - start[i]));
            let mut hessian = [[0.0; 3]; 3];
            (0..3).for_each(|i| hessian[i][i] = RIDGE);
            for outcome in outcomes {
                let x = features(outcome.presence, outcome.spread);
                let p = sigmoid(x.iter().zip(w).map(|(x, w)| x * w).sum());
                for i in 0..3 {
                    gradient[i] += (p - f64::from(outcome.is_hit)) * x[i];
                    for j in 0..3 {
                        hessian[i][j] += p * (1.0 - p) * x[i] * x[j];
                    }
                }
            }
            let step = solve(hessian, gradient);
            // A full step can overshoot where the curve is flat: halve it until it goes down.
            let at = |share: f64| std::array::from_fn(|i| w[i] - share * step[i]);
            let shares = (0..STEPS).map(|halvings| 0.5_f64.powi(halvings as i32));
            let now = loss(outcomes, w, start);
            let Some(share) = shares.into_iter().find(|share| loss(outcomes, at(*share), start) < now) else { break };
            w = at(share);
        }
        Self { intercept: w[0], presence: w[1], spread: w[2] }
    }
}

/// Negative log likelihood with the ridge.
fn loss(outcomes: &[Outcome], w: [f64; 3], start: [f64; 3]) -> f64 {
    let penalty: f64 = w.iter().zip(start).map(|(w, start)| RIDGE * (w - start) * (w - start) / 2.0).sum();
    let likelihood = outcomes.iter().map(|outcome| {
        let score: f64 = features(outcome.presence, outcome.spread).iter().zip(w).map(|(x, w)| x * w).sum();
        // ln(1 + e^-s) for a hit and ln(1 + e^s) for a miss, without overflow.
        let signed = if outcome.is_hit { -score } else { score };
        signed.max(0.0) + (-signed.abs()).exp().ln_1p()
    });
    penalty + likelihood.sum::<f64>()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn features(presence: f64, spread: f64) -> [f64; 3] {
    let p = presence.clamp(1e-4, 1.0 - 1e-4);
    [1.0, (p / (1.0 - p)).ln(), spread.max(1e-4).ln()]
}

/// Gaussian elimination; the ridge keeps the matrix positive definite.
fn solve(mut a: [[f64; 3]; 3], mut b: [f64; 3]) -> [f64; 3] {
    for pivot in 0..3 {
        let pivot_row = a[pivot];
        for row in pivot + 1..3 {
            let factor = a[row][pivot] / pivot_row[pivot];
            for (value, above) in a[row].iter_mut().zip(pivot_row) {
                *value -= factor * above;
            }
            b[row] -= factor * b[pivot];
        }
    }
    for pivot in (0..3).rev() {
        let known: f64 = (pivot + 1..3).map(|col| a[pivot][col] * b[col]).sum();
        b[pivot] = (b[pivot] - known) / a[pivot][pivot];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_recovers_the_rate_of_hits() {
        let outcome = |i: usize| Outcome { presence: 0.9, spread: 0.2, is_hit: i.is_multiple_of(4) };
        let outcomes: Vec<Outcome> = (0..400).map(outcome).collect();
        let fitted = Calibration::fit(&outcomes);
        assert!((fitted.confidence(0.9, &[0.2; 4]) - 0.25).abs() < 0.02);
    }
}
