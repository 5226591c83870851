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
pub use vote::{Utility, best_box};
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
            mirrored_report: 0.25,
            mirrored_box: 0.5,
            other_finding: 0.05,
            word: 0.5,
            rarest: 3,
            penalty: 2.0,
            utility: Utility { hit: 0.0, softness: 0.1 },
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
    pub fn answer(&self, reading: &Reading) -> Option<Box2<Model>> {
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
        best_box(&votes.collect::<Vec<_>>(), self.config.utility)
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
