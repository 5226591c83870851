//! Three guesses without an image.

use std::collections::BTreeMap;

use knowmvg::eval::{ConstantBoxes, Example as Labelled};
use knowmvg::geometry::{Box2, Model};
use knowmvg::prior::Location;
use rayon::prelude::*;

use super::{MrgRow, in_frame};
use crate::blind::{BlindConfig, BlindEstimator, Example, Guess, Reading, read};
use crate::{Found, Prediction, ScoredBox};

/// Names of the systems, in the order of [`Learnt::answers`].
///
/// `blind` reads the report; `constant` reads of it the chief finding only; `constant-of-phrase` reads the ground-truth
/// phrase instead, so it is a floor for systems that are given that phrase.
pub const SYSTEMS: [&str; 3] = ["blind", "constant", "constant-of-phrase"];

/// The best box of each name.
struct Constant {
    examples: Vec<Labelled>,
    boxes: ConstantBoxes,
}

impl Constant {
    fn fit(examples: Vec<Labelled>) -> Self {
        Self { boxes: ConstantBoxes::fit(&examples), examples }
    }

    fn guess(&self, name: &str) -> Option<Guess> {
        let bounds = self.boxes.for_label(name)?;
        let same: Vec<&Labelled> = self.examples.iter().filter(|example| example.label == name).collect();
        let hits = same.iter().filter(|example| example.bounds.iou(&bounds) >= 0.5).count();
        Some(Guess { bounds, confidence: hits as f64 / same.len().max(1) as f64 })
    }
}

/// Everything that was learnt from some rows.
pub struct Learnt {
    blind: BlindEstimator,
    /// What the benchmark calls a finding.
    classes: BTreeMap<String, String>,
    of_finding: Constant,
    of_phrase: Constant,
}

impl Learnt {
    /// From rows with their boxes.
    pub fn from(rows: &[&MrgRow], config: BlindConfig) -> Self {
        let examples: Vec<Example> =
            rows.par_iter().map(|row| Example { reading: read(&row.report), bounds: row.on_square() }).collect();
        let by_finding = examples.iter().map(|e| labelled(finding(&e.reading), e.bounds));
        let by_phrase = rows.iter().map(|row| labelled(&row.phrase, row.on_square()));
        let classes = examples.iter().zip(rows).map(|(e, row)| (finding(&e.reading).to_owned(), row.label()));
        Self {
            classes: classes.collect(),
            blind: BlindEstimator::fit(&examples, config),
            of_finding: Constant::fit(by_finding.collect()),
            of_phrase: Constant::fit(by_phrase.collect()),
        }
    }

    /// One prediction a system for a row, in the order of [`SYSTEMS`].
    pub fn answers(&self, row: &MrgRow, item: &str) -> [Prediction; 3] {
        let reading = read(&row.report);
        let guesses =
            [self.blind.answer(&reading), self.of_finding.guess(finding(&reading)), self.of_phrase.guess(&row.phrase)];
        guesses.map(|guess| self.prediction(item, &reading, guess))
    }

    fn prediction(&self, item: &str, reading: &Reading, guess: Option<Guess>) -> Prediction {
        let boxes = guess.map(|g| ScoredBox { bounds: in_frame(&g.bounds), confidence: g.confidence });
        let found = Found {
            text: reading.text.clone(),
            label: self.classes.get(finding(reading)).cloned(),
            boxes: boxes.into_iter().collect(),
            presence: None,
            heat: None,
        };
        Prediction { item: item.to_owned(), findings: vec![found], answer: None }
    }
}

fn finding(reading: &Reading) -> &str {
    reading.finding.as_deref().unwrap_or_default()
}

fn labelled(label: &str, bounds: Box2<Model>) -> Labelled {
    Labelled { label: label.to_owned(), location: Location { side: None, zone: None }, bounds }
}
