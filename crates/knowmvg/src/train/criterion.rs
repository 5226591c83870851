//! What training minimises, apart from the model.
//!
//! Per phrase, predicted boxes are assigned to true ones by the least cost (Hungarian matching; with at most six
//! queries every assignment is tried). Then, after every layer: L1 and GIoU of assigned boxes, presence of every query,
//! Laplace likelihood of the spread, and the share of the global attention inside the true box; and once, the contrast
//! of phrase and region with the mirrored box as a hard negative, and what the patches say (`patch_loss`).
//!
//! # Source
//! Matching, L1 and GIoU as DETR (Carion et al., 2020); contrast as MedRPG (Chen et al., 2023), with the mirrored box ours.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::patch_loss;
use crate::geometry::{Box2, Model};
use crate::image::augment::mirrored;
use crate::model::box_head::Boxes;
use crate::model::trace::values;
use crate::model::{Alignment, GroundingOutput};

/// Weights of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// L1 of centre and size.
    pub l1: f64,
    /// 1 - GIoU.
    pub giou: f64,
    /// Presence of every query.
    pub presence: f64,
    /// Attention inside the box.
    pub attention: f64,
    /// Laplace likelihood of the spread.
    pub spread: f64,
    /// Phrase and region.
    pub contrast: f64,
    /// Which patches show the phrase.
    pub patch_score: f64,
    /// The boxes of the patches that do.
    pub patch_box: f64,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            l1: 5.0,
            giou: 2.0,
            presence: 1.0,
            attention: 0.5,
            spread: 0.1,
            contrast: 0.1,
            patch_score: 1.0,
            patch_box: 1.0,
        }
    }
}

/// The truth about one phrase.
#[derive(Debug, Clone)]
pub struct Target {
    /// Boxes that show the phrase; none if it is false of the image, or if nobody drew them.
    pub boxes: Vec<Box2<Model>>,
    /// The image shows the phrase, but nobody said where: only the image as a whole is labelled.
    pub is_unlocated: bool,
    /// How much the phrase counts.
    pub weight: f32,
}

/// Truth of a batch, `[batch][phrases]`; images with fewer phrases than the batch's longest are padded by `None`.
pub type Targets = Vec<Vec<Option<Target>>>;

/// The terms of one batch, before weighting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LossTerms {
    pub total: f64,
    pub l1: f64,
    pub giou: f64,
    pub presence: f64,
    pub attention: f64,
    pub spread: f64,
    pub contrast: f64,
    pub patch_score: f64,
    pub patch_box: f64,
}

impl LossTerms {
    /// Every term with its name, the total first.
    pub fn named(&self) -> [(&'static str, f64); 9] {
        [
            ("total", self.total),
            ("l1", self.l1),
            ("giou", self.giou),
            ("presence", self.presence),
            ("attention", self.attention),
            ("spread", self.spread),
            ("contrast", self.contrast),
            ("patch_score", self.patch_score),
            ("patch_box", self.patch_box),
        ]
    }

    /// Adds a share of other terms.
    pub fn add(&mut self, other: &Self, share: f64) {
        self.total += other.total * share;
        self.l1 += other.l1 * share;
        self.giou += other.giou * share;
        self.presence += other.presence * share;
        self.attention += other.attention * share;
        self.spread += other.spread * share;
        self.contrast += other.contrast * share;
        self.patch_score += other.patch_score * share;
        self.patch_box += other.patch_box * share;
    }
}

/// Random boxes beside the true and the mirrored one in the contrast.
const RANDOM_NEGATIVES: usize = 4;
/// Temperature of the contrast.
const TEMPERATURE: f64 = 0.1;

/// Cost of taking the next query: most phrases have one box, and it should be the first query's, or which query is right
/// would be decided anew, by chance, at every step.
const LATER_QUERY: f64 = 1.0;

/// One assigned pair of query and box.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pair {
    /// Row in `[batch * phrases * queries]`.
    row: usize,
    bounds: [f64; 4],
    weight: f32,
}

