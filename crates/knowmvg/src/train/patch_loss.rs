//! What the patches should say: which of them show a phrase, and in what box they lie.
//!
//! A patch inside a true box should score how central it lies, so that those which see both sides of the box are believed
//! most; one outside, and every patch where the phrase is false, should score 0. The error counts squared on top of the
//! cross-entropy, so that the many easy patches do not drown the few hard ones. Where only the image as a whole is labelled,
//! the patches with the highest scores should be sure.
//!
//! # Source
//! Centredness: FCOS (Tian et al., 2019, eq. 3). Soft targets in a focal loss: generalized focal loss (Li et al., 2020, eq. 5).
//! Attention pooling of image labels: Ilse et al. (2018), with the scores themselves as attention.

use burn::tensor::activation::{log_sigmoid, sigmoid, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::criterion::{Target, Targets, corner_giou};
use crate::geometry::{Box2, Model};
use crate::model::proposals::{PatchBoxes, patch_centres};

/// Least score of a patch inside a true box.
const LEAST_CENTREDNESS: f32 = 0.1;
/// Smallest distance whose logarithm is asked for: a patch beside a tiny box has sides on its wrong side.
///
/// # Units
/// Fractions of the square.
const LEAST_SIDE: f32 = 2.5e-3;
/// Share of the log distances beside GIoU.
const SIDES_SHARE: f64 = 0.5;

/// One patch inside a true box.
struct Inside {
    /// In `[batch * phrases * patches]`.
    row: usize,
    bounds: [f32; 4],
    centredness: f32,
    weight: f32,
}

/// The score term and the box term of a batch, each a mean over phrases by their weights.
pub(super) fn loss(said: &PatchBoxes, targets: &Targets) -> (Tensor<1>, Tensor<1>) {
    let [batch, phrases, patches] = said.logits.dims();
    let device = said.logits.device();
    let rows: Vec<Option<&Target>> =
        (0..batch * phrases).map(|i| targets[i / phrases].get(i % phrases).and_then(Option::as_ref)).collect();
    let inside: Vec<Inside> =
        rows.iter().enumerate().flat_map(|(row, target)| insiders(row, *target, patches)).collect();
    let logits = said.logits.clone().reshape([batch * phrases, patches]);
    let scores = score(&logits, &rows, &inside, &device) + pooled(logits, &rows, &device);
    (scores, boxes(said, &inside, &rows, &device))
}

/// The patches inside the boxes of a phrase; where boxes overlap, the smaller one counts. A box between the centres of all
/// patches belongs to the nearest.
fn insiders(row: usize, target: Option<&Target>, patches: usize) -> Vec<Inside> {
    let Some(target) = target else { return vec![] };
    let centres = patch_centres(patches.isqrt());
    let mut found: Vec<Option<Inside>> = (0..patches).map(|_| None).collect();
    let mut boxes: Vec<&Box2<Model>> = target.boxes.iter().collect();
    boxes.sort_by(|a, b| b.area().total_cmp(&a.area()));
    for bounds in boxes {
        let corners = bounds.xyxy().map(|c| c as f32);
        let mut any = false;
        let inside = |centredness, patch| {
            Some(Inside { row: row * patches + patch, bounds: corners, centredness, weight: target.weight })
        };
        for (patch, centre) in centres.chunks_exact(2).enumerate() {
            if let Some(centredness) = centredness(&corners, centre) {
                found[patch] = inside(centredness, patch);
                any = true;
            }
        }
        if !any {
            let nearest = nearest(&centres, &corners);
            found[nearest] = inside(1.0, nearest);
        }
    }
    found.into_iter().flatten().collect()
}

/// `None` outside.
fn centredness([x0, y0, x1, y1]: &[f32; 4], centre: &[f32]) -> Option<f32> {
    let [left, top, right, bottom] = [centre[0] - x0, centre[1] - y0, x1 - centre[0], y1 - centre[1]];
    let is_inside = [left, top, right, bottom].iter().all(|side| *side > 0.0);
    let ratio = |a: f32, b: f32| a.min(b) / a.max(b);
    is_inside.then(|| (ratio(left, right) * ratio(top, bottom)).sqrt().max(LEAST_CENTREDNESS))
}

fn nearest(centres: &[f32], corners: &[f32; 4]) -> usize {
    let middle = [(corners[0] + corners[2]) / 2.0, (corners[1] + corners[3]) / 2.0];
    let distance = |c: &[f32]| (c[0] - middle[0]).powi(2) + (c[1] - middle[1]).powi(2);
    let nearest = centres.chunks_exact(2).enumerate().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
    nearest.map_or(0, |(patch, _)| patch)
}

/// Weights of the phrases that `counts` accepts, as shares of all phrases' weight.
fn shares(rows: &[Option<&Target>], counts: impl Fn(&Target) -> bool) -> Vec<f32> {
    let total: f32 = rows.iter().flatten().map(|t| t.weight).sum::<f32>().max(1e-6);
    rows.iter().map(|t| t.filter(|t| counts(t)).map_or(0.0, |t| t.weight / total)).collect()
}

/// Focal cross-entropy over all patches of a phrase, over the sum of its targets.
fn score(logits: &Tensor<2>, rows: &[Option<&Target>], inside: &[Inside], device: &Device) -> Tensor<1> {
    let [count, patches] = logits.dims();
    let mut wanted = vec![0.0_f32; count * patches];
    inside.iter().for_each(|i| wanted[i.row] = i.centredness);
    let mut weights = shares(rows, |t| !t.is_unlocated);
    for (weight, row) in weights.iter_mut().zip(wanted.chunks_exact(patches)) {
        *weight /= row.iter().sum::<f32>().max(1.0);
    }
    let wanted = Tensor::<2>::from_data(TensorData::new(wanted, [count, patches]), device);
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [count, 1]), device);
    let yes = log_sigmoid(logits.clone()) * wanted.clone();
    let no = log_sigmoid(logits.clone().neg()) * (wanted.clone().neg() + 1.0);
    let error = (sigmoid(logits.clone()) - wanted).square().detach();
    ((yes + no) * error * weights).sum().neg()
}

