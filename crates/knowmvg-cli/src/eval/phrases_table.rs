//! What `knowmvg eval` measured, in groups, with intervals.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use knowmvg::eval::{Interval, Resampling};
use knowmvg::grounding::{ModelInfo, NOTICE};
use serde::Serialize;

use super::args::{EvalArgs, TextArg};
use super::phrases::Measured;

/// An IoU from which on a box counts as found.
const HIT: f64 = 0.5;
/// Upper ends of the classes of size, in shares of the square.
const SMALL: f64 = 0.02;
const MEDIUM: f64 = 0.10;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    notice: &'static str,
    corpus: String,
    split: String,
    tier: Option<String>,
    text: String,
    images: usize,
    model: ModelInfo,
    resampling: String,
    findings: Groups,
    #[serde(skip_serializing_if = "Option::is_none")]
    anatomy: Option<Groups>,
}

/// The phrases together and in parts.
#[derive(Debug, Serialize)]
struct Groups {
    overall: Summary,
    by_source: BTreeMap<String, Summary>,
    by_label: BTreeMap<String, Summary>,
    by_size: BTreeMap<&'static str, Summary>,
}

/// Means over the phrases of a group.
#[derive(Debug, Serialize)]
struct Summary {
    phrases: usize,
    patients: usize,
    model: Scores,
    prior: Scores,
    floor: Option<Scores>,
    /// Mean IoU of the model minus that of the prior on the same phrases.
    gain: Mean,
}

#[derive(Debug, Serialize)]
struct Scores {
    mean_iou: Mean,
    acc_at_50: Mean,
}

/// A mean and its 95 % interval over resampled patients; a single patient has none.
#[derive(Debug, Serialize)]
struct Mean {
    value: f64,
    interval: Option<Interval>,
}

impl Report {
    /// Summarises what was measured.
    pub fn new(args: &EvalArgs, images: usize, model: ModelInfo, measured: &[Measured]) -> Self {
        let resampling = Resampling { seed: args.seed, ..Resampling::default() };
        let of_kind = |kind: &str| measured.iter().filter(|row| row.kind == kind).collect::<Vec<_>>();
        let lower = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
        Self {
            notice: NOTICE,
            corpus: args.corpus.as_deref().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned(),
            split: lower(&args.split),
            tier: args.tier.map(|tier| lower(&tier)),
            text: lower(&args.text.unwrap_or(TextArg::Class)),
            images,
            model,
            resampling: format!("{} resamples of patients, seed {}", resampling.resamples, resampling.seed),
            findings: Groups::new(&of_kind("finding"), resampling),
            anatomy: args.anatomy.then(|| Groups::new(&of_kind("anatomy"), resampling)),
        }
    }
}

impl Groups {
    fn new(rows: &[&Measured], resampling: Resampling) -> Self {
        Self {
            overall: Summary::new(rows, resampling),
            by_source: by(rows, |row| row.scored.source.clone(), resampling),
            by_label: by(rows, |row| row.scored.label.clone(), resampling),
            by_size: by(rows, |row| size(row.scored.truth.area()), resampling),
        }
    }
}

fn by<K: Ord>(rows: &[&Measured], key: impl Fn(&Measured) -> K, resampling: Resampling) -> BTreeMap<K, Summary> {
    let mut groups: BTreeMap<K, Vec<&Measured>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().push(row);
    }
    groups.into_iter().map(|(key, rows)| (key, Summary::new(&rows, resampling))).collect()
}

/// In the order of the alphabet the classes are in the order of size.
fn size(area: f64) -> &'static str {
    match area {
        a if a < SMALL => "below 2 %",
        a if a <= MEDIUM => "from 2 to 10 %",
        _ => "over 10 %",
    }
}

impl Summary {
    fn new(rows: &[&Measured], resampling: Resampling) -> Self {
        let mean = |value: &dyn Fn(&Measured) -> f64| Mean::new(rows, value, resampling);
        let scores = |iou: &dyn Fn(&Measured) -> f64| Scores {
            mean_iou: mean(iou),
            acc_at_50: mean(&|row| f64::from(iou(row) >= HIT)),
        };
        let has_floor = !rows.is_empty() && rows.iter().all(|row| row.floor_iou.is_some());
        let patients: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.scored.patient.as_str()).collect();
        Self {
            phrases: rows.len(),
            patients: patients.len(),
            model: scores(&|row| row.scored.iou),
            prior: scores(&|row| row.scored.prior_iou),
            floor: has_floor.then(|| scores(&|row| row.floor_iou.unwrap_or(0.0))),
            gain: mean(&|row| row.scored.iou - row.scored.prior_iou),
        }
    }
}

impl Mean {
    fn new(rows: &[&Measured], value: &dyn Fn(&Measured) -> f64, resampling: Resampling) -> Self {
        let values: Vec<(&str, f64)> = rows.iter().map(|row| (row.scored.patient.as_str(), value(row))).collect();
        let sum: f64 = values.iter().map(|(_, value)| value).sum();
        Self { value: sum / values.len().max(1) as f64, interval: resampling.mean_interval(values) }
    }
}

