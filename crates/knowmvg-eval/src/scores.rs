//! What scoring one system gives, and how two systems compare: plain values, to be stored or rendered.
//!
//! Shares are in `[0, 1]`, never per cent. An `Option` is `None`, and a measure absent from a map, where nothing was measured:
//! no item of that kind, or a system that gives no such output.

use std::collections::BTreeMap;

use knowmvg::eval::Interval;
use serde::{Deserialize, Serialize};

use crate::item::Task;

/// A number, how uncertain it is, and of how many it is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Point estimate.
    pub value: f64,
    /// 95 % percentile interval of a bootstrap over patients; `None` with fewer than two patients.
    pub interval: Option<Interval>,
    /// Number of values behind the estimate: statements, reports or questions, as the measure says.
    pub n: usize,
}

/// What a mean over true statements measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// IoU of the first box with the true box, over statements with exactly one true box.
    MeanIou,
    /// Share of statements with exactly one true box whose first box has an IoU of at least 0.1.
    Accuracy10,
    /// As [`Self::Accuracy10`], with 0.3.
    Accuracy30,
    /// As [`Self::Accuracy10`], with 0.5; the "AP50" of some papers on visual grounding, and no average precision.
    Accuracy50,
    /// IoU of the union of all predicted boxes with the union of all true ones, over all statements with a true box.
    UnionIou,
    /// Share of heat maps with their maximum inside of a true box.
    Pointing,
    /// Share of the heat that lies inside of the true boxes.
    EnergyInside,
    /// Entropy of the heat in units of that of a uniform map: 0 is one cell, 1 is everywhere.
    HeatEntropy,
    /// Contrast-to-noise ratio between the heat inside and outside of the true boxes.
    Cnr,
}

/// What the statements of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Nothing: each statement weighs the same (micro).
    Overall,
    /// Nothing, but each class weighs the same: the mean of the means of the classes.
    Macro,
    /// The class.
    Label,
    /// The source of the image.
    Source,
    /// The share of the image that the true boxes cover: `<2 %`, `2-10 %` or `>10 %`.
    Size,
}

/// The scores of some statements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What they have in common.
    pub kind: GroupKind,
    /// The class, source or size; empty where there is only one group of its kind.
    pub name: String,
    /// Number of statements with at least one true box.
    pub n: usize,
    /// Means over them. [`Metric::n`] is smaller than `n` where a measure is not defined for all, and counts classes in a
    /// [`GroupKind::Macro`].
    pub measures: BTreeMap<Measure, Metric>,
}

/// Everything measured on the predictions of one system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Name of the system.
    pub system: String,
    /// Bootstrap resamples behind every interval.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// One for each task and level; by task, then level.
    pub parts: Vec<Part>,
}

/// The scores on all items of one task and one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What was asked.
    pub task: Task,
    /// How much the text tells; `None` where the items have no level.
    pub level: Option<String>,
    /// Sizes of what was scored.
    pub counts: Counts,
    /// Overall, macro, then by class, source and size; for reports a statement that was not found has an IoU of 0.
    pub groups: Vec<Group>,
    /// Average precision; `None` if no statement has a true box.
    pub detection: Option<Detection>,
    /// Statements with true boxes told from those without; `None` unless there are both.
    pub presence: Option<Presence>,
    /// Confidence of the first box against IoU of at least 0.5, where there is exactly one true box.
    pub calibration: Option<Calibration>,
    /// The same with the statements that have no true box: a box given for one of them is a miss.
    pub calibration_with_absent: Option<Calibration>,
    /// What answering only the most confident would be worth, where there is exactly one true box.
    pub selective: Option<Selective>,
    /// Finding the phrases of reports.
    pub report: Option<ReportScores>,
    /// Answers in words.
    pub answers: Option<AnswerScores>,
}

/// How much was scored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Items.
    pub items: usize,
    /// Items without a line in the predictions; they count as wrong everywhere.
    pub missing: usize,
    /// Different images.
    pub images: usize,
    /// Different patients.
    pub patients: usize,
    /// Statements with at least one true box.
    pub present: usize,
    /// Of these, statements with exactly one true box.
    pub single_box: usize,
    /// Statements without a true box.
    pub absent: usize,
}

/// Average precision as COCO defines it, with one image per item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Mean over the classes.
    pub mean: AveragePrecision,
    /// All classes taken as one.
    pub pooled: AveragePrecision,
    /// Each class that has true boxes, by name.
    pub labels: BTreeMap<String, AveragePrecision>,
    /// Boxes of reports whose statement names no class and matches none of the truth: in `pooled` only.
    pub unlabelled_boxes: usize,
}

/// Average precision of one class or their mean, by 101-point interpolation with at most 100 boxes per item.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AveragePrecision {
    /// Mean over the IoU thresholds 0.50, 0.55, ..., 0.95.
    pub ap: f64,
    /// At an IoU of 0.50.
    pub ap50: f64,
    /// At an IoU of 0.75.
    pub ap75: f64,
    /// `ap` of true boxes up to 32² pixels; `None` if there are none.
    pub small: Option<f64>,
    /// `ap` of true boxes from 32² to 96² pixels; `None` if there are none.
    pub medium: Option<f64>,
    /// `ap` of true boxes from 96² pixels; `None` if there are none.
    pub large: Option<f64>,
    /// Number of true boxes.
    pub true_boxes: usize,
}

