//! The coarse answer of the global look: every patch says how much it looks like the phrase, and what box it lies in.
//!
//! eq. 8: `h = gelu((W_k k) (1 + W_s e) + W_b e)`, `s = w h + λ log(S_p + ε) - 3`, sides `= exp(clamp(W h - 2.3, -6, 0))`,
//! for a patch's key `k` and `e`, the phrase with its knowledge prompt
//!
//! The box of the best patch is voted on by all patches that agree with it, then the best of those that disagree, and so on;
//! the voted boxes are where the decoder starts to look.
//!
//! # Source
//! Boxes from every patch as FCOS (Tian et al., 2019); voting as Gidaris and Komodakis (2015); proposals as first references
//! as two-stage Deformable DETR (Zhu et al., 2021). Conditioning by scale and shift: FiLM (Perez et al., 2018).

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor, TensorData};

use super::config::ModelConfig;
use super::global_local::{PRIOR_EPSILON, PRIOR_WEIGHT_SCALE};
use super::trace::values;

/// Score of a patch before anything is learnt: hardly any patch shows the phrase.
const FIRST_LOGIT: f64 = -3.0;
/// Log of the distance from a patch to the sides of its box before anything is learnt, in fractions of the square.
const FIRST_LOG_SIDE: f64 = -2.3;
/// Patches below this score propose nothing.
const LEAST_LOGIT: f32 = -3.0;
/// Patches whose boxes overlap this much agree.
const AGREEMENT: f32 = 0.6;
/// What overlaps a proposal this much is no other proposal.
const SAME: f32 = 0.5;

/// Proposes boxes for phrases.
#[derive(Module, Debug)]
pub struct ProposalHead {
    patch: Linear,
    scale: Linear,
    shift: Linear,
    score: Linear,
    sides: Linear,
    prior_weight: Param<Tensor<1>>,
}

/// What every patch says about every phrase.
#[derive(Debug, Clone)]
pub struct PatchBoxes {
    /// Whether the patch shows the phrase, `[batch, phrases, patches]`.
    pub logits: Tensor<3>,
    /// Log of the distances from the patch's centre to the left, top, right and bottom side, in fractions of the square,
    /// `[batch, phrases, patches, 4]`.
    pub log_sides: Tensor<4>,
}

/// A box that many patches agree on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// Left, top, right, bottom on the square.
    pub bounds: [f32; 4],
    /// Score of its best patch.
    pub logit: f32,
}

impl ProposalHead {
    /// Randomly initialised.
    pub fn init(config: &ModelConfig, device: &Device) -> Self {
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        let small = |outputs| {
            let quiet = Initializer::Normal { mean: 0.0, std: 0.01 };
            LinearConfig::new(config.proposal_width, outputs).with_initializer(quiet).init(device)
        };
        Self {
            patch: linear(config.width, config.proposal_width),
            scale: linear(config.width, config.proposal_width),
            shift: linear(config.width, config.proposal_width),
            score: small(1),
            sides: small(4),
            prior_weight: Initializer::Constant { value: 0.5 / PRIOR_WEIGHT_SCALE }.init([1], device),
        }
    }

    /// eq. 8.
    ///
    /// # Shapes
    /// - `told`: the phrase with its knowledge, `[batch * phrases, width]`
    /// - `keys`: `[batch, patches, width]`
    /// - `prior`: `[batch, phrases, patches]`, in `[0, 1]`
    pub fn forward(&self, told: Tensor<2>, keys: Tensor<3>, prior: Tensor<3>) -> PatchBoxes {
        let [batch, phrases, patches] = prior.dims();
        let patch = self.patch.forward(keys).unsqueeze_dim::<4>(1);
        let [_, _, _, width] = patch.dims();
        let per_phrase = |rows: Tensor<2>| rows.reshape([batch, phrases, 1, width]);
        let scale = per_phrase(self.scale.forward(told.clone())) + 1.0;
        let hidden = gelu(patch * scale + per_phrase(self.shift.forward(told)));
        let weight = self.prior_weight.val() * PRIOR_WEIGHT_SCALE;
        let log_prior = (prior + PRIOR_EPSILON).log() * weight.unsqueeze::<3>();
        let scores = self.score.forward(hidden.clone()).reshape([batch, phrases, patches]);
        PatchBoxes {
            logits: scores + FIRST_LOGIT + log_prior,
            log_sides: (self.sides.forward(hidden) + FIRST_LOG_SIDE).clamp(-6.0, 0.0),
        }
    }
}