/// Cross-entropy of the pooled score where only the image as a whole is labelled.
fn pooled(logits: Tensor<2>, rows: &[Option<&Target>], device: &Device) -> Tensor<1> {
    let [count, _] = logits.dims();
    let weights = Tensor::<2>::from_data(TensorData::new(shares(rows, |t| t.is_unlocated), [count, 1]), device);
    let attention = softmax(logits.clone(), 1).detach();
    (log_sigmoid((logits * attention).sum_dim(1)) * weights).sum().neg()
}

/// GIoU and log distances of the patches inside, a mean over them by centredness, then over phrases by weight.
fn boxes(said: &PatchBoxes, inside: &[Inside], rows: &[Option<&Target>], device: &Device) -> Tensor<1> {
    if inside.is_empty() {
        return Tensor::zeros([1], device);
    }
    let [batch, phrases, patches, _] = said.log_sides.dims();
    let count = inside.len();
    let index: Vec<i32> = inside.iter().map(|i| i.row as i32).collect();
    let index = Tensor::<1, Int>::from_data(TensorData::new(index, [count]), device);
    let log_sides = said.log_sides.clone().reshape([batch * phrases * patches, 4]).select(0, index);
    let rows_of = |values: Vec<f32>| {
        let columns = values.len() / count;
        Tensor::<2>::from_data(TensorData::new(values, [count, columns]), device)
    };
    let centres = patch_centres(patches.isqrt());
    let centre = |i: &Inside| [centres[i.row % patches * 2], centres[i.row % patches * 2 + 1]];
    let at = rows_of(inside.iter().flat_map(centre).collect());
    let truth = |from: usize| rows_of(inside.iter().flat_map(|i| [i.bounds[from], i.bounds[from + 1]]).collect());
    let true_sides = |i: &Inside| {
        let [x, y] = centre(i);
        [x - i.bounds[0], y - i.bounds[1], i.bounds[2] - x, i.bounds[3] - y].map(|side| side.max(LEAST_SIDE).ln())
    };
    let side_error = (log_sides.clone() - rows_of(inside.iter().flat_map(true_sides).collect())).abs().mean_dim(1);
    let sides = log_sides.exp();
    let corners = [at.clone() - sides.clone().narrow(1, 0, 2), at + sides.narrow(1, 2, 2)];
    let overlap = corner_giou(corners, [truth(0), truth(2)]);
    let weights = rows_of(box_weights(inside, rows, patches));
    ((overlap.neg() + 1.0 + side_error * SIDES_SHARE) * weights).sum()
}

