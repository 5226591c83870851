//! Scores of the benchmark's first boxes, as its authors define them, with intervals over patients.

use std::fmt::Write;

use knowmvg::eval::{Interval, Resampling};
use knowmvg::grounding::NOTICE;
use knowmvg_eval::mrg::MrgRow;
use knowmvg_eval::{Item, Prediction};
use serde::Serialize;

use super::args::MrgArgs;
use super::mrg::systems;

/// IoUs from which on a box counts.
const THRESHOLDS: [f64; 3] = [0.1, 0.3, 0.5];

/// A row with the answers to it.
pub struct Answered {
    /// Asked.
    pub item: Item,
    /// What it was made from, with the truth.
    pub row: MrgRow,
    /// In the order of [`systems`].
    pub predictions: Vec<Prediction>,
    /// Whether nothing was learnt from the same image.
    pub is_new_image: bool,
    /// Whether nothing was learnt from the same patient.
    pub is_new_patient: bool,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    notice: &'static str,
    text: &'static str,
    split: String,
    sees_images: bool,
    resampling: String,
    parts: Vec<Part>,
}

/// Some of the rows.
#[derive(Debug, Serialize)]
struct Part {
    rows: &'static str,
    n: usize,
    systems: Vec<Scores>,
}

/// Means over rows.
#[derive(Debug, Serialize)]
struct Scores {
    system: &'static str,
    mean_iou: Mean,
    /// In the order of [`THRESHOLDS`].
    accuracy: [Mean; 3],
}

/// A mean and its 95 % interval over resampled patients.
#[derive(Debug, Serialize)]
struct Mean {
    value: f64,
    interval: Option<Interval>,
}

impl Report {
    /// Scores all rows, those of new images, and those of new patients.
    pub fn new(args: &MrgArgs, answered: &[Answered]) -> Self {
        let resampling = Resampling { seed: args.seed, ..Resampling::default() };
        let part = |rows: &'static str, wanted: &dyn Fn(&Answered) -> bool| {
            let chosen: Vec<&Answered> = answered.iter().filter(|row| wanted(row)).collect();
            Part { rows, n: chosen.len(), systems: scores(&chosen, &systems(args), resampling) }
        };
        Self {
            notice: NOTICE,
            text: args.text.name(),
            split: format!("{:?}", args.split).to_lowercase(),
            sees_images: args.corpus.is_some(),
            resampling: format!("{} resamples of patients, seed {}", resampling.resamples, resampling.seed),
            parts: vec![
                part("all", &|_| true),
                part("new images", &|row| row.is_new_image),
                part("new patients", &|row| row.is_new_patient),
            ],
        }
    }
}

fn scores(rows: &[&Answered], systems: &[&'static str], resampling: Resampling) -> Vec<Scores> {
    let of = |index: usize| {
        let ious: Vec<(&str, f64)> = rows.iter().map(|row| (row.item.patient.as_str(), iou(row, index))).collect();
        let mean = |value: &dyn Fn(f64) -> f64| {
            let values: Vec<(&str, f64)> = ious.iter().map(|(patient, iou)| (*patient, value(*iou))).collect();
            let sum: f64 = values.iter().map(|(_, value)| value).sum();
            Mean { value: sum / values.len().max(1) as f64, interval: resampling.mean_interval(values) }
        };
        Scores {
            system: systems[index],
            mean_iou: mean(&|iou| iou),
            accuracy: THRESHOLDS.map(|threshold| mean(&|iou| f64::from(iou >= threshold))),
        }
    };
    (0..systems.len()).map(of).collect()
}

/// Of the first box of the first finding; 0 without one.
fn iou(row: &Answered, system: usize) -> f64 {
    let first = row.predictions[system].findings.first().and_then(|found| found.boxes.first());
    first.map_or(0.0, |b| b.bounds.iou(&row.row.bounds))
}

/// The report for people.
pub fn table(report: &Report) -> String {
    let seen = if report.sees_images { "images of the corpus, seen by the model only" } else { "no image is seen" };
    let mut text = format!("MRG-ChestX-ray8, {} reports, {}: {seen}\n", report.text, report.split);
    for part in &report.parts {
        let _ = writeln!(
            text,
            "\n{:<20} {:<20} {:<20} {:<20} {:<20}",
            format!("{} (n = {})", part.rows, part.n),
            "mIoU",
            "Acc@0.1",
            "Acc@0.3",
            "Acc@0.5"
        );
        for scores in &part.systems {
            let cells = std::iter::once(&scores.mean_iou).chain(&scores.accuracy).map(|m| format!("{:<21}", cell(m)));
            let _ = writeln!(text, "{:<20} {}", scores.system, cells.collect::<String>().trim_end());
        }
    }
    let _ =
        writeln!(text, "\nconstant-of-phrase reads the ground-truth phrase; intervals: 95 %, {}", report.resampling);
    text + report.notice + "\n"
}

fn cell(mean: &Mean) -> String {
    let ends = mean.interval.map(|i| format!(" [{:.3}, {:.3}]", i.low, i.high)).unwrap_or_default();
    format!("{:.3}{ends}", mean.value)
}
