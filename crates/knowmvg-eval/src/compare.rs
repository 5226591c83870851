//! Two systems on the same items, each with the predictions of one or more training runs.

use std::collections::BTreeMap;

use knowmvg::eval::{Interval, Resampling};

use crate::check::{check_items, check_predictions};
use crate::groups::rows;
use crate::item::Item;
use crate::mcnemar::mcnemar;
use crate::prediction::Prediction;
use crate::score::{PartKey, ScoreError, by_part};
use crate::scores::{ComparedPart, Comparison, Difference, Measure, Metric};
use crate::statement::{Answered, Statement, answered};

/// What is compared; each is defined by the truth alone, so that both systems have it for the same statements.
const MEASURES: [Measure; 3] = [Measure::MeanIou, Measure::Accuracy50, Measure::UnionIou];

/// A system and its predictions.
#[derive(Debug, Clone, Copy)]
pub struct System<'a> {
    /// Its name.
    pub name: &'a str,
    /// The predictions of each training run.
    pub runs: &'a [&'a [Prediction]],
}

/// Why nothing was compared.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// A system has no predictions at all.
    #[error("expected at least one run of each system, found none")]
    NoRuns,
    /// A run cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
}

/// Compares two systems. The runs of a system are averaged statement by statement; then patients are resampled, both
/// systems together.
///
/// # Errors
/// When a system has no runs, or the items or the predictions of a run cannot be scored.
pub fn compare(items: &[Item], a: System, b: System, resampling: Resampling) -> Result<Comparison, CompareError> {
    check_items(items).map_err(ScoreError::Items)?;
    let (of_a, of_b) = (averaged(items, a)?, averaged(items, b)?);
    let may_test = a.runs.len() == 1 && b.runs.len() == 1;
    let part = |(key, a): (PartKey, Values)| {
        let b = &of_b[&key];
        compared_part(key, &a, b, (resampling, may_test))
    };
    Ok(Comparison {
        a: a.name.to_owned(),
        b: b.name.to_owned(),
        a_runs: a.runs.len(),
        b_runs: b.runs.len(),
        resamples: resampling.resamples,
        seed: resampling.seed,
        parts: of_a.into_iter().map(part).collect(),
    })
}

/// For each measure the patient and the value of each statement.
type Values<'a> = BTreeMap<Measure, Vec<(&'a str, f64)>>;

/// The values of each part, averaged over the runs.
fn averaged<'a>(items: &'a [Item], system: System<'a>) -> Result<BTreeMap<PartKey<'a>, Values<'a>>, CompareError> {
    let mut total: BTreeMap<PartKey, Values> = BTreeMap::new();
    for run in system.runs {
        check_predictions(items, run).map_err(ScoreError::Predictions)?;
        for (key, answered) in by_part(answered(items, run)) {
            add(total.entry(key).or_default(), values(&answered));
        }
    }
    let runs = system.runs.len() as f64;
    total.values_mut().flat_map(BTreeMap::values_mut).flatten().for_each(|(_, value)| *value /= runs);
    if system.runs.is_empty() { Err(CompareError::NoRuns) } else { Ok(total) }
}

/// Statements come in the same order in every run: by item, then as the item has them.
fn add<'a>(total: &mut Values<'a>, run: Values<'a>) {
    for (measure, values) in run {
        let sums = total.entry(measure).or_insert_with(|| values.iter().map(|(patient, _)| (*patient, 0.0)).collect());
        sums.iter_mut().zip(values).for_each(|(sum, (_, value))| sum.1 += value);
    }
}

fn values<'a>(answered: &[Answered<'a>]) -> Values<'a> {
    let statements: Vec<Statement<'a>> = answered.iter().flat_map(Answered::statements).collect();
    let mut values: Values = BTreeMap::new();
    for row in rows(&statements) {
        for (measure, value) in row.values.into_iter().filter(|(measure, _)| MEASURES.contains(measure)) {
            values.entry(measure).or_default().push((&row.statement.item.patient, value));
        }
    }
    values
}

fn compared_part(
    (task, level): PartKey,
    a: &Values,
    b: &Values,
    (resampling, may_test): (Resampling, bool),
) -> ComparedPart {
    let difference = |(measure, a): (&Measure, &Vec<(&str, f64)>)| (*measure, difference(a, &b[measure], resampling));
    let is_right = |values: &Values| -> Vec<bool> {
        values.get(&Measure::Accuracy50).into_iter().flatten().map(|(_, value)| *value == 1.0).collect()
    };
    let test = || mcnemar(is_right(a).into_iter().zip(is_right(b)));
    ComparedPart {
        task,
        level: level.map(str::to_owned),
        differences: a.iter().map(difference).collect(),
        mcnemar: may_test.then(test),
    }
}

/// The difference of two means of the same statements.
fn difference(a: &[(&str, f64)], b: &[(&str, f64)], resampling: Resampling) -> Difference {
    let mut by_patient: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for ((patient, a), (_, b)) in a.iter().zip(b) {
        let sums = by_patient.entry(patient).or_default();
        sums.0 += a - b;
        sums.1 += 1.0;
    }
    let clusters: Vec<(f64, f64)> = by_patient.into_values().collect();
    let mean = |indices: &mut dyn Iterator<Item = usize>| {
        let (sum, n) = indices.map(|i| clusters[i]).fold((0.0, 0.0), |(s, n), (ds, dn)| (s + ds, n + dn));
        sum / n
    };
    let distribution = resampling.distribution(clusters.len(), |drawn| Some(mean(&mut drawn.iter().copied())));
    let mean_of = |values: &[(&str, f64)]| values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64;
    let value = mean(&mut (0..clusters.len()));
    let difference = Metric { value, interval: Interval::of_sorted(&distribution), n: a.len() };
    Difference { a: mean_of(a), b: mean_of(b), difference, p: two_sided_p(&distribution) }
}

/// Twice the share of resampled differences on the rarer side of 0; never 0, which finitely many resamples cannot show.
///
/// # Source
/// Davison and Hinkley, *Bootstrap methods and their application*, 1997, §4.2 (the added one), for the percentile interval
/// turned into a test.
fn two_sided_p(distribution: &[f64]) -> Option<f64> {
    let not_above = distribution.iter().filter(|difference| **difference <= 0.0).count();
    let not_below = distribution.iter().filter(|difference| **difference >= 0.0).count();
    let share = (1 + not_above.min(not_below)) as f64 / (1 + distribution.len()) as f64;
    (!distribution.is_empty()).then(|| (2.0 * share).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_every_patient_is_beyond_doubt() {
        let named: Vec<String> = (0..40).map(|i| format!("p{i}")).collect();
        let values = |value: f64| named.iter().map(|name| (name.as_str(), value)).collect::<Vec<_>>();
        let found = difference(&values(0.75), &values(0.5), Resampling::default());
        assert_eq!((found.difference.value, found.p), (0.25, Some(2.0 / 2_001.0)));
        assert_eq!(found.difference.interval, Some(Interval { low: 0.25, high: 0.25 }));
    }

    #[test]
    fn one_patient_proves_nothing() {
        let found = difference(&[("p", 1.0)], &[("p", 0.0)], Resampling::default());
        assert_eq!((found.difference.value, found.difference.interval, found.p), (1.0, None, None));
    }

    #[test]
    fn the_p_value_is_that_of_the_rarer_side() {
        assert_eq!(two_sided_p(&[-1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), Some(0.5));
        assert_eq!(two_sided_p(&[0.0; 9]), Some(1.0));
    }
}