/// Centredness over its sum in the phrase, times the phrase's share.
fn box_weights(inside: &[Inside], rows: &[Option<&Target>], patches: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f32; rows.len()];
    inside.iter().for_each(|i| sums[i.row / patches] += i.centredness);
    let total: f32 = rows.iter().flatten().filter(|t| !t.boxes.is_empty()).map(|t| t.weight).sum();
    inside.iter().map(|i| i.centredness / sums[i.row / patches] * i.weight / total.max(1e-6)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(corners: [f64; 4]) -> Target {
        Target { boxes: vec![Box2::from_xyxy(corners).unwrap()], is_unlocated: false, weight: 1.0 }
    }

    #[test]
    fn the_middle_is_wanted_most_and_a_tiny_box_has_one_patch() {
        let found = insiders(1, Some(&target([0.0, 0.0, 1.0, 1.0])), 25);
        assert_eq!(found.len(), 25);
        let middle = found.iter().find(|i| i.row == 25 + 12).unwrap();
        assert!((middle.centredness - 1.0).abs() < 1e-6 && found.iter().all(|i| i.centredness <= middle.centredness));
        let tiny = insiders(0, Some(&target([0.21, 0.21, 0.22, 0.22])), 25);
        assert_eq!(tiny.iter().map(|i| i.row).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn the_smaller_of_two_boxes_counts() {
        let both = Target {
            boxes: vec![Box2::from_xyxy([0.4, 0.4, 0.6, 0.6]).unwrap(), Box2::from_xyxy([0.0, 0.0, 1.0, 1.0]).unwrap()],
            is_unlocated: false,
            weight: 1.0,
        };
        let found = insiders(0, Some(&both), 25);
        assert_eq!(found[12].bounds, [0.4, 0.4, 0.6, 0.6]);
        assert_eq!(found[0].bounds, [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn saying_the_truth_costs_nearly_nothing() {
        let device = Device::flex();
        let bounds = [0.2_f32, 0.2, 0.8, 0.8];
        let targets = vec![vec![Some(target(bounds.map(f64::from)))]];
        let centres = patch_centres(5);
        let said = |sure: f32, off: f32| {
            let wanted =
                centres.chunks_exact(2).map(|c| centredness(&bounds, c).unwrap_or(0.0).clamp(1e-4, 1.0 - 1e-4));
            let logits: Vec<f32> = wanted.map(|w| (w / (1.0 - w)).ln() * sure).collect();
            let sides = centres.chunks_exact(2).flat_map(|c| {
                [c[0] - bounds[0], c[1] - bounds[1], bounds[2] - c[0], bounds[3] - c[1]]
                    .map(|s| s.max(LEAST_SIDE).ln() + off)
            });
            PatchBoxes {
                logits: Tensor::from_data(TensorData::new(logits, [1, 1, 25]), &device),
                log_sides: Tensor::from_data(TensorData::new(sides.collect::<Vec<f32>>(), [1, 1, 25, 4]), &device),
            }
        };
        let terms = |said: &PatchBoxes| {
            let (score, sides) = loss(said, &targets);
            [score, sides].map(|t| crate::model::trace::values(&t)[0])
        };
        let [score, sides] = terms(&said(1.0, 0.0));
        assert!(score < 1e-4 && sides < 1e-3, "{score} {sides}");
        let [worse_score, worse_sides] = terms(&said(-1.0, 0.3));
        assert!(worse_score > score + 0.1 && worse_sides > sides + 0.1, "{worse_score} {worse_sides}");
    }
}
