//! Percentile bootstrap over patients: phrases of one patient are no independent measurements.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Share of the resampled means inside of an interval.
const COVERAGE: f64 = 0.95;

/// The middle 95 % of resampled means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How an interval is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// Resampled means.
    pub resamples: usize,
    /// The same seed gives the same interval.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { resamples: 2_000, seed: 0 }
    }
}

/// The values of one patient.
#[derive(Debug, Clone, Copy, Default)]
struct Cluster {
    sum: f64,
    count: f64,
}

impl Resampling {
    /// The interval of a mean over `(patient, value)`; `None` with fewer than two patients or without resamples.
    ///
    /// As many patients as there are get drawn with replacement, each with all of its values; the mean is over values, so
    /// a patient with many phrases weighs more, as in the mean that is reported.
    ///
    /// # Source
    /// Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, §13.3 (percentile interval).
    pub fn mean_interval<'a>(&self, values: impl IntoIterator<Item = (&'a str, f64)>) -> Option<Interval> {
        let clusters = clusters(values);
        Interval::of_sorted(&self.distribution(clusters.len(), |drawn| resampled_mean(&clusters, drawn)))
    }

    /// What a statistic becomes on resamples of `patients` patients, sorted; empty with fewer than two patients.
    ///
    /// `statistic` is given the indices of the patients drawn, as many as there are patients. Resamples on which it is not
    /// defined (`None`) are left out.
    pub fn distribution(&self, patients: usize, mut statistic: impl FnMut(&[usize]) -> Option<f64>) -> Vec<f64> {
        if patients < 2 {
            return Vec::new();
        }
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut drawn = vec![0; patients];
        let resample = |_| {
            drawn.iter_mut().for_each(|patient| *patient = random.random_range(0..patients));
            statistic(&drawn)
        };
        let mut values: Vec<f64> = (0..self.resamples).filter_map(resample).collect();
        values.sort_by(f64::total_cmp);
        values
    }
}

impl Interval {
    /// The middle 95 % of sorted values; `None` without values.
    pub fn of_sorted(values: &[f64]) -> Option<Self> {
        let tail = (1.0 - COVERAGE) / 2.0;
        (!values.is_empty()).then(|| Self { low: quantile(values, tail), high: quantile(values, 1.0 - tail) })
    }
}

/// In the order of the patients' names, so that the order of the values changes nothing but rounding.
fn clusters<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> Vec<Cluster> {
    let mut by_patient: BTreeMap<&str, Cluster> = BTreeMap::new();
    for (patient, value) in values {
        let cluster = by_patient.entry(patient).or_default();
        cluster.sum += value;
        cluster.count += 1.0;
    }
    by_patient.into_values().collect()
}

fn resampled_mean(clusters: &[Cluster], drawn: &[usize]) -> Option<f64> {
    let mut total = Cluster::default();
    for &index in drawn {
        total.sum += clusters[index].sum;
        total.count += clusters[index].count;
    }
    Some(total.sum / total.count)
}

/// Quantile of sorted values, linear between neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `patients` with `each` values: the patients with an even number have only ones, the others only zeros.
    fn split_in_half(patients: usize, each: usize) -> Vec<(String, f64)> {
        let of_patient = |p: usize| std::iter::repeat_n((format!("p{p:04}"), f64::from(p.is_multiple_of(2))), each);
        (0..patients).flat_map(of_patient).collect()
    }

    fn interval(values: &[(String, f64)], resampling: Resampling) -> Option<Interval> {
        resampling.mean_interval(values.iter().map(|(patient, value)| (patient.as_str(), *value)))
    }

    #[test]
    fn independent_values_give_the_textbook_width() {
        let found = interval(&split_in_half(400, 1), Resampling::default()).unwrap();
        // A share of 0.5 in 400 draws: 1.96 * sqrt(0.25 / 400) = 0.049 to each side.
        assert!((found.low - 0.451).abs() < 0.006 && (found.high - 0.549).abs() < 0.006, "{found:?}");
    }

    #[test]
    fn repeating_the_phrases_of_a_patient_adds_no_certainty() {
        let once = interval(&split_in_half(100, 1), Resampling::default()).unwrap();
        let tenfold = interval(&split_in_half(100, 10), Resampling::default()).unwrap();
        assert!((once.low - tenfold.low).abs() < 1e-9 && (once.high - tenfold.high).abs() < 1e-9);
    }

    #[test]
    fn the_seed_decides_and_the_order_does_not() {
        let mut values: Vec<(String, f64)> = (0..50).map(|i| (format!("p{}", i % 20), f64::from(i).sqrt())).collect();
        let first = interval(&values, Resampling::default()).unwrap();
        values.reverse();
        let reversed = interval(&values, Resampling::default()).unwrap();
        assert!((reversed.low - first.low).abs() < 1e-12 && (reversed.high - first.high).abs() < 1e-12);
        let other = interval(&values, Resampling { seed: 1, ..Resampling::default() }).unwrap();
        assert_ne!(other, first);
    }

    #[test]
    fn one_patient_has_no_interval() {
        assert_eq!(interval(&split_in_half(1, 30), Resampling::default()), None);
        assert_eq!(interval(&split_in_half(9, 1), Resampling { resamples: 0, seed: 0 }), None);
        assert_eq!(interval(&[], Resampling::default()), None);
    }

    #[test]
    fn resamples_without_a_value_are_left_out() {
        // Three patients: a draw has a value unless all three are the first one, which 1 in 27 is.
        let values = Resampling::default().distribution(3, |drawn| drawn.iter().find(|i| **i > 0).map(|i| *i as f64));
        assert!((1_880..1_970).contains(&values.len()), "{}", values.len());
        assert!(values.is_sorted() && values.contains(&1.0) && values.contains(&2.0));
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let sorted = [0.0, 1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&sorted, 0.5), 2.0);
        assert!((quantile(&sorted, 0.975) - 3.9).abs() < 1e-12);
        assert_eq!(quantile(&[7.0], 0.025), 7.0);
    }
}