/// The loss of a batch and its terms.
pub fn loss(
    output: &GroundingOutput,
    targets: &Targets,
    queries: usize,
    weights: &LossWeights,
    rng: &mut impl Rng,
) -> (Tensor<1>, LossTerms) {
    let last = output.layers.last().expect("a decoder has layers");
    let device = last.boxes.device();
    let pairs = assign(last, targets, queries);
    let assigned = Assigned::new(&pairs, &device);
    let presence_targets = PresenceTargets::new(&pairs, targets, &last.presence_logits, queries);
    let grid = (output.global_maps[0].dims()[2] as f64).sqrt().round() as usize;
    let inside = inside_maps(&pairs, grid, &device);

    let zero = || Tensor::<1>::zeros([1], &device);
    let mut sums = [zero(), zero(), zero(), zero(), zero()];
    for (boxes, map) in output.layers.iter().zip(&output.global_maps) {
        let terms = [
            presence_targets.loss(&boxes.presence_logits),
            assigned.l1(&boxes.boxes),
            assigned.giou(&boxes.boxes),
            assigned.spread(boxes),
            assigned.attention(map, &inside),
        ];
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum = sum.clone() + term / output.layers.len() as f64;
        }
    }
    let contrast = contrast(&output.alignment, targets, grid, rng);
    let [presence, l1, giou, spread, attention] = sums;
    let said = output.patch_boxes.as_ref();
    let (patch_score, patch_box) = said.map_or_else(|| (zero(), zero()), |said| patch_loss::loss(said, targets));
    let total = presence.clone() * weights.presence
        + l1.clone() * weights.l1
        + giou.clone() * weights.giou
        + spread.clone() * weights.spread
        + attention.clone() * weights.attention
        + contrast.clone() * weights.contrast
        + patch_score.clone() * weights.patch_score
        + patch_box.clone() * weights.patch_box;
    let read = |t: &Tensor<1>| f64::from(values(t)[0]);
    let terms = LossTerms {
        total: read(&total),
        l1: read(&l1),
        giou: read(&giou),
        presence: read(&presence),
        attention: read(&attention),
        spread: read(&spread),
        contrast: read(&contrast),
        patch_score: read(&patch_score),
        patch_box: read(&patch_box),
    };
    (total, terms)
}

/// Least-cost assignment of true boxes to queries, phrase by phrase.
fn assign(boxes: &Boxes, targets: &Targets, queries: usize) -> Vec<Pair> {
    let predicted = values(&boxes.boxes);
    let presence = values(&boxes.presence_logits);
    let phrases = targets.iter().map(Vec::len).max().unwrap_or(0);
    let mut pairs = Vec::new();
    for (image, row) in targets.iter().enumerate() {
        for (phrase, target) in row.iter().enumerate() {
            let Some(target) = target else { continue };
            let first = (image * phrases + phrase) * queries;
            let truth: Vec<&Box2<Model>> = target.boxes.iter().take(queries).collect();
            let cost: Vec<Vec<f64>> = truth
                .iter()
                .map(|t| {
                    (0..queries)
                        .map(|q| {
                            q as f64 * LATER_QUERY
                                + cost(&predicted[(first + q) * 4..(first + q) * 4 + 4], presence[first + q], t)
                        })
                        .collect()
                })
                .collect();
            for (index, query) in least_cost(&cost, queries).into_iter().enumerate() {
                pairs.push(Pair { row: first + query, bounds: truth[index].cxcywh(), weight: target.weight });
            }
        }
    }
    pairs
}

fn cost(predicted: &[f32], presence_logit: f32, truth: &Box2<Model>) -> f64 {
    let p: [f64; 4] = std::array::from_fn(|i| f64::from(predicted[i]));
    let l1: f64 = p.iter().zip(truth.cxcywh()).map(|(a, b)| (a - b).abs()).sum();
    let giou = Box2::from_cxcywh(p).map_or(-1.0, |b| b.giou(truth));
    let presence = 1.0 / (1.0 + f64::from(-presence_logit).exp());
    5.0 * l1 + 2.0 * (1.0 - giou) - presence
}

