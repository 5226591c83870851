//! The results as one file for people: HTML that needs nothing outside of itself and can be read without its script.
//!
//! ```text
//! Scores ─▶ main_table · group_table · curves (chart) · noise_curves
//! Comparison ─▶ forest (chart)
//! Items + Predictions ─▶ histogram (chart) · gallery (picture)
//! ```
//!
//! The page says nothing that the numbers do not: every figure is a value of [`Scores`] or [`Comparison`], rounded.
//! Words of labels and reports are shown as text, whatever they hold; ids of patients and images are not shown.

mod chart;
mod curves;
mod forest;
mod gallery;
mod group_table;
mod header;
mod histogram;
mod html;
mod main_table;
mod noise_curves;
mod part;
mod picture;

use knowmvg::grounding::ModelInfo;
use knowmvg::image::GreyImage;

use crate::item::Item;
use crate::noise::Corruption;
use crate::prediction::Prediction;
use crate::scores::{Comparison, Part, Scores};

/// More systems than this are left out of plots; tables show all.
pub const MAX_PLOTTED_SYSTEMS: usize = 8;
/// More groups of one kind than this are left out of a table, which then says so.
pub const MAX_GROUPS: usize = 200;
/// Most cases of one kind in a gallery.
pub const MAX_CASES: usize = 24;

/// What a page says about the run that it shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct About {
    /// Title of the page.
    pub title: String,
    /// When, as the caller writes it; the page does not ask a clock.
    pub date: String,
    /// The model and its knowledge base; `None` where only floors were scored.
    pub model: Option<ModelInfo>,
    /// Name of the data set.
    pub data_set: String,
    /// Part of the data set.
    pub split: String,
    /// Seeds of items, noise and resampling, as the caller writes them.
    pub seeds: String,
}

/// One system and what it answered.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// Its scores.
    pub scores: &'a Scores,
    /// Whether it is a floor: a system that a model must beat.
    pub is_floor: bool,
    /// Its predictions; without them there are no cases and no histogram.
    pub predictions: &'a [Prediction],
}

/// Looks up the pixels of an image by its id; `None` if it is not to be shown.
pub type Pictures<'a> = &'a dyn Fn(&str) -> Option<GreyImage>;

/// Everything that a page shows.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// What was run.
    pub about: &'a About,
    /// The systems; the first one is the page's subject: its weak classes come first and its cases are shown.
    pub systems: &'a [Answers<'a>],
    /// Paired differences.
    pub comparisons: &'a [Comparison],
    /// What was asked and what is true.
    pub items: &'a [Item],
    /// Cases of each kind (worst, median, best) in a gallery; at most [`MAX_CASES`].
    pub cases: usize,
    /// Pixels for the gallery; without them the boxes stand on a plain ground.
    pub pictures: Option<Pictures<'a>>,
}

impl Page<'_> {
    /// The file. The same page gives the same text.
    pub fn html(&self) -> String {
        let mut body = header::header(self.about);
        for part in self.parts().filter(|part| !is_noise(part)) {
            body.push_str(&part::section(self, part));
        }
        body.push_str(&noise_curves::section(self));
        body.push_str(&forest::section(self.comparisons));
        body.push_str(&header::footer(self));
        html::document(&self.about.title, &body)
    }

    /// Every task and level that some system was scored on, in order, with the scores of the first system that was.
    fn parts(&self) -> impl Iterator<Item = &Part> {
        let mut found: Vec<&Part> = Vec::new();
        for part in self.systems.iter().flat_map(|system| &system.scores.parts) {
            if !found.iter().any(|known| same_part(known, part)) {
                found.push(part);
            }
        }
        found.sort_by(|a, b| (a.task, &a.level).cmp(&(b.task, &b.level)));
        found.into_iter()
    }

    /// The systems that were scored on this task and level, with their scores.
    fn scored_on(&self, part: &Part) -> Vec<(&Answers<'_>, &Part)> {
        let own = |system: &'_ Answers<'_>| system.scores.parts.iter().position(|other| same_part(other, part));
        self.systems.iter().filter_map(|system| own(system).map(|at| (system, &system.scores.parts[at]))).collect()
    }
}

fn same_part(a: &Part, b: &Part) -> bool {
    a.task == b.task && a.level == b.level
}

/// Damaged reports are shown as curves over severities and not as sections of their own.
fn is_noise(part: &Part) -> bool {
    part.level.as_deref().is_some_and(|level| Corruption::from_level(level).is_some())
}
