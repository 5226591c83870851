//! Means over statements, together and apart.

use std::collections::{BTreeMap, BTreeSet};

use knowmvg::eval::{Interval, Resampling};

use crate::bootstrap::mean;
use crate::scores::{Group, GroupKind, Measure, Metric};
use crate::statement::{SizeBin, Statement};

/// A statement that the image shows, and its value of each measure.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The statement.
    pub statement: Statement<'a>,
    /// Where a measure is not defined for it, there is no value.
    pub values: BTreeMap<Measure, f64>,
}

/// The rows of all statements that the image shows. Heat is measured if the system gives any.
pub fn rows<'a>(statements: &[Statement<'a>]) -> Vec<Row<'a>> {
    let has_heat = statements.iter().any(|s| s.found.is_some_and(|found| found.heat.is_some()));
    let row = |statement: &Statement<'a>| {
        let mut values = statement.box_measures();
        if has_heat {
            values.extend(statement.heat_measures());
        }
        Row { statement: *statement, values }
    };
    statements.iter().filter(|statement| statement.is_present()).map(row).collect()
}

/// Overall, macro, then each class, source and size.
pub fn groups(rows: &[Row], resampling: Resampling) -> Vec<Group> {
    let all: Vec<&Row> = rows.iter().collect();
    let mut groups = vec![group(GroupKind::Overall, "", &all, resampling), macro_group(&all, resampling)];
    groups.extend(parts(GroupKind::Label, rows, resampling, |s| (&s.target.label, s.target.label.as_str())));
    groups.extend(parts(GroupKind::Source, rows, resampling, |s| (&s.item.source, s.item.source.as_str())));
    groups.extend(parts(GroupKind::Size, rows, resampling, |s| (s.size_bin(), SizeBin::name(s.size_bin()))));
    groups
}

/// Means of every measure over some rows.
pub fn means(rows: &[&Row], resampling: Resampling) -> BTreeMap<Measure, Metric> {
    let metric = |measure: Measure| Some((measure, mean(&values(rows, measure), resampling)?));
    measures(rows).into_iter().filter_map(metric).collect()
}

fn group(kind: GroupKind, name: &str, rows: &[&Row], resampling: Resampling) -> Group {
    Group { kind, name: name.to_owned(), n: rows.len(), measures: means(rows, resampling) }
}

/// One group for each key, in the order of the keys.
fn parts<'r, 'a: 'r, K: Ord>(
    kind: GroupKind,
    rows: &'r [Row<'a>],
    resampling: Resampling,
    key: impl Fn(&Statement<'a>) -> (K, &'a str),
) -> Vec<Group> {
    let mut by_key: BTreeMap<K, (&str, Vec<&Row>)> = BTreeMap::new();
    for row in rows {
        let (key, name) = key(&row.statement);
        by_key.entry(key).or_insert_with(|| (name, Vec::new())).1.push(row);
    }
    by_key.into_values().map(|(name, rows)| group(kind, name, &rows, resampling)).collect()
}

fn macro_group(rows: &[&Row], resampling: Resampling) -> Group {
    let metric = |measure: Measure| Some((measure, macro_mean(rows, measure, resampling)?));
    let measures = measures(rows).into_iter().filter_map(metric).collect();
    Group { kind: GroupKind::Macro, name: String::new(), n: rows.len(), measures }
}

/// Sum and number of the values of one class.
type Total = (f64, f64);

/// Mean of the means of the classes; on a resample, of those classes that were drawn.
fn macro_mean(rows: &[&Row], measure: Measure, resampling: Resampling) -> Option<Metric> {
    let labels: BTreeSet<&str> = rows.iter().map(|row| row.statement.target.label.as_str()).collect();
    let numbers: BTreeMap<&str, usize> = labels.into_iter().zip(0..).collect();
    let mut by_patient: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    for row in rows {
        let values = by_patient.entry(&row.statement.item.patient).or_default();
        values.extend(row.values.get(&measure).map(|value| (numbers[row.statement.target.label.as_str()], *value)));
    }
    by_patient.retain(|_, values| !values.is_empty());
    let patients: Vec<Vec<(usize, f64)>> = by_patient.into_values().collect();
    let all: Vec<usize> = (0..patients.len()).collect();
    let mut totals = vec![(0.0, 0.0); numbers.len()];
    let (value, n) = mean_of_means(&patients, &all, &mut totals)?;
    let distribution =
        resampling.distribution(patients.len(), |drawn| Some(mean_of_means(&patients, drawn, &mut totals)?.0));
    Some(Metric { value, interval: Interval::of_sorted(&distribution), n })
}

/// The mean of the means, and the number of classes that have one.
fn mean_of_means(patients: &[Vec<(usize, f64)>], drawn: &[usize], totals: &mut [Total]) -> Option<(f64, usize)> {
    totals.fill((0.0, 0.0));
    for (label, value) in drawn.iter().flat_map(|patient| &patients[*patient]) {
        totals[*label].0 += value;
        totals[*label].1 += 1.0;
    }
    let means: Vec<f64> = totals.iter().filter(|(_, n)| *n > 0.0).map(|(sum, n)| sum / n).collect();
    (!means.is_empty()).then(|| (means.iter().sum::<f64>() / means.len() as f64, means.len()))
}

fn measures(rows: &[&Row]) -> BTreeSet<Measure> {
    rows.iter().flat_map(|row| row.values.keys().copied()).collect()
}

fn values<'a>(rows: &[&Row<'a>], measure: Measure) -> Vec<(&'a str, f64)> {
    let value = |row: &&Row<'a>| Some((row.statement.item.patient.as_str(), *row.values.get(&measure)?));
    rows.iter().filter_map(value).collect()
}