/// For each row of `cost` its column, all different, with the least sum: depth-first over at most six columns.
fn least_cost(cost: &[Vec<f64>], columns: usize) -> Vec<usize> {
    fn search(cost: &[Vec<f64>], columns: usize, chosen: &mut Vec<usize>, sum: f64, best: &mut (f64, Vec<usize>)) {
        // Costs may be negative, so a partial sum can still improve and nothing is cut before the end.
        if chosen.len() == cost.len() {
            if sum < best.0 {
                *best = (sum, chosen.clone());
            }
            return;
        }
        for column in 0..columns {
            if !chosen.contains(&column) {
                chosen.push(column);
                search(cost, columns, chosen, sum + cost[chosen.len() - 1][column], best);
                chosen.pop();
            }
        }
    }
    let mut best = (f64::INFINITY, (0..cost.len()).collect());
    search(cost, columns, &mut Vec::new(), 0.0, &mut best);
    best.1
}

/// The assigned pairs as tensors.
struct Assigned {
    rows: Option<Tensor<1, Int>>,
    bounds: Tensor<2>,
    weights: Tensor<2>,
}

impl Assigned {
    fn new(pairs: &[Pair], device: &Device) -> Self {
        let count = pairs.len().max(1);
        let total: f32 = pairs.iter().map(|p| p.weight).sum::<f32>().max(1e-6);
        let rows: Vec<i32> = pairs.iter().map(|p| p.row as i32).collect();
        let bounds: Vec<f32> = pairs
            .iter()
            .flat_map(|p| p.bounds.map(|c| c as f32))
            .chain(std::iter::repeat(0.5))
            .take(count * 4)
            .collect();
        let weights: Vec<f32> =
            pairs.iter().map(|p| p.weight / total).chain(std::iter::repeat(0.0)).take(count).collect();
        Self {
            rows: (!pairs.is_empty()).then(|| Tensor::from_data(TensorData::new(rows, [count]), device)),
            bounds: Tensor::from_data(TensorData::new(bounds, [count, 4]), device),
            weights: Tensor::from_data(TensorData::new(weights, [count, 1]), device),
        }
    }

    /// The rows of a `[batch, phrases * queries, width]` tensor that are assigned; the first row if none is, which the
    /// zero weight then removes.
    fn pick(&self, tensor: &Tensor<3>) -> Tensor<2> {
        let [batch, rows, width] = tensor.dims();
        let flat = tensor.clone().reshape([batch * rows, width]);
        match &self.rows {
            Some(index) => flat.select(0, index.clone()),
            None => flat.narrow(0, 0, 1),
        }
    }

    fn weighted(&self, per_pair: Tensor<2>) -> Tensor<1> {
        (per_pair * self.weights.clone()).sum()
    }

    fn l1(&self, boxes: &Tensor<3>) -> Tensor<1> {
        self.weighted((self.pick(boxes) - self.bounds.clone()).abs().sum_dim(1))
    }

    fn giou(&self, boxes: &Tensor<3>) -> Tensor<1> {
        self.weighted(giou(self.pick(boxes), self.bounds.clone()).neg() + 1.0)
    }

    /// Negative log likelihood of the error under a Laplace distribution; the box itself is left alone.
    fn spread(&self, boxes: &Boxes) -> Tensor<1> {
        let predicted = self.pick(&boxes.boxes).detach();
        let [count, _] = predicted.dims();
        let size = predicted.clone().slice([0..count, 2..4]).clamp_min(0.01);
        let error = (predicted - self.bounds.clone()).abs() / Tensor::cat(vec![size.clone(), size], 1);
        let log_spread = self.pick(&boxes.log_spread);
        self.weighted((error * log_spread.clone().neg().exp() + log_spread).mean_dim(1))
    }

    /// KL divergence from a flat distribution inside the true box to the attention, up to a constant.
    fn attention(&self, map: &Tensor<3>, inside: &Tensor<2>) -> Tensor<1> {
        let log_map = (self.pick(map) + 1e-6).log();
        self.weighted((log_map * inside.clone()).sum_dim(1).neg())
    }
}

/// Row-wise GIoU of boxes by centre and size.
fn giou(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let [count, _] = a.dims();
    let corners = |t: &Tensor<2>| {
        let centre = t.clone().slice([0..count, 0..2]);
        let half = t.clone().slice([0..count, 2..4]) / 2.0;
        [centre.clone() - half.clone(), centre + half]
    };
    corner_giou(corners(&a), corners(&b))
}

