//! Scores the predictions of one system, each task and level apart.

use std::collections::{BTreeMap, BTreeSet};

use knowmvg::eval::Resampling;

use crate::answers::answer_scores;
use crate::calibration::{self, calibration};
use crate::check::{LineError, check_items, check_predictions};
use crate::detection::detection;
use crate::groups::{groups, rows};
use crate::item::{Item, Task};
use crate::prediction::Prediction;
use crate::presence::{self, presence};
use crate::report::report_scores;
use crate::scores::{Counts, Part, Scores, Selective};
use crate::selective::{Answer, risk_coverage};
use crate::statement::{Answered, HIT, Statement, answered};

/// Why nothing was scored.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// The items are not what they should be.
    #[error("items, {0}")]
    Items(LineError),
    /// The predictions are not what they should be.
    #[error("predictions, {0}")]
    Predictions(LineError),
}

/// Scores one system. Items without a prediction count as wrong and are counted in [`Counts::missing`].
///
/// # Errors
/// When [`check_items`] or [`check_predictions`] finds a problem.
pub fn score(
    system: &str,
    items: &[Item],
    predictions: &[Prediction],
    resampling: Resampling,
) -> Result<Scores, ScoreError> {
    check_items(items).map_err(ScoreError::Items)?;
    check_predictions(items, predictions).map_err(ScoreError::Predictions)?;
    let parts = by_part(answered(items, predictions));
    Ok(Scores {
        system: system.to_owned(),
        resamples: resampling.resamples,
        seed: resampling.seed,
        parts: parts.into_iter().map(|((task, level), of_part)| part(task, level, &of_part, resampling)).collect(),
    })
}

/// Items of one task and level; the order of the items is kept.
pub(crate) type PartKey<'a> = (Task, Option<&'a str>);

pub(crate) fn by_part(answered: Vec<Answered<'_>>) -> BTreeMap<PartKey<'_>, Vec<Answered<'_>>> {
    let mut parts: BTreeMap<PartKey, Vec<Answered>> = BTreeMap::new();
    for one in answered {
        parts.entry((one.item.task, one.item.level.as_deref())).or_default().push(one);
    }
    parts
}

fn part(task: Task, level: Option<&str>, answered: &[Answered], resampling: Resampling) -> Part {
    let statements: Vec<Statement> = answered.iter().flat_map(Answered::statements).collect();
    let rows = rows(&statements);
    let with_absent = statements.iter().any(|statement| !statement.is_present());
    Part {
        task,
        level: level.map(str::to_owned),
        counts: counts(answered, &statements),
        groups: groups(&rows, resampling),
        detection: detection(answered),
        presence: presence(&presence_claims(&statements), resampling),
        calibration: calibration(&hit_claims(&statements, false), resampling),
        calibration_with_absent: with_absent.then(|| calibration(&hit_claims(&statements, true), resampling)).flatten(),
        selective: selective(&statements, resampling),
        report: (task == Task::Report).then(|| report_scores(answered, &rows, resampling)).flatten(),
        answers: (task == Task::Vqa).then(|| answer_scores(answered, resampling)).flatten(),
    }
}

fn counts(answered: &[Answered], statements: &[Statement]) -> Counts {
    let distinct = |of: fn(&Item) -> &str| answered.iter().map(|a| of(a.item)).collect::<BTreeSet<_>>().len();
    let present = statements.iter().filter(|statement| statement.is_present()).count();
    Counts {
        items: answered.len(),
        missing: answered.iter().filter(|a| a.prediction.is_none()).count(),
        images: distinct(|item| &item.image),
        patients: distinct(|item| &item.patient),
        present,
        single_box: statements.iter().filter(|statement| statement.single_box().is_some()).count(),
        absent: statements.len() - present,
    }
}

fn presence_claims<'a>(statements: &[Statement<'a>]) -> Vec<(&'a str, &'a str, presence::Claim)> {
    let claim = |s: &Statement<'a>| {
        let claim = presence::Claim { score: s.presence(), is_present: s.is_present() };
        (s.item.patient.as_str(), s.target.label.as_str(), claim)
    };
    statements.iter().map(claim).collect()
}

/// Claims of statements with exactly one true box, and on request of those without any, for which each box is a miss.
fn hit_claims<'a>(statements: &[Statement<'a>], with_absent: bool) -> Vec<(&'a str, calibration::Claim)> {
    let claim = |s: &Statement<'a>| {
        let absent = (with_absent && !s.is_present()).then_some(0.0);
        let is_hit = s.first_iou().or(absent)? >= HIT;
        Some((s.item.patient.as_str(), calibration::Claim { confidence: s.confidence()?, is_hit }))
    };
    statements.iter().filter_map(claim).collect()
}

fn selective(statements: &[Statement], resampling: Resampling) -> Option<Selective> {
    let answers = |error: fn(f64) -> f64| {
        let answer = |s: &Statement| Some(Answer { confidence: s.confidence(), error: error(s.first_iou()?) });
        let answers = statements.iter().filter_map(|s| Some((s.item.patient.as_str(), answer(s)?)));
        risk_coverage(&answers.collect::<Vec<_>>(), resampling)
    };
    Some(Selective { miss: answers(|iou| f64::from(iou < HIT))?, one_minus_iou: answers(|iou| 1.0 - iou)? })
}
