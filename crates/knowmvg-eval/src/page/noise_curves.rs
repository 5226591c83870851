//! How a score falls as reports get worse: one plot a kind of damage, one line a system.

use std::collections::BTreeMap;

use super::chart::{Axis, Chart, Mark, Reference};
use super::curves::line;
use super::html::{cell, escaped, number, table, task_name};
use super::{Answers, MAX_PLOTTED_SYSTEMS, Page};
use crate::item::Task;
use crate::noise::{Corruption, Severity};
use crate::page::main_table::overall_metric;
use crate::scores::{Measure, Metric};

/// mIoU of one system at the severities at which it was scored.
type Curve = BTreeMap<Severity, Metric>;

/// The section; empty where no damaged report was scored.
pub(super) fn section(page: &Page<'_>) -> String {
    let mut figures = String::new();
    let mut tables = String::new();
    for task in [Task::Report, Task::Phrase, Task::Class, Task::Vqa] {
        for kind in Corruption::EVERY {
            let curves = curves(page, task, kind);
            if !curves.is_empty() {
                figures.push_str(&figure(task, kind, &curves));
                tables.push_str(&numbers(task, kind, &curves));
            }
        }
    }
    if figures.is_empty() {
        return String::new();
    }
    format!(
        "<section>\n<h2>Damaged reports</h2>\n<p class=\"note\">mIoU against the severity of the damage, 0 being the report as \
         it was. Bands are 95 % intervals. The boxes are the same throughout.</p>\n\
         <div class=\"plots\">\n{figures}</div>\n{tables}</section>\n"
    )
}

/// The curves of all systems that have one, with their places.
fn curves<'a>(page: &'a Page<'_>, task: Task, kind: Corruption) -> Vec<(usize, &'a Answers<'a>, Curve)> {
    let mut found = Vec::new();
    for (at, system) in page.systems.iter().enumerate() {
        let curve = curve(system, task, kind);
        if !curve.is_empty() {
            found.push((at, system, curve));
        }
    }
    found
}

fn curve(system: &Answers<'_>, task: Task, kind: Corruption) -> Curve {
    let mut curve = Curve::new();
    for part in system.scores.parts.iter().filter(|part| part.task == task) {
        let level = part.level.as_deref().and_then(Corruption::from_level);
        if let (Some((found, severity)), Some(metric)) = (level, overall_metric(part, Measure::MeanIou))
            && found == kind
        {
            curve.insert(severity, *metric);
        }
    }
    curve
}

fn figure(task: Task, kind: Corruption, curves: &[(usize, &Answers<'_>, Curve)]) -> String {
    let series =
        curves.iter().take(MAX_PLOTTED_SYSTEMS).map(|(at, system, curve)| line(*at, system, marks(curve))).collect();
    let ends = |curve: &Curve| curve.values().map(|metric| number(metric.value)).collect::<Vec<_>>().join(", ");
    let told: Vec<String> = curves
        .iter()
        .map(|(_, system, curve)| format!("{}: {}", escaped(&system.scores.system), ends(curve)))
        .collect();
    let x = Axis { label: "severity".into(), low: 0.0, high: 4.0, ticks: (0..=4).map(f64::from).collect(), digits: 0 };
    let highs = curves
        .iter()
        .flat_map(|(_, _, curve)| curve.values())
        .map(|metric| metric.interval.map_or(metric.value, |i| i.high));
    let y = Axis::around("mIoU", highs.chain([0.0]));
    let title = format!("{}: {}", task_name(task), kind.name());
    Chart { title, description: told.join("; "), x, y, reference: Reference::None, series }.figure()
}

fn marks(curve: &Curve) -> Vec<Mark> {
    let x = |severity: &Severity| f64::from(severity.get());
    let points: Vec<[f64; 2]> = curve.iter().map(|(severity, metric)| [x(severity), metric.value]).collect();
    let band =
        curve.iter().filter_map(|(severity, metric)| metric.interval.map(|i| [x(severity), i.low, i.high])).collect();
    vec![Mark::Band(band), Mark::Line(points.clone()), Mark::Dots(points)]
}

fn numbers(task: Task, kind: Corruption, curves: &[(usize, &Answers<'_>, Curve)]) -> String {
    let columns: Vec<String> =
        std::iter::once("System".to_owned()).chain((0..=Severity::MAX).map(|s| s.to_string())).collect();
    let row = |(_, system, curve): &(usize, &Answers<'_>, Curve)| {
        let cells: Vec<String> = Severity::ALL.iter().map(|severity| cell(curve.get(severity))).collect();
        format!("<tr><th scope=\"row\">{}</th>{}</tr>\n", escaped(&system.scores.system), cells.concat())
    };
    let rows: Vec<String> = curves.iter().map(row).collect();
    table(&format!("{}: {}, mIoU by severity", task_name(task), kind.name()), &columns, &rows)
}