/// Row-wise GIoU of boxes by their low and high corners.
pub(super) fn corner_giou([a_low, a_high]: [Tensor<2>; 2], [b_low, b_high]: [Tensor<2>; 2]) -> Tensor<2> {
    let area = |low: &Tensor<2>, high: &Tensor<2>| (high.clone() - low.clone()).clamp_min(0.0).prod_dim(1);
    let intersection = area(&a_low.clone().max_pair(b_low.clone()), &a_high.clone().min_pair(b_high.clone()));
    let union = area(&a_low, &a_high) + area(&b_low, &b_high) - intersection.clone();
    let hull = area(&a_low.min_pair(b_low), &a_high.max_pair(b_high)).clamp_min(1e-9);
    intersection / union.clone().clamp_min(1e-9) - (hull.clone() - union) / hull
}

/// Whether each query of each real phrase shows something. Of a phrase that nobody located, the surest query is asked to be
/// sure and the others are asked nothing: one of them is right, which one is not known.
struct PresenceTargets {
    targets: Tensor<3>,
    weights: Tensor<3>,
}

impl PresenceTargets {
    fn new(pairs: &[Pair], targets: &Targets, logits: &Tensor<3>, queries: usize) -> Self {
        let said = values(logits);
        let phrases = targets.iter().map(Vec::len).max().unwrap_or(0);
        let mut is_present = vec![0.0_f32; said.len()];
        let mut weights = vec![0.0_f32; said.len()];
        pairs.iter().for_each(|p| is_present[p.row] = 1.0);
        for (image, row) in targets.iter().enumerate() {
            for (phrase, target) in row.iter().enumerate() {
                let Some(target) = target else { continue };
                let first = (image * phrases + phrase) * queries;
                if target.is_unlocated {
                    let surest = surest(&said[first..first + queries]);
                    is_present[first + surest] = 1.0;
                    weights[first + surest] = target.weight;
                } else {
                    weights[first..first + queries].fill(target.weight);
                }
            }
        }
        let total: f32 = targets.iter().flatten().flatten().map(|t| t.weight).sum::<f32>().max(1e-6);
        weights.iter_mut().for_each(|w| *w /= total);
        let tensor = |numbers: Vec<f32>| Tensor::from_data(TensorData::new(numbers, logits.dims()), &logits.device());
        Self { targets: tensor(is_present), weights: tensor(weights) }
    }

    /// Binary cross-entropy, summed over the queries of a phrase, averaged over phrases.
    fn loss(&self, logits: &Tensor<3>) -> Tensor<1> {
        let present = log_sigmoid(logits.clone()) * self.targets.clone();
        let absent = log_sigmoid(logits.clone().neg()) * (self.targets.clone().neg() + 1.0);
        ((present + absent) * self.weights.clone()).sum().neg()
    }
}

/// The first of the highest logits.
fn surest(logits: &[f32]) -> usize {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    best.map_or(0, |(query, _)| query)
}

/// Flat distributions over the patches inside each pair's box.
///
/// # Shapes
/// Returns `[pairs, grid * grid]`, rows summing to 1.
fn inside_maps(pairs: &[Pair], grid: usize, device: &Device) -> Tensor<2> {
    let count = pairs.len().max(1);
    let mut out: Vec<f32> = Vec::with_capacity(count * grid * grid);
    for pair in pairs {
        let bounds = Box2::from_cxcywh(pair.bounds).expect("truth is a box");
        out.extend(box_mask(&bounds, grid));
    }
    out.resize(count * grid * grid, 0.0);
    Tensor::from_data(TensorData::new(out, [count, grid * grid]), device)
}

/// Share of each patch inside a box, normalised to sum to 1.
fn box_mask(bounds: &Box2<Model>, grid: usize) -> Vec<f32> {
    let [x0, y0, x1, y1] = bounds.xyxy().map(|c| c * grid as f64);
    let share = |cell: usize, low: f64, high: f64| (high.min(cell as f64 + 1.0) - low.max(cell as f64)).clamp(0.0, 1.0);
    let cols: Vec<f64> = (0..grid).map(|c| share(c, x0, x1.max(x0 + 1e-3))).collect();
    let rows: Vec<f64> = (0..grid).map(|r| share(r, y0, y1.max(y0 + 1e-3))).collect();
    let total = (cols.iter().sum::<f64>() * rows.iter().sum::<f64>()).max(1e-9);
    rows.iter().flat_map(|r| cols.iter().map(move |c| (r * c / total) as f32)).collect()
}

