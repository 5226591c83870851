//! What must hold for items and predictions before anything is scored.

use std::collections::{BTreeMap, BTreeSet};

use crate::item::{Item, Task};
use crate::limits::{MAX_BOXES, MAX_BOXES_PER_LINE, MAX_HEAT_SIDE, MAX_STATEMENTS};
use crate::prediction::{Found, Heat, Prediction};

/// What is wrong with an item or a prediction.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Two items have one id.
    #[error("expected an id of its own, found that of line {0}")]
    RepeatedId(usize),
    /// Two predictions are for one item.
    #[error("expected one prediction for an item, found a second one after line {0}")]
    RepeatedPrediction(usize),
    /// The item of a prediction is not among the items.
    #[error("expected the id of an item, found another")]
    UnknownItem,
    /// Only a report may have any number of targets.
    #[error("expected one target for a phrase, a class or a question, found {0}")]
    TargetCount(usize),
    /// Only for a report may several statements be found.
    #[error("expected at most one finding for a phrase, a class or a question, found {0}")]
    FindingCount(usize),
    /// An image has no pixels.
    #[error("expected an image of at least 1 x 1 pixels, found {0} x {1}")]
    EmptyImage(u32, u32),
    /// Too many targets or findings.
    #[error("expected at most {MAX_STATEMENTS} statements, found {0}")]
    TooManyStatements(usize),
    /// Too many boxes.
    #[error("expected at most {MAX_BOXES} boxes a statement and {MAX_BOXES_PER_LINE} a line, found {0}")]
    TooManyBoxes(usize),
    /// A confidence or presence is no probability.
    #[error("expected a confidence or presence in [0, 1], found {0}")]
    NoProbability(f64),
    /// A heat map's values do not fill its grid.
    #[error(
        "expected a heat map of 1 to {MAX_HEAT_SIDE} cells a side with one value each, found {0} x {1} cells and {2} values"
    )]
    HeatShape(usize, usize, usize),
}

/// A problem and the line that has it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LineError {
    /// Counted from 1; the position in the list where it was not read from a file.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// Checks that ids are unique, images have pixels, and targets are as many as the task has.
///
/// # Errors
/// Names the first line for which that is not so, or which exceeds a limit.
pub fn check_items(items: &[Item]) -> Result<(), LineError> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for (line, item) in (1..).zip(items) {
        let repeated = lines.insert(&item.id, line).map_or(Ok(()), |first| Err(Problem::RepeatedId(first)));
        repeated.and_then(|()| check_item(item)).map_err(|problem| LineError { line, problem })?;
    }
    Ok(())
}

fn check_item(item: &Item) -> Result<(), Problem> {
    let [width, height] = item.size;
    if width == 0 || height == 0 {
        return Err(Problem::EmptyImage(width, height));
    }
    if item.task != Task::Report && item.targets.len() != 1 {
        return Err(Problem::TargetCount(item.targets.len()));
    }
    check_numbers(item.targets.iter().map(|target| target.boxes.len()))
}

/// Checks that each prediction is for an item of its own and that its numbers are what they should be.
///
/// # Errors
/// Names the first line for which that is not so, or which exceeds a limit.
pub fn check_predictions(items: &[Item], predictions: &[Prediction]) -> Result<(), LineError> {
    let tasks: BTreeMap<&str, Task> = items.iter().map(|item| (item.id.as_str(), item.task)).collect();
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for (line, prediction) in (1..).zip(predictions) {
        let repeated =
            lines.insert(&prediction.item, line).map_or(Ok(()), |first| Err(Problem::RepeatedPrediction(first)));
        let task = tasks.get(prediction.item.as_str()).ok_or(Problem::UnknownItem);
        let checked = repeated.and(task).and_then(|task| check_prediction(*task, prediction));
        checked.map_err(|problem| LineError { line, problem })?;
    }
    Ok(())
}

fn check_prediction(task: Task, prediction: &Prediction) -> Result<(), Problem> {
    let findings = &prediction.findings;
    if task != Task::Report && findings.len() > 1 {
        return Err(Problem::FindingCount(findings.len()));
    }
    check_numbers(findings.iter().map(|found| found.boxes.len()))?;
    findings.iter().try_for_each(check_finding)
}

fn check_finding(found: &Found) -> Result<(), Problem> {
    let probabilities = found.boxes.iter().map(|b| b.confidence).chain(found.presence);
    let wrong = probabilities.into_iter().find(|p| !(0.0..=1.0).contains(p));
    wrong.map_or(Ok(()), |p| Err(Problem::NoProbability(p)))?;
    found.heat.as_ref().map_or(Ok(()), check_heat)
}

fn check_heat(heat: &Heat) -> Result<(), Problem> {
    let sides = 1..=MAX_HEAT_SIDE;
    let fits = sides.contains(&heat.cols) && sides.contains(&heat.rows) && heat.values.len() == heat.cols * heat.rows;
    if fits { Ok(()) } else { Err(Problem::HeatShape(heat.cols, heat.rows, heat.values.len())) }
}

fn check_numbers(boxes: impl ExactSizeIterator<Item = usize> + Clone) -> Result<(), Problem> {
    if boxes.len() > MAX_STATEMENTS {
        return Err(Problem::TooManyStatements(boxes.len()));
    }
    if let Some(most) = boxes.clone().find(|count| *count > MAX_BOXES) {
        return Err(Problem::TooManyBoxes(most));
    }
    let total = boxes.sum();
    if total > MAX_BOXES_PER_LINE { Err(Problem::TooManyBoxes(total)) } else { Ok(()) }
}

/// Items for which there is no prediction, by id, ascending.
pub fn missing<'a>(items: &'a [Item], predictions: &[Prediction]) -> Vec<&'a str> {
    let answered: BTreeSet<&str> = predictions.iter().map(|p| p.item.as_str()).collect();
    let ids: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
    ids.into_iter().filter(|id| !answered.contains(id)).collect()
}
