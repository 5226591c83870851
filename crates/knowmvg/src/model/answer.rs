//! Decoder output to plain values: boxes on the square, best first. Nothing after this file sees a tensor.

use burn::tensor::Device;

use super::config::ModelConfig;
use super::input::{ImageInput, PhraseInput, SeenImage, collate, collate_phrases};
use super::sight::Sight;
use super::tokenizer::NodeTexts;
use super::trace::{Trace, values};
use super::{GroundingModel, GroundingOutput};
use crate::geometry::{Box2, Model};

/// A query is a box of its own from this presence on.
pub const MIN_PRESENCE: f64 = 0.5;
/// Two boxes of one phrase that overlap this much are one.
const MAX_OVERLAP: f64 = 0.5;

/// One box that the decoder proposes for a phrase.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// On the square.
    pub bounds: Box2<Model>,
    /// Probability that this query shows the phrase, in `[0, 1]`.
    pub presence: f64,
    /// Laplace scale of centre and size, in sizes of the box.
    pub relative_spread: [f64; 4],
    /// Which query proposed it.
    pub query: usize,
}

/// What the decoder says of one phrase.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// All queries, most present first.
    pub candidates: Vec<Candidate>,
    /// How far the knowledge gate opened.
    pub knowledge_gate: f64,
    /// Global attention of the first candidate in the last layer, `[grid * grid]`.
    pub global_map: Vec<f32>,
    /// Highest score of a patch for the phrase, a logit; 0 from a model without proposals.
    pub patch_logit: f64,
}

impl Answer {
    /// Candidates that are boxes of their own: present enough and apart from better ones; the best one always.
    pub fn separate(&self) -> Vec<&Candidate> {
        let mut kept: Vec<&Candidate> = Vec::new();
        for candidate in &self.candidates {
            let is_new = kept.iter().all(|k| k.bounds.iou(&candidate.bounds) < MAX_OVERLAP);
            if kept.is_empty() || (candidate.presence >= MIN_PRESENCE && is_new) {
                kept.push(candidate);
            }
        }
        kept
    }
}

/// Grounds the phrases of a batch of images.
pub fn answer(
    model: &GroundingModel,
    config: &ModelConfig,
    images: &[ImageInput],
    texts: &NodeTexts,
    patch_size: usize,
    device: &Device,
    trace: &mut impl Trace,
) -> Vec<Vec<Answer>> {
    let input = collate(images, texts, config, patch_size, device);
    let output = model.forward(input, config, trace);
    let counts: Vec<usize> = images.iter().map(|i| i.phrases.len()).collect();
    read(&output, config.queries, &counts)
}

/// Grounds phrases on images that were seen before.
pub fn answer_seen(
    model: &GroundingModel,
    config: &ModelConfig,
    images: &[SeenImage],
    texts: &NodeTexts,
    device: &Device,
    trace: &mut impl Trace,
) -> Vec<Vec<Answer>> {
    let sight = Sight::stacked(&images.iter().map(|image| image.sight).collect::<Vec<_>>());
    let asked: Vec<&[PhraseInput]> = images.iter().map(|image| image.phrases.as_slice()).collect();
    let phrases = collate_phrases(&asked, sight.grid.pow(2), texts, config, device);
    let output = model.forward_seen(phrases, &sight, config, trace);
    let counts: Vec<usize> = asked.iter().map(|phrases| phrases.len()).collect();
    read(&output, config.queries, &counts)
}

fn read(output: &GroundingOutput, queries: usize, counts: &[usize]) -> Vec<Vec<Answer>> {
    let last = output.layers.last().expect("a decoder has layers");
    let map = output.global_maps.last().expect("a decoder has layers");
    let [_, rows, patches] = map.dims();
    let phrases = rows / queries;
    let (boxes, presence, spread) = (values(&last.boxes), values(&last.presence_logits), values(&last.log_spread));
    let (maps, gates) = (values(map), values(&output.knowledge_gate));
    let patch_logits = output.patch_boxes.as_ref().map(|said| values(&said.logits.clone().max_dim(2)));
    let answer = |image: usize, phrase: usize| {
        let first = (image * phrases + phrase) * queries;
        let mut candidates: Vec<Candidate> = (0..queries)
            .map(|query| {
                let at = (first + query) * 4..(first + query) * 4 + 4;
                candidate(&boxes[at.clone()], presence[first + query], &spread[at], query)
            })
            .collect();
        candidates.sort_by(|a, b| b.presence.total_cmp(&a.presence).then(a.query.cmp(&b.query)));
        let looked = (first + candidates[0].query) * patches;
        Answer {
            global_map: maps[looked..looked + patches].to_vec(),
            knowledge_gate: f64::from(gates[image * phrases + phrase]),
            patch_logit: patch_logits.as_ref().map_or(0.0, |said| f64::from(said[image * phrases + phrase])),
            candidates,
        }
    };
    counts.iter().enumerate().map(|(image, count)| (0..*count).map(|phrase| answer(image, phrase)).collect()).collect()
}

fn candidate(bounds: &[f32], presence_logit: f32, log_spread: &[f32], query: usize) -> Candidate {
    let square = Box2::from_xyxy([0.0, 0.0, 1.0, 1.0]).expect("a constant box");
    let cxcywh: [f64; 4] = std::array::from_fn(|i| f64::from(bounds[i]));
    // Weights that overflow give NaN, which is no box: the whole square says as little.
    let bounds = Box2::from_cxcywh(cxcywh).map_or(square, |b| b.clamped(&square));
    Candidate {
        bounds,
        presence: 1.0 / (1.0 + f64::from(-presence_logit).exp()),
        relative_spread: std::array::from_fn(|i| f64::from(log_spread[i]).exp()),
        query,
    }
}