/// InfoNCE between each phrase and the region of its first box, against its mirror image and random boxes.
fn contrast(alignment: &Alignment, targets: &Targets, grid: usize, rng: &mut impl Rng) -> Tensor<1> {
    let device = alignment.patches.device();
    let [batch, phrases, width] = alignment.phrases.dims();
    let candidates = RANDOM_NEGATIVES + 2;
    let mut masks: Vec<f32> = Vec::with_capacity(batch * phrases * candidates * grid * grid);
    let mut weights = Vec::with_capacity(batch * phrases);
    for row in targets {
        for phrase in 0..phrases {
            let target = row.get(phrase).and_then(Option::as_ref).filter(|t| !t.boxes.is_empty());
            weights.push(target.map_or(0.0, |t| t.weight));
            match target {
                Some(target) => regions(&target.boxes, rng).iter().for_each(|b| masks.extend(box_mask(b, grid))),
                None => masks.resize(masks.len() + candidates * grid * grid, 0.0),
            }
        }
    }
    let total = weights.iter().sum::<f32>().max(1e-6);
    let weights: Vec<f32> = weights.into_iter().map(|w| w / total).collect();
    let masks = Tensor::<3>::from_data(TensorData::new(masks, [batch, phrases * candidates, grid * grid]), &device);
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [batch * phrases, 1]), &device);
    let regions = unit(masks.matmul(alignment.patches.clone())).reshape([batch * phrases, candidates, width]);
    let phrase = unit(alignment.phrases.clone()).reshape([batch * phrases, width, 1]);
    let similarities: Tensor<2> = regions.matmul(phrase).squeeze_dim(2);
    let log_probs = log_softmax(similarities / TEMPERATURE, 1);
    (log_probs.slice([0..batch * phrases, 0..1]) * weights).sum().neg()
}

/// The true box, its mirror image (or another random box, if the two overlap), and random boxes off the truth.
fn regions(boxes: &[Box2<Model>], rng: &mut impl Rng) -> Vec<Box2<Model>> {
    let truth = boxes[0];
    let is_negative = |b: &Box2<Model>| boxes.iter().all(|t| t.iou(b) < 0.25);
    let [_, _, width, height] = truth.cxcywh();
    let mut random = || {
        let mut candidate = mirrored(&truth);
        for _ in 0..10 {
            let x0 = rng.random_range(0.0..=(1.0 - width).max(0.0));
            let y0 = rng.random_range(0.0..=(1.0 - height).max(0.0));
            candidate = Box2::from_xywh([x0, y0, width, height]).expect("sizes of a box");
            if is_negative(&candidate) {
                break;
            }
        }
        candidate
    };
    let mirror = Some(mirrored(&truth)).filter(is_negative).unwrap_or_else(&mut random);
    let mut regions = vec![truth, mirror];
    regions.extend((0..RANDOM_NEGATIVES).map(|_| random()));
    regions
}

fn unit(rows: Tensor<3>) -> Tensor<3> {
    let norm = rows.clone().square().sum_dim(2).clamp_min(1e-8).sqrt();
    rows / norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_assignment_is_found() {
        let cost = vec![vec![1.0, 0.0, 5.0], vec![0.0, -0.5, 5.0]];
        assert_eq!(least_cost(&cost, 3), vec![1, 0]);
    }

    #[test]
    fn tensor_giou_agrees_with_geometry() {
        let device = Device::flex();
        let boxes = [[0.3, 0.3, 0.2, 0.4], [0.7, 0.6, 0.1, 0.1], [0.5, 0.5, 0.5, 0.5]];
        for a in boxes {
            for b in boxes {
                let tensor = |c: [f64; 4]| {
                    Tensor::<2>::from_data(TensorData::new(c.map(|v| v as f32).to_vec(), [1, 4]), &device)
                };
                let exact = Box2::<Model>::from_cxcywh(a).unwrap().giou(&Box2::from_cxcywh(b).unwrap());
                assert!((f64::from(values(&giou(tensor(a), tensor(b)))[0]) - exact).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_box_mask_sums_to_one() {
        let bounds = Box2::<Model>::from_xyxy([0.11, 0.2, 0.37, 0.9]).unwrap();
        assert!((box_mask(&bounds, 32).iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
