//! Any statistic of values that belong to patients, with its interval over patients.

use std::collections::BTreeMap;

use knowmvg::eval::{Interval, Resampling};

use crate::scores::Metric;

/// Values, each of one patient, in the order in which a statistic wants them.
#[derive(Debug, Clone)]
pub struct Clustered<T> {
    values: Vec<T>,
    patient_of: Vec<usize>,
    patients: usize,
}

impl<T: Copy> Clustered<T> {
    /// From `(patient, value)`; patients are numbered by name, so that the order of the values does not decide the draws.
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let (names, values): (Vec<&str>, Vec<T>) = values.into_iter().unzip();
        let mut numbers: BTreeMap<&str, usize> = names.iter().map(|name| (*name, 0)).collect();
        numbers.values_mut().enumerate().for_each(|(number, slot)| *slot = number);
        Self { patient_of: names.iter().map(|name| numbers[name]).collect(), patients: numbers.len(), values }
    }

    /// The statistic of all values, with its interval and how many values there are; `None` where it is not defined.
    ///
    /// On a resample `statistic` is given the values in the same order, each as often as its patient was drawn.
    pub fn metric(&self, resampling: Resampling, statistic: impl Fn(&[T]) -> Option<f64>) -> Option<Metric> {
        let value = statistic(&self.values)?;
        let mut counts = vec![0; self.patients];
        let mut resample = Vec::with_capacity(self.values.len());
        let distribution = resampling.distribution(self.patients, |drawn| {
            counts.fill(0);
            drawn.iter().for_each(|patient| counts[*patient] += 1);
            resample.clear();
            let drawn_values = self.values.iter().zip(&self.patient_of);
            resample.extend(drawn_values.flat_map(|(value, patient)| std::iter::repeat_n(*value, counts[*patient])));
            statistic(&resample)
        });
        Some(Metric { value, interval: Interval::of_sorted(&distribution), n: self.values.len() })
    }
}

/// The mean of `(patient, value)` with its interval; `None` without values.
pub fn mean<'a>(values: &[(&'a str, f64)], resampling: Resampling) -> Option<Metric> {
    let n = values.len();
    let value = values.iter().map(|(_, value)| value).sum::<f64>() / n as f64;
    let interval = resampling.mean_interval(values.iter().copied());
    (n > 0).then_some(Metric { value, interval, n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_interval_of_means() {
        let values: Vec<(String, f64)> = (0..60).map(|i| (format!("p{}", i % 23), f64::from(i % 7))).collect();
        let named: Vec<(&str, f64)> = values.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let resampling = Resampling { resamples: 500, seed: 3 };
        let average = |values: &[f64]| Some(values.iter().sum::<f64>() / values.len() as f64);
        let any = Clustered::new(named.iter().copied()).metric(resampling, average).unwrap();
        let special = mean(&named, resampling).unwrap();
        let ends = |metric: &Metric| metric.interval.map(|i| [i.low, i.high]).unwrap();
        assert!((any.value - special.value).abs() < 1e-12 && any.n == 60 && special.n == 60);
        assert!(ends(&any).iter().zip(ends(&special)).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn nothing_has_no_mean() {
        assert_eq!(mean(&[], Resampling::default()), None);
        assert_eq!(mean(&[("p", 2.0)], Resampling::default()), Some(Metric { value: 2.0, interval: None, n: 1 }));
    }
}
