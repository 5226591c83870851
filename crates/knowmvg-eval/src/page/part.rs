//! The section of one task and level.

use super::group_table::group_tables;
use super::html::{measure_name, metric, part_name};
use super::main_table::{main_table, overall_metric};
use super::{Page, curves, gallery, histogram};
use crate::scores::{AnswerScores, Identification, Measure, Part, ReportScores};

/// Tables, plots and cases.
pub(super) fn section(page: &Page<'_>, part: &Part) -> String {
    let mut plots = curves::curves(page, part);
    plots.extend(histogram::histogram(page, part));
    let plots =
        if plots.is_empty() { String::new() } else { format!("<div class=\"plots\">\n{}</div>\n", plots.concat()) };
    format!(
        "<section>\n<h2>{}</h2>\n{}{}{}{plots}<h3>Where it is weak</h3>\n{}{}</section>\n",
        part_name(part),
        counts(part),
        main_table(page, part),
        extras(page, part),
        group_tables(page, part),
        gallery::gallery(page, part),
    )
}

fn counts(part: &Part) -> String {
    let counts = &part.counts;
    let missing = if counts.missing > 0 {
        format!(" <strong>{} items were not answered and count as wrong.</strong>", counts.missing)
    } else {
        String::new()
    };
    format!(
        "<p class=\"note\">{} items on {} images of {} patients; {} statements with a true box ({} with exactly one), {} without.{missing}</p>\n",
        counts.items, counts.images, counts.patients, counts.present, counts.single_box, counts.absent
    )
}

/// Measures that not every part has: heat maps, phrases of reports, answers in words.
fn extras(page: &Page<'_>, part: &Part) -> String {
    let Some((_, own)) = page.scored_on(part).into_iter().next() else { return String::new() };
    let heat = [Measure::Pointing, Measure::EnergyInside, Measure::HeatEntropy, Measure::Cnr];
    let heat = heat
        .into_iter()
        .filter_map(|m| overall_metric(own, m).map(|value| (measure_name(m).to_owned(), metric(Some(value)))));
    let mut rows: Vec<(String, String)> = heat.collect();
    rows.extend(own.report.iter().flat_map(report_rows));
    rows.extend(own.answers.iter().flat_map(answer_rows));
    let entries: Vec<String> =
        rows.into_iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).collect();
    if entries.is_empty() { String::new() } else { format!("<dl class=\"facts\">{}</dl>\n", entries.concat()) }
}

fn report_rows(report: &ReportScores) -> Vec<(String, String)> {
    let kinds = [
        ("word for word", &report.exact),
        ("half of the words", &report.overlap),
        ("by class or words", &report.matched),
    ];
    let mut rows: Vec<(String, String)> =
        kinds.into_iter().map(|(name, found)| (format!("Phrases found, {name}"), identification(found))).collect();
    rows.push(("False phrases per report".into(), metric(Some(&report.false_phrases))));
    if let Some(value) = report.boxes_of_matched.get(&Measure::MeanIou) {
        rows.push(("mIoU of matched phrases".into(), metric(Some(value))));
    }
    rows
}

fn identification(found: &Identification) -> String {
    let [precision, recall, f1] = [&found.precision, &found.recall, &found.f1].map(|value| metric(value.as_ref()));
    format!("precision {precision}, recall {recall}, F1 {f1}")
}

fn answer_rows(answers: &AnswerScores) -> Vec<(String, String)> {
    let entry = |name: &str, value| (name.to_owned(), metric(value));
    vec![
        entry("Answers correct", Some(&answers.accuracy)),
        entry("Of yes or no questions", answers.yes_no.as_ref()),
        entry("Of other questions", answers.open.as_ref()),
    ]
}
