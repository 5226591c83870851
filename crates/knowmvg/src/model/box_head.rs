//! Query states to boxes, presence and spread.
//!
//! eq. 7: the centre moves by `Δc` reference sizes and the size is multiplied by `exp(Δs)`.
//!
//! # Departures
//! The usual form is `b = sigmoid(logit(b_ref) + Δ)`, in which one step means another distance for each box; relative to
//! the reference box, what the window shows maps to the same step for small and large boxes.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use super::config::ModelConfig;
use super::layers::FeedForward;

/// Numbers about the attention that the head reads beside the state.
pub const GEOMETRY_FEATURES: usize = 8;
/// Smallest side of a box, in fractions of the square.
const MIN_SIDE: f64 = 0.008;

/// Refines boxes and scores them; one per decoder layer.
#[derive(Module, Debug)]
pub struct BoxHead {
    norm: LayerNorm,
    step: FeedForward,
    geometry: Linear,
    presence: Linear,
    spread: Linear,
}

/// Boxes of all queries after one layer.
#[derive(Debug, Clone)]
pub struct Boxes {
    /// Centre and size in the model frame, `[batch, phrases * queries, 4]`.
    pub boxes: Tensor<3>,
    /// `[batch, phrases * queries, 1]`
    pub presence_logits: Tensor<3>,
    /// Log of the Laplace scale of centre and size, in sizes of the box, `[batch, phrases * queries, 4]`.
    pub log_spread: Tensor<3>,
}

impl BoxHead {
    /// Randomly initialised, so that the first boxes are close to the references.
    pub fn init(config: &ModelConfig, device: &Device) -> Self {
        let width = config.width;
        let small = burn::nn::Initializer::Normal { mean: 0.0, std: 0.01 };
        Self {
            norm: LayerNormConfig::new(width).init(device),
            step: FeedForward::init_quiet([width + GEOMETRY_FEATURES, width, 4], device),
            geometry: LinearConfig::new(GEOMETRY_FEATURES, 4).with_initializer(small).init(device),
            presence: LinearConfig::new(width, 1).init(device),
            spread: LinearConfig::new(width, 4).init(device),
        }
    }

    /// # Shapes
    /// - `states`: `[batch, phrases * queries, width]`
    /// - `geometry`: `[batch, phrases * queries, GEOMETRY_FEATURES]`
    /// - `references`: `[batch, phrases * queries, 4]`
    pub fn forward(&self, states: Tensor<3>, geometry: Tensor<3>, references: Tensor<3>) -> Boxes {
        let normed = self.norm.forward(states);
        let step =
            self.step.forward(Tensor::cat(vec![normed.clone(), geometry.clone()], 2)) + self.geometry.forward(geometry);
        Boxes {
            boxes: refine(references, step),
            presence_logits: self.presence.forward(normed.clone()),
            log_spread: self.spread.forward(normed).clamp(-4.0, 2.0),
        }
    }
}

/// eq. 7.
pub fn refine(references: Tensor<3>, step: Tensor<3>) -> Tensor<3> {
    let [batch, queries, _] = references.dims();
    let part = |tensor: &Tensor<3>, from: usize| tensor.clone().slice([0..batch, 0..queries, from..from + 2]);
    let size = part(&references, 2).clamp_min(MIN_SIDE);
    let centre = part(&references, 0) + part(&step, 0).clamp(-3.0, 3.0) * size.clone();
    let size = (size * part(&step, 2).clamp(-2.5, 2.5).exp()).clamp(MIN_SIDE, 1.0);
    Tensor::cat(vec![centre.clamp(0.0, 1.0), size], 2)
}
