//! Whether the phrases of a report were found, apart from where.

use knowmvg::eval::Resampling;

use crate::bootstrap::{Clustered, mean};
use crate::groups::{Row, means};
use crate::item::Target;
use crate::phrases::{equal_phrases, matched, matched_by_words};
use crate::scores::{Identification, Metric, ReportScores};
use crate::statement::Answered;

/// Statements of one report.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Found and true.
    pub right: usize,
    /// Found.
    pub found: usize,
    /// True.
    pub truth: usize,
}

/// Scores reports; `None` without reports. `rows` are their statements.
///
/// A target without boxes is false of the image: it is nothing to be found, and a statement that matches it is a false one.
pub fn report_scores(reports: &[Answered], rows: &[Row], resampling: Resampling) -> Option<ReportScores> {
    let false_phrases: Vec<(&str, f64)> =
        reports.iter().map(|r| (r.item.patient.as_str(), false_phrases(r) as f64)).collect();
    let grounded: Vec<&Row> = rows.iter().filter(|row| row.statement.found.is_some()).collect();
    let by = |right: fn(&Answered) -> usize| {
        let tally = |report: &Answered| Tally { right: right(report), ..tally(report) };
        identification(&reports.iter().map(|r| (r.item.patient.as_str(), tally(r))).collect::<Vec<_>>(), resampling)
    };
    Some(ReportScores {
        exact: by(|report| equal_phrases(&present(report), report.findings())),
        overlap: by(|report| matched_by_words(&present(report), report.findings()).iter().flatten().count()),
        matched: by(matched_present),
        false_phrases: mean(&false_phrases, resampling)?,
        boxes_of_matched: means(&grounded, resampling),
    })
}

fn present(report: &Answered) -> Vec<Target> {
    report.item.targets.iter().filter(|target| !target.boxes.is_empty()).cloned().collect()
}

fn tally(report: &Answered) -> Tally {
    Tally { right: 0, found: report.findings().len(), truth: present(report).len() }
}

/// The matches that the boxes are scored by, without those of targets that the image does not show.
fn matched_present(report: &Answered) -> usize {
    let matches = matched(&report.item.targets, report.findings());
    matches
        .iter()
        .zip(&report.item.targets)
        .filter(|(found, target)| found.is_some() && !target.boxes.is_empty())
        .count()
}

fn false_phrases(report: &Answered) -> usize {
    report.findings().len() - matched_present(report)
}

/// Precision, recall and F1 of `(patient, tally)`, pooled.
pub fn identification(tallies: &[(&str, Tally)], resampling: Resampling) -> Identification {
    let clustered = Clustered::new(tallies.iter().copied());
    let ratio = |of: fn(&Tally) -> (usize, usize)| {
        let ratio = |tallies: &[Tally]| {
            let (part, whole) = tallies.iter().map(of).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
            (whole > 0).then(|| part as f64 / whole as f64)
        };
        let n = tallies.iter().map(|(_, tally)| of(tally).1).sum();
        clustered.metric(resampling, ratio).map(|metric| Metric { n, ..metric })
    };
    Identification {
        precision: ratio(|tally| (tally.right, tally.found)),
        recall: ratio(|tally| (tally.right, tally.truth)),
        f1: ratio(|tally| (2 * tally.right, tally.found + tally.truth)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_pooled_before_they_are_divided() {
        let tallies = [("a", Tally { right: 1, found: 1, truth: 4 }), ("b", Tally { right: 2, found: 5, truth: 2 })];
        let scores = identification(&tallies, Resampling::default());
        let value = |metric: Option<Metric>| metric.map(|m| (m.value, m.n));
        assert_eq!(value(scores.precision), Some((0.5, 6)));
        assert_eq!(value(scores.recall), Some((0.5, 6)));
        assert_eq!(value(scores.f1), Some((0.5, 12)));
    }

    #[test]
    fn nothing_found_has_no_precision() {
        let scores = identification(&[("a", Tally { right: 0, found: 0, truth: 2 })], Resampling::default());
        assert_eq!(scores.precision, None);
        assert_eq!(scores.recall.map(|m| m.value), Some(0.0));
        assert_eq!(identification(&[("a", Tally::default())], Resampling::default()).f1, None);
    }
}
