//! The scores of a folder as one file for people.

use std::path::Path;

use knowmvg::eval::Resampling;
use knowmvg_eval::page::{About, Answers, Page, Pictures};
use knowmvg_eval::{Comparison, Item, Prediction, Scores, System, compare};

use super::folder;
use super::score::unreadable;
use crate::failure::Failure;
use crate::files;

/// The system that a page is about, where a folder has it.
const SUBJECT: &str = "model";
/// Best, median and worst cases that are shown.
const CASES: usize = 6;

/// Everything that was scored; systems in the order of their names.
#[derive(Clone, Copy)]
pub struct Scored<'a> {
    /// What was asked.
    pub items: &'a [Item],
    /// Of each system.
    pub scores: &'a [Scores],
    /// Of each system.
    pub answers: &'a [Vec<Prediction>],
    /// How intervals are drawn.
    pub resampling: Resampling,
}

/// Writes page.html: the model first, if it is there, compared with every other system.
pub fn write(folder: &Path, scored: &Scored, pictures: Option<Pictures>) -> Result<(), Failure> {
    let mut order: Vec<usize> = (0..scored.scores.len()).collect();
    order.sort_by_key(|index| scored.scores[*index].system != SUBJECT);
    let systems: Vec<Answers> = order
        .iter()
        .map(|index| Answers {
            scores: &scored.scores[*index],
            is_floor: scored.scores[*index].system != SUBJECT,
            predictions: &scored.answers[*index],
        })
        .collect();
    let comparisons = comparisons(&systems, scored).map_err(|e| unreadable(folder, e))?;
    let about = about(folder, scored.resampling.seed);
    let page = Page {
        about: &about,
        systems: &systems,
        comparisons: &comparisons,
        items: scored.items,
        cases: CASES,
        pictures,
    };
    files::write(&folder.join("page.html"), page.html().as_bytes())
}

fn comparisons(systems: &[Answers], scored: &Scored) -> Result<Vec<Comparison>, knowmvg_eval::compare::CompareError> {
    let Some((first, others)) = systems.split_first() else { return Ok(Vec::new()) };
    let against = |other: &Answers| {
        let a = System { name: &first.scores.system, runs: &[first.predictions] };
        let b = System { name: &other.scores.system, runs: &[other.predictions] };
        compare(scored.items, a, b, scored.resampling)
    };
    others.iter().map(against).collect()
}

/// The page does not ask a clock, so that the same files give the same page.
fn about(folder: &Path, seed: u64) -> About {
    let settings = folder::settings(folder);
    let seeds =
        settings.as_ref().map_or(format!("resampling {seed}"), |s| format!("items {}, resampling {seed}", s.seed));
    About {
        title: format!("Grounding on {}", settings.as_ref().map_or("unnamed items", |s| &s.data_set)),
        date: String::new(),
        model: settings.as_ref().and_then(|s| s.model.clone()),
        data_set: settings.as_ref().map(|s| s.data_set.clone()).unwrap_or_default(),
        split: settings.map(|s| s.split).unwrap_or_default(),
        seeds,
    }
}
