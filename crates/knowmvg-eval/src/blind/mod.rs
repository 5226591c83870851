//! A guess from the report alone: no pixel is seen, so it is a floor for everything that sees one.
//!
//! ```text
//! report ──words::read──▶ features ──softmax──▶ probability of nine positions
//!                            └─ chief finding ─┐         │
//! training boxes and their mirror images ──────┴──▶ weights ──vote::best_box──▶ box
//! ```
//!
//! A training box counts for its position with the probability of that position, fully if it is of the same finding and
//! a little otherwise; its mirror image counts somewhat less than itself.

mod position;
mod softmax;
mod vote;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use knowmvg::geometry::{Box2, Model};
use knowmvg::image::augment::mirrored;

use position::{POSITIONS, position};
use softmax::{Row, Softmax};
pub use vote::{Utility, Vote, best_box};
pub use words::{Feature, FeatureKind, Reading, read};

/// What is not learnt but chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlindConfig {
    /// Weight of a mirrored report while the positions are learnt.
    pub mirrored_report: f64,
    /// Weight of the mirror image of a box in the vote.
    pub mirrored_box: f64,
    /// Weight of a box of another finding at the same position, where one of the finding itself has 1.
    pub other_finding: f64,
    /// Value of a word, where what the reader understood has 1.
    pub word: f64,
    /// Reports that must have a feature for it to count.
    pub rarest: usize,
    /// Penalty on squared weights.
    pub penalty: f64,
    /// What an answer is worth.
    pub utility: Utility,
}

impl Default for BlindConfig {
    /// # Source
    /// Cross-validation over the patients of the training rows of MRG-ChestX-ray8.
    fn default() -> Self {
        Self {
            mirrored_report: 0.1,
            mirrored_box: 0.8,
            other_finding: 0.1,
            word: 0.5,
            rarest: 3,
            penalty: 1.0,
            utility: Utility { hit: 1.0, softness: 0.03 },
        }
    }
}

/// A report whose box is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// As [`read`] gives it.
    pub reading: Reading,
    /// On the square.
    pub bounds: Box2<Model>,
}

/// An answer without an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// On the square.
    pub bounds: Box2<Model>,
    /// Probability that it overlaps the truth by at least half, as far as the votes tell.
    pub confidence: f64,
}

/// A box of the training examples, or its mirror image.
#[derive(Debug, Clone)]
struct Voter {
    finding: Option<String>,
    position: usize,
    bounds: Box2<Model>,
    weight: f64,
}

/// Guesses boxes from reports.
#[derive(Debug, Clone)]
pub struct BlindEstimator {
    config: BlindConfig,
    vocabulary: BTreeMap<Feature, usize>,
    positions: Softmax,
    voters: Vec<Voter>,
}

impl BlindEstimator {
    /// Learns from examples; without any, every answer is `None`.
    pub fn fit(examples: &[Example], config: BlindConfig) -> Self {
        let vocabulary = vocabulary(examples, config.rarest);
        let rows: Vec<Row> = examples.iter().flat_map(|example| rows(example, &vocabulary, &config)).collect();
        let positions = Softmax::fit(&rows, vocabulary.len(), config.penalty);
        let voters = examples.iter().flat_map(|example| voters(example, &config)).collect();
        Self { config, vocabulary, positions, voters }
    }

    /// The box with the best expected worth; `None` if nothing was learnt from.
    pub fn answer(&self, reading: &Reading) -> Option<Guess> {
        let votes = self.votes(reading);
        let bounds = best_box(&votes, self.config.utility)?;
        let weight = |wanted: &dyn Fn(&Box2<Model>) -> bool| {
            votes.iter().filter(|(b, _)| wanted(b)).map(|(_, weight)| weight).sum::<f64>()
        };
        let confidence = weight(&|b| b.iou(&bounds) >= 0.5) / weight(&|_| true);
        Some(Guess { bounds, confidence: confidence.min(1.0) })
    }