/// How well the stated presence tells statements that are true of the image from those that are not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// Area under the ROC curve over all statements, ties counting half.
    pub auroc: Metric,
    /// The same for each class that has both, by name.
    pub labels: BTreeMap<String, Metric>,
    /// Corners of the ROC curve of all statements, from (0, 0) to (1, 1).
    pub curve: Vec<RocPoint>,
}

/// One corner of a ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// Share of the absent statements at or above the threshold.
    pub false_positive_rate: f64,
    /// Share of the present statements at or above the threshold.
    pub true_positive_rate: f64,
}

/// How far stated confidences are from observed shares of hits; over statements for which a box was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Expected calibration error with bins of equal width.
    pub ece: Metric,
    /// What `ece` would be on average if every confidence were exact: with few claims a bin is off by chance alone. 0 in
    /// files written without it.
    #[serde(default)]
    pub ece_by_chance: f64,
    /// Expected calibration error with bins of equally many.
    pub adaptive_ece: Metric,
    /// Mean squared difference between confidence and hit.
    pub brier: Metric,
    /// The bins of equal width that are not empty, from low to high.
    pub bins: Vec<ReliabilityBin>,
}

/// One bar of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower edge.
    pub low: f64,
    /// Upper edge.
    pub high: f64,
    /// Statements inside.
    pub n: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// Their share of hits.
    pub accuracy: f64,
}

/// The error that is left when a system answers only where it is most confident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selective {
    /// With an error of 1 for an IoU below 0.5 and of 0 otherwise.
    pub miss: RiskCoverage,
    /// With an error of 1 - IoU.
    pub one_minus_iou: RiskCoverage,
}

/// Mean error against the share that is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskCoverage {
    /// Error if everything is answered.
    pub full: Metric,
    /// Error if the most confident 80 % are answered.
    pub at_80: Metric,
    /// `at_80` in units of `full`: below 1 if confidence is worth anything; `None` if `full` is 0.
    pub relative_at_80: Option<Metric>,
    /// Area under the risk-coverage curve: the mean error over all coverages.
    pub aurc: Metric,
    /// The curve, at up to 100 coverages in ascending order.
    pub curve: Vec<RiskPoint>,
}

/// One point of a risk-coverage curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskPoint {
    /// Share of the statements that is answered.
    pub coverage: f64,
    /// Mean error of these.
    pub risk: f64,
}

/// Whether the phrases of reports were found, and how well those were grounded that were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportScores {
    /// Phrases that equal one of the truth, word for word.
    pub exact: Identification,
    /// Phrases that share at least half of their words with one of the truth.
    pub overlap: Identification,
    /// Phrases matched to the truth by class or words, as for the boxes.
    pub matched: Identification,
    /// Statements found per report that match nothing in the truth.
    pub false_phrases: Metric,
    /// Box scores over matched statements only; those over all are the groups of the part.
    pub boxes_of_matched: BTreeMap<Measure, Metric>,
}

/// Precision and recall of statements found in reports, pooled over all reports. [`Metric::n`] is the denominator: statements
/// found, true ones, and the sum of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identification {
    /// Share of the found statements that are in the truth; `None` if none were found.
    pub precision: Option<Metric>,
    /// Share of the true statements that were found; `None` if there are none.
    pub recall: Option<Metric>,
    /// Harmonic mean of both; `None` if nothing is true and nothing was found.
    pub f1: Option<Metric>,
}

/// Whether questions were answered correctly, in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerScores {
    /// Share of answers equal to the truth but for case, punctuation and articles.
    pub accuracy: Metric,
    /// Share of correct answers where the truth is yes or no; `None` without such questions.
    pub yes_no: Option<Metric>,
    /// Share of correct answers to all other questions; `None` without such questions.
    pub open: Option<Metric>,
}

/// Two systems, `a` and `b`, on the same items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the first system.
    pub a: String,
    /// Name of the second system.
    pub b: String,
    /// Prediction files of `a`, one for each training seed; their values are averaged before anything else.
    pub a_runs: usize,
    /// Prediction files of `b`.
    pub b_runs: usize,
    /// Bootstrap resamples.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// One for each task and level.
    pub parts: Vec<ComparedPart>,
}

/// Two systems on the items of one task and one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedPart {
    /// What was asked.
    pub task: Task,
    /// How much the text tells.
    pub level: Option<String>,
    /// Differences of means over the same statements: [`Measure::MeanIou`], [`Measure::Accuracy50`], [`Measure::UnionIou`].
    pub differences: BTreeMap<Measure, Difference>,
    /// Test on [`Measure::Accuracy50`]; `None` where a system has more than one run, for which it is not defined.
    pub mcnemar: Option<McNemar>,
}

/// A paired difference of means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Mean of `a`.
    pub a: f64,
    /// Mean of `b`.
    pub b: f64,
    /// `a - b`, with its interval from a paired bootstrap over patients.
    pub difference: Metric,
    /// Two-sided p value of no difference, from the same resamples; `None` with fewer than two patients.
    pub p: Option<f64>,
}

/// McNemar's exact test on statements that only one of two systems got right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Statements that only `a` got right.
    pub only_a: usize,
    /// Statements that only `b` got right.
    pub only_b: usize,
    /// Two-sided, exact. Takes statements of one patient as independent, unlike [`Difference::p`].
    pub p: f64,
}
