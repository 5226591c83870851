//! Three guesses without an image.

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

/// Everything that was learnt from some rows.
pub struct Learnt {
    blind: BlindEstimator,
    of_finding: ConstantBoxes,
    of_phrase: ConstantBoxes,
}

impl Learnt {
    /// From rows with their boxes.
    pub fn from(rows: &[&MrgRow], config: BlindConfig) -> Self {
        let examples: Vec<Example> =
            rows.par_iter().map(|row| Example { reading: read(&row.report), bounds: row.on_square() }).collect();
        let by_finding = examples.iter().map(|e| labelled(finding(&e.reading), e.bounds));
        let by_phrase = rows.iter().map(|row| labelled(&row.phrase, row.on_square()));
        Self {
            blind: BlindEstimator::fit(&examples, config),
            of_finding: ConstantBoxes::fit(&by_finding.collect::<Vec<_>>()),
            of_phrase: ConstantBoxes::fit(&by_phrase.collect::<Vec<_>>()),
        }
    }

    /// One prediction a system for a row, in the order of [`SYSTEMS`].
    pub fn answers(&self, row: &MrgRow, item: &str) -> [Prediction; 3] {
        let reading = read(&row.report);
        let constant = |bounds: Option<Box2<Model>>| bounds.map(|bounds| Guess { bounds, confidence: 0.0 });
        let guesses = [
            self.blind.answer(&reading),
            constant(self.of_finding.for_label(finding(&reading))),
            constant(self.of_phrase.for_label(&row.phrase)),
        ];
        guesses.map(|guess| prediction(item, &reading, guess))
    }
}

fn finding(reading: &Reading) -> &str {
    reading.finding.as_deref().unwrap_or_default()
}

fn labelled(label: &str, bounds: Box2<Model>) -> Labelled {
    Labelled { label: label.to_owned(), location: Location { side: None, zone: None }, bounds }
}

fn prediction(item: &str, reading: &Reading, guess: Option<Guess>) -> Prediction {
    let boxes = guess.map(|g| ScoredBox { bounds: in_frame(&g.bounds), confidence: g.confidence });
    let found = Found {
        text: reading.text.clone(),
        label: reading.finding.clone(),
        boxes: boxes.into_iter().collect(),
        presence: None,
        heat: None,
    };
    Prediction { item: item.to_owned(), findings: vec![found], answer: None }
}