    /// Every box that was learnt from, with the probability that it is like the true one.
    fn votes(&self, reading: &Reading) -> Vec<Vote<Model>> {
        let features = sparse(&reading.features, &self.vocabulary, &self.config);
        let probabilities = self.positions.probabilities(&features);
        let worth = |voter: &Voter| {
            let is_same = voter.finding == reading.finding;
            voter.weight * if is_same { 1.0 } else { self.config.other_finding }
        };
        let mut totals = [0.0; POSITIONS];
        self.voters.iter().for_each(|voter| totals[voter.position] += worth(voter));
        let votes = self.voters.iter().map(|voter| {
            let share = worth(voter) / totals[voter.position].max(f64::MIN_POSITIVE);
            (voter.bounds, probabilities[voter.position] * share)
        });
        votes.collect()
    }
}

/// Features that enough reports have, in order.
fn vocabulary(examples: &[Example], rarest: usize) -> BTreeMap<Feature, usize> {
    let mut counts: BTreeMap<Feature, usize> = BTreeMap::new();
    for feature in examples.iter().flat_map(|example| &example.reading.features) {
        *counts.entry(feature.clone()).or_default() += 1;
        if feature.mirrored() != *feature {
            counts.entry(feature.mirrored()).or_default();
        }
    }
    let frequent = counts.iter().filter(|(f, count)| **count + counts.get(&f.mirrored()).unwrap_or(&0) >= rarest);
    frequent.map(|(feature, _)| feature.clone()).zip(0..).collect()
}

/// The example and its mirror image.
fn rows(example: &Example, vocabulary: &BTreeMap<Feature, usize>, config: &BlindConfig) -> [Row; 2] {
    let row = |features: &BTreeSet<Feature>, bounds: &Box2<Model>, weight: f64| Row {
        features: sparse(features, vocabulary, config),
        class: position(bounds),
        weight,
    };
    let reflected = example.reading.features.iter().map(Feature::mirrored).collect();
    [
        row(&example.reading.features, &example.bounds, 1.0),
        row(&reflected, &mirrored(&example.bounds), config.mirrored_report),
    ]
}

fn voters(example: &Example, config: &BlindConfig) -> [Voter; 2] {
    let voter = |bounds: Box2<Model>, weight: f64| Voter {
        finding: example.reading.finding.clone(),
        position: position(&bounds),
        bounds,
        weight,
    };
    [voter(example.bounds, 1.0), voter(mirrored(&example.bounds), config.mirrored_box)]
}

fn sparse(
    features: &BTreeSet<Feature>,
    vocabulary: &BTreeMap<Feature, usize>,
    config: &BlindConfig,
) -> Vec<(usize, f64)> {
    let value = |f: &Feature| if f.kind == FeatureKind::Word { config.word } else { 1.0 };
    features.iter().filter_map(|f| Some((*vocabulary.get(f)?, value(f)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(report: &str, corners: [f64; 4]) -> Example {
        Example { reading: read(report), bounds: Box2::from_xyxy(corners).unwrap() }
    }

    fn learnt() -> BlindEstimator {
        let (left, right) = ([0.6, 0.62, 0.9, 0.9], [0.1, 0.62, 0.4, 0.9]);
        let pairs = (0..6).flat_map(|_| {
            [
                example("There is an effusion at the left base.", left),
                example("There is an effusion at the right base.", right),
                example("Cardiomegaly is present.", [0.3, 0.45, 0.7, 0.8]),
            ]
        });
        BlindEstimator::fit(&pairs.collect::<Vec<_>>(), BlindConfig::default())
    }

    #[test]
    fn the_side_and_the_finding_decide() {
        let learnt = learnt();
        let answer = |report: &str| learnt.answer(&read(report)).unwrap();
        let left = answer("An effusion is seen on the left.");
        assert!(left.bounds.iou(&Box2::from_xyxy([0.6, 0.62, 0.9, 0.9]).unwrap()) > 0.95 && left.confidence > 0.5);
        assert!(answer("An effusion is seen on the right.").bounds.cxcywh()[0] < 0.4);
        assert!(answer("The heart is enlarged.").bounds.iou(&Box2::from_xyxy([0.3, 0.45, 0.7, 0.8]).unwrap()) > 0.9);
    }

    #[test]
    fn nothing_learnt_is_nothing_answered() {
        assert_eq!(BlindEstimator::fit(&[], BlindConfig::default()).answer(&read("Effusion.")), None);
    }

    #[test]
    fn a_report_that_names_nothing_still_gets_a_box() {
        let guess = learnt().answer(&read("")).unwrap();
        assert!(guess.bounds.area() > 0.0 && (0.0..=1.0).contains(&guess.confidence));
    }
}
