//! Every system is a row, floors too: the numbers of one task and level side by side.

use super::html::{NOTHING, cell, escaped, measure_name, number, part_name, table};
use super::{Answers, Page};
use crate::scores::{Group, GroupKind, Measure, Metric, Part};

const COLUMNS: [Measure; 5] =
    [Measure::MeanIou, Measure::Accuracy10, Measure::Accuracy30, Measure::Accuracy50, Measure::UnionIou];

/// The table of one part.
pub(super) fn main_table(page: &Page<'_>, part: &Part) -> String {
    let mut columns = vec!["System".to_owned(), "n".to_owned()];
    columns.extend(COLUMNS.iter().map(|measure| measure_name(*measure).to_owned()));
    columns.extend(["AP50", "AUROC", "ECE", "ECE by chance"].map(str::to_owned));
    let rows: Vec<String> = page.scored_on(part).into_iter().map(|(system, own)| row(system, own)).collect();
    table(&format!("{}: all systems", part_name(part)), &columns, &rows)
}

/// The group of everything.
pub(super) fn overall(part: &Part) -> Option<&Group> {
    part.groups.iter().find(|group| group.kind == GroupKind::Overall)
}

/// A metric of everything.
pub(super) fn overall_metric(part: &Part, measure: Measure) -> Option<&Metric> {
    overall(part)?.measures.get(&measure)
}

fn row(system: &Answers<'_>, part: &Part) -> String {
    let n = overall(part).map_or(0, |group| group.n);
    let boxes: Vec<String> = COLUMNS.iter().map(|measure| cell(overall_metric(part, *measure))).collect();
    let ap50 = plain(part.detection.as_ref().map(|detection| detection.mean.ap50));
    format!(
        "<tr{}>{}<td data-value=\"{n}\">{n}</td>{}{ap50}{}{}{}</tr>\n",
        if system.is_floor { " class=\"floor\"" } else { "" },
        name(system),
        boxes.concat(),
        cell(part.presence.as_ref().map(|presence| &presence.auroc)),
        cell(part.calibration.as_ref().map(|calibration| &calibration.ece)),
        plain(part.calibration.as_ref().map(|calibration| calibration.ece_by_chance)),
    )
}

/// A number without an interval.
fn plain(value: Option<f64>) -> String {
    value.map_or(format!("<td>{NOTHING}</td>"), |v| format!("<td data-value=\"{v}\">{}</td>", number(v)))
}

fn name(system: &Answers<'_>) -> String {
    let kind = if system.is_floor { " <small>(floor)</small>" } else { "" };
    format!("<th scope=\"row\">{}{kind}</th>", escaped(&system.scores.system))
}