/// Centres of the patches, `[patches * 2]`, x and y in fractions of the square, row-major.
pub fn patch_centres(grid: usize) -> Vec<f32> {
    let at = |i: usize| (i as f32 + 0.5) / grid as f32;
    (0..grid * grid).flat_map(|i| [at(i % grid), at(i / grid)]).collect()
}

impl PatchBoxes {
    /// Corners of every patch's box, `[batch, phrases, patches, 4]`.
    pub fn corners(&self) -> Tensor<4> {
        let [batch, phrases, patches, _] = self.log_sides.dims();
        let sides = self.log_sides.clone().exp();
        let centres = TensorData::new(patch_centres(patches.isqrt()), [1, 1, patches, 2]);
        let centres = Tensor::<4>::from_data(centres, &sides.device()).expand([batch, phrases, patches, 2]);
        let part = |from: usize| sides.clone().slice([0..batch, 0..phrases, 0..patches, from..from + 2]);
        Tensor::cat(vec![centres.clone() - part(0), centres + part(2)], 3)
    }

    /// The best boxes of each phrase, at most `count`, best first; phrases in the order `[batch * phrases]`.
    pub fn propose(&self, count: usize) -> Vec<Vec<Proposal>> {
        let [_, _, patches] = self.logits.dims();
        let (logits, corners) = (values(&self.logits), values(&self.corners()));
        let boxes: Vec<[f32; 4]> =
            corners.chunks_exact(4).map(|c| [c[0], c[1], c[2], c[3]].map(|v| v.clamp(0.0, 1.0))).collect();
        logits.chunks_exact(patches).zip(boxes.chunks_exact(patches)).map(|(l, b)| vote(l, b, count)).collect()
    }
}

/// Takes the box of the best patch, lets all patches that agree with it vote, and goes on with the patches that disagree.
fn vote(logits: &[f32], boxes: &[[f32; 4]], count: usize) -> Vec<Proposal> {
    let mut open: Vec<usize> = (0..logits.len()).filter(|i| logits[*i] >= LEAST_LOGIT).collect();
    let mut chosen = Vec::new();
    while chosen.len() < count {
        let Some(best) = open.iter().copied().max_by(|a, b| logits[*a].total_cmp(&logits[*b]).then(b.cmp(a))) else {
            break;
        };
        let mut sum = [0.0; 4];
        let mut total = 0.0;
        for &voter in open.iter().filter(|i| iou(&boxes[**i], &boxes[best]) >= AGREEMENT || **i == best) {
            let weight = (1.0 / (1.0 + (-logits[voter]).exp())).powi(2);
            total += weight;
            sum.iter_mut().zip(boxes[voter]).for_each(|(s, corner)| *s += weight * corner);
        }
        let bounds = sum.map(|s| s / total);
        open.retain(|i| *i != best && iou(&boxes[*i], &bounds) < SAME);
        chosen.push(Proposal { bounds, logit: logits[best] });
    }
    chosen
}

fn iou(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let overlap = |low: usize| (a[low + 2].min(b[low + 2]) - a[low].max(b[low])).max(0.0);
    let area = |c: &[f32; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    let intersection = overlap(0) * overlap(1);
    intersection / (area(a) + area(b) - intersection).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_that_agree_share_one_proposal() {
        let near = |shift: f32| [0.1 + shift, 0.1, 0.3 + shift, 0.3];
        let far = [0.6, 0.6, 0.9, 0.9];
        let boxes = [near(0.0), near(0.01), far, near(-0.01)];
        let found = vote(&[2.0, 2.0, 1.0, 2.0], &boxes, 4);
        assert_eq!(found.len(), 2);
        assert!(iou(&found[0].bounds, &near(0.0)) > 0.99 && found[0].logit == 2.0);
        assert_eq!((found[1].bounds, found[1].logit), (far, 1.0));
    }

    #[test]
    fn patches_that_show_nothing_propose_nothing() {
        assert!(vote(&[-3.1, -8.0], &[[0.0, 0.0, 1.0, 1.0]; 2], 4).is_empty());
        assert_eq!(vote(&[0.0; 9], &[[0.0, 0.0, 0.5, 0.5]; 9], 4).len(), 1);
    }
}
