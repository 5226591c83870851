//! Reliability, ROC and risk against coverage: the curves that scores hold, one line a system.

use super::chart::{Axis, Chart, Mark, Reference, Series};
use super::html::{escaped, number};
use super::{Answers, MAX_PLOTTED_SYSTEMS, Page};
use crate::scores::Part;

/// Draws one curve of a part and gives the number that sums it up.
type Marks<'a> = &'a dyn Fn(&Part) -> Option<(Vec<Mark>, f64)>;

/// The plots of one part; those without data are left out.
pub(super) fn curves(page: &Page<'_>, part: &Part) -> Vec<String> {
    let systems: Vec<_> = page.scored_on(part).into_iter().enumerate().take(MAX_PLOTTED_SYSTEMS).collect();
    let series = |marks: Marks<'_>| -> Vec<(Series, f64)> {
        systems.iter().filter_map(|(at, (system, own))| marks(own).map(|(m, v)| (line(*at, system, m), v))).collect()
    };
    [reliability(series(&reliability_marks)), roc(series(&roc_marks)), risk(series(&risk_marks))]
        .into_iter()
        .flatten()
        .collect()
}

/// A series in the colour of its system's place.
pub(super) fn line(at: usize, system: &Answers<'_>, marks: Vec<Mark>) -> Series {
    Series { name: system.scores.system.clone(), colour: at, dashed: system.is_floor, marks }
}

/// Names and numbers in words.
fn told(series: &[(Series, f64)], measure: &str) -> String {
    let one = |(series, value): &(Series, f64)| format!("{}: {measure} {}", escaped(&series.name), number(*value));
    series.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn figure(
    title: &str,
    measure: &str,
    axes: [&str; 2],
    reference: Reference,
    series: Vec<(Series, f64)>,
) -> Option<String> {
    if series.is_empty() {
        return None;
    }
    let description = told(&series, measure);
    let [x, y] = axes.map(Axis::unit);
    let series = series.into_iter().map(|(series, _)| series).collect();
    Some(Chart { title: title.to_owned(), description, x, y, reference, series }.figure())
}

fn reliability(series: Vec<(Series, f64)>) -> Option<String> {
    figure(
        "Reliability of the confidence",
        "ECE",
        ["mean confidence", "share with IoU ≥ 0.5"],
        Reference::Diagonal,
        series,
    )
}

fn reliability_marks(part: &Part) -> Option<(Vec<Mark>, f64)> {
    let calibration = part.calibration.as_ref()?;
    let points: Vec<[f64; 2]> = calibration.bins.iter().map(|bin| [bin.confidence, bin.accuracy]).collect();
    Some((vec![Mark::Line(points.clone()), Mark::Dots(points)], calibration.ece.value))
}

fn roc(series: Vec<(Series, f64)>) -> Option<String> {
    figure(
        "ROC of the stated presence",
        "AUROC",
        ["false positive rate", "true positive rate"],
        Reference::Diagonal,
        series,
    )
}

fn roc_marks(part: &Part) -> Option<(Vec<Mark>, f64)> {
    let presence = part.presence.as_ref()?;
    let points = presence.curve.iter().map(|point| [point.false_positive_rate, point.true_positive_rate]).collect();
    Some((vec![Mark::Line(points)], presence.auroc.value))
}

fn risk(series: Vec<(Series, f64)>) -> Option<String> {
    figure(
        "Risk and coverage",
        "AURC",
        ["share answered, most confident first", "share with IoU < 0.5"],
        Reference::None,
        series,
    )
}

fn risk_marks(part: &Part) -> Option<(Vec<Mark>, f64)> {
    let miss = &part.selective.as_ref()?.miss;
    let points = miss.curve.iter().map(|point| [point.coverage, point.risk]).collect();
    Some((vec![Mark::Line(points)], miss.aurc.value))
}