/// The report for people.
pub fn table(report: &Report) -> String {
    let tier = report.tier.as_ref().map(|tier| format!(", tier {tier}")).unwrap_or_default();
    let mut text = format!(
        "{}: split {}{tier}, {} images, text {}; {} {}\n",
        report.corpus, report.split, report.images, report.text, report.model.name, report.model.version
    );
    section(&mut text, "findings", &report.findings);
    if let Some(anatomy) = &report.anatomy {
        section(&mut text, "anatomy", anatomy);
    }
    let _ = writeln!(text, "\nprior and floor never see the image; intervals: 95 %, {}", report.resampling);
    text + report.notice + "\n"
}

fn section(text: &mut String, name: &str, groups: &Groups) {
    let cells = ["n", "mIoU", "Acc@0.5", "prior mIoU", "prior Acc@0.5", "gain mIoU", "floor mIoU"];
    let [n, miou, acc, prior_miou, prior_acc, gain, floor] = cells;
    let _ = writeln!(
        text,
        "\n{name:<26} {n:>6}  {miou:<20} {acc:<20} {prior_miou:<20} {prior_acc:<20} {gain:<22} {floor} / Acc@0.5"
    );
    row(text, "all", &groups.overall);
    let parts = [
        ("source", named(&groups.by_source)),
        ("label", named(&groups.by_label)),
        ("box size", named(&groups.by_size)),
    ];
    for (key, rows) in parts {
        for (value, summary) in rows {
            row(text, &format!("{key} {value}"), summary);
        }
    }
}

fn named<K: AsRef<str>>(groups: &BTreeMap<K, Summary>) -> Vec<(&str, &Summary)> {
    groups.iter().map(|(key, summary)| (key.as_ref(), summary)).collect()
}

fn row(text: &mut String, name: &str, summary: &Summary) {
    let Summary { phrases, model, prior, floor, gain, .. } = summary;
    let columns = [&model.mean_iou, &model.acc_at_50, &prior.mean_iou, &prior.acc_at_50]
        .map(|mean| format!("{:<20}", cell(mean)));
    let floor =
        floor.as_ref().map_or("none".to_owned(), |f| format!("{:.3} / {:.3}", f.mean_iou.value, f.acc_at_50.value));
    let name = crate::output::shortened(name, 26);
    let _ = writeln!(text, "{name:<26} {phrases:>6}  {} {:<22} {floor}", columns.join(" "), signed(gain));
}

fn cell(mean: &Mean) -> String {
    let interval = mean.interval.map(|i| format!(" [{:.3}, {:.3}]", i.low, i.high)).unwrap_or_default();
    format!("{:.3}{interval}", mean.value)
}

fn signed(mean: &Mean) -> String {
    let interval = mean.interval.map(|i| format!(" [{:+.3}, {:+.3}]", i.low, i.high)).unwrap_or_default();
    format!("{:+.3}{interval}", mean.value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn measured(patient: &str, label: &str, corners: [f64; 4], iou: f64, prior_iou: f64) -> Measured {
        let scored = json!({"id": patient, "patient": patient, "source": "s", "label": label, "text": label, "truth": corners,
                            "predicted": corners, "presence": 0.9, "spread": 0.1, "iou": iou, "agreement": 0.5, "prior_iou": prior_iou});
        Measured { kind: "finding", scored: serde_json::from_value(scored).unwrap(), floor_iou: Some(0.5) }
    }

    fn groups() -> Groups {
        let rows = [
            measured("a", "mass", [0.0, 0.0, 0.1, 0.1], 0.8, 0.2),
            measured("a", "effusion", [0.0, 0.0, 0.2, 0.2], 0.4, 0.6),
            measured("b", "mass", [0.0, 0.0, 0.9, 0.9], 0.6, 0.1),
        ];
        Groups::new(&rows.iter().collect::<Vec<_>>(), Resampling::default())
    }

    #[test]
    fn means_are_over_phrases_and_intervals_over_patients() {
        let Groups { overall, by_label, by_size, .. } = groups();
        assert_eq!((overall.phrases, overall.patients), (3, 2));
        assert!(
            (overall.model.mean_iou.value - 0.6).abs() < 1e-12 && (overall.prior.mean_iou.value - 0.3).abs() < 1e-12
        );
        assert!((overall.model.acc_at_50.value - 2.0 / 3.0).abs() < 1e-12 && (overall.gain.value - 0.3).abs() < 1e-12);
        let interval = overall.model.mean_iou.interval.unwrap();
        assert!(interval.low <= 0.6 && interval.high >= 0.6);
        // A hit is an IoU of at least one half.
        assert_eq!(overall.floor.unwrap().acc_at_50.value, 1.0);
        assert_eq!(by_label["effusion"].phrases, 1);
        assert!(by_label["effusion"].model.mean_iou.interval.is_none());
        assert_eq!(by_size.keys().copied().collect::<Vec<_>>(), ["below 2 %", "from 2 to 10 %", "over 10 %"]);
    }

    #[test]
    fn every_group_is_a_line() {
        let mut text = String::new();
        section(&mut text, "findings", &groups());
        assert_eq!(text.lines().count(), 1 + 1 + 1 + 1 + 2 + 3);
        assert!(text.contains("label mass") && text.contains("box size over 10 %") && text.contains("0.600 ["));
    }

    #[test]
    fn no_phrase_is_no_number_that_misleads() {
        let empty = Summary::new(&[], Resampling::default());
        assert!(empty.phrases == 0 && empty.floor.is_none() && empty.model.mean_iou.interval.is_none());
    }
}
