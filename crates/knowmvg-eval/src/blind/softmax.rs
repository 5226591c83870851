//! Softmax regression on sparse features: `p(k | x) = exp(b_k + Σ_j x_j w_jk) / Σ_l exp(b_l + Σ_j x_j w_jl)`.

use super::position::POSITIONS as K;

/// Steps of the descent; the penalty makes the loss strictly convex, so more of them change little.
const STEPS: usize = 300;

/// A row to learn from.
#[derive(Debug, Clone)]
pub struct Row {
    /// Features that it has, with their values.
    pub features: Vec<(usize, f64)>,
    /// Its class.
    pub class: usize,
    /// How much it counts.
    pub weight: f64,
}

/// Weights of all features and biases of all classes.
#[derive(Debug, Clone)]
pub struct Softmax {
    weights: Vec<[f64; K]>,
    biases: [f64; K],
}

impl Softmax {
    /// Minimises `Σ_i weight_i (-log p(class_i | x_i)) + penalty / 2 Σ w²` over `features` weights a class.
    ///
    /// # Source
    /// Nesterov, 1983: accelerated gradient descent, with the step that the mean squared norm of the rows allows.
    pub fn fit(rows: &[Row], features: usize, penalty: f64) -> Self {
        let total: f64 = rows.iter().map(|row| row.weight).sum::<f64>().max(f64::MIN_POSITIVE);
        let norm = |row: &Row| row.weight * (1.0 + row.features.iter().map(|(_, value)| value * value).sum::<f64>());
        let step = 1.0 / (0.5 * rows.iter().map(norm).sum::<f64>() / total + penalty / total);
        let mut now = Self { weights: vec![[0.0; K]; features], biases: [0.0; K] };
        let mut before = now.clone();
        for time in 0..STEPS {
            let mut ahead = now.extrapolated(&before, time as f64 / (time as f64 + 3.0));
            let slope = ahead.gradient(rows, total, penalty);
            ahead.descend(&slope, step);
            before = std::mem::replace(&mut now, ahead);
        }
        now
    }

    /// Probability of each class.
    pub fn probabilities(&self, features: &[(usize, f64)]) -> [f64; K] {
        let mut logits = self.biases;
        for (feature, value) in features {
            logits.iter_mut().zip(self.weights[*feature]).for_each(|(logit, weight)| *logit += value * weight);
        }
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let odds = logits.map(|logit| (logit - largest).exp());
        let sum: f64 = odds.iter().sum();
        odds.map(|odd| odd / sum)
    }

    fn extrapolated(&self, before: &Self, momentum: f64) -> Self {
        let ahead = |now: &[f64; K], then: &[f64; K]| std::array::from_fn(|k| now[k] + momentum * (now[k] - then[k]));
        let weights = self.weights.iter().zip(&before.weights).map(|(now, then)| ahead(now, then)).collect();
        Self { weights, biases: ahead(&self.biases, &before.biases) }
    }

    fn gradient(&self, rows: &[Row], total: f64, penalty: f64) -> Self {
        let decay = |weights: &[f64; K]| weights.map(|weight| penalty / total * weight);
        let mut slope = Self { weights: self.weights.iter().map(decay).collect(), biases: [0.0; K] };
        for row in rows {
            let mut error = self.probabilities(&row.features);
            error[row.class] -= 1.0;
            let error = error.map(|e| e * row.weight / total);
            slope.biases.iter_mut().zip(error).for_each(|(bias, e)| *bias += e);
            for (feature, value) in &row.features {
                slope.weights[*feature].iter_mut().zip(error).for_each(|(weight, e)| *weight += value * e);
            }
        }
        slope
    }

    fn descend(&mut self, slope: &Self, step: f64) {
        let down = |to: &mut [f64; K], by: &[f64; K]| to.iter_mut().zip(by).for_each(|(to, by)| *to -= step * by);
        self.weights.iter_mut().zip(&slope.weights).for_each(|(to, by)| down(to, by));
        down(&mut self.biases, &slope.biases);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(features: &[usize], class: usize) -> Row {
        Row { features: features.iter().map(|f| (*f, 1.0)).collect(), class, weight: 1.0 }
    }

    #[test]
    fn without_features_the_shares_of_the_classes_come_out() {
        let rows: Vec<Row> = [0, 0, 0, 1].map(|class| row(&[], class)).to_vec();
        let [first, second, ..] = Softmax::fit(&rows, 0, 1.0).probabilities(&[]);
        // The bias is not penalised, and descent approaches the shares of 3 / 4 and 1 / 4 up to its last steps.
        assert!((first - 0.75).abs() < 0.01 && (second - 0.25).abs() < 0.01, "{first} {second}");
    }

    #[test]
    fn a_feature_that_goes_with_a_class_predicts_it_and_the_penalty_holds_it_back() {
        let rows: Vec<Row> = (0..40).map(|i| row(&[i % 2], i % 2)).collect();
        let surest = |penalty: f64| Softmax::fit(&rows, 2, penalty).probabilities(&[(1, 1.0)])[1];
        assert!(surest(0.1) > 0.9);
        assert!(surest(1_000.0) < surest(1.0) && surest(1_000.0) < 0.6);
    }
}
