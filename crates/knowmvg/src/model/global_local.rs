//! Global-local attention: the whole image first, then a refined window, inside every decoder layer.
//!
//! eq. 3: `A_g = softmax(Q K' / sqrt(d) + λ log(S_p + ε))`, over all patches; its mean over heads gives centre and spread
//! eq. 4: `O_g = A_g V`
//! eq. 5: `O_l = softmax(Q' K_w' / sqrt(d)) V_w`, over the samples of a window around the reference box on the fine map
//! eq. 6: `Z <- Z + η O_l + (1 - η) O_g`, `η = sigmoid(W [O_g; O_l; Z])`
//!
//! # Source
//! KnowMVG (arXiv 2604.01915), "jointly leverages coarse global information and refined local cues"; the equations are
//! our reconstruction.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Device, Tensor, TensorData};

use super::config::{LocalSwitch, ModelConfig};
use super::layers::{Attention, FeedForward};
use super::sight::Sight;
use super::trace::Trace;
use super::window::{Windows, sample_centres};

/// Keeps `log(S_p + ε)` finite where the prior is zero.
pub const PRIOR_EPSILON: f64 = 1e-2;
/// λ is stored divided by this, which multiplies its learning rate: at the common rate it hardly moves.
pub(super) const PRIOR_WEIGHT_SCALE: f64 = 10.0;
/// Heads of the local attention.
const LOCAL_HEADS: usize = 4;

/// What every layer looks at.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The images.
    pub sight: &'a Sight,
    /// Spatial prior per phrase, in `[0, 1]`, `[batch, phrases, patches]`.
    pub prior: &'a Tensor<3>,
}

/// One layer of the decoder.
#[derive(Module, Debug)]
pub struct GlobalLocalLayer {
    self_norm: LayerNorm,
    self_attention: Attention,
    global_norm: LayerNorm,
    global_attention: Attention,
    prior_weight: Param<Tensor<1>>,
    local: LocalAttention,
    fusion: Linear,
    feed_forward_norm: LayerNorm,
    feed_forward: FeedForward,
    dropout: Dropout,
}

/// Attention over the samples of a window, the key and value projections folded into the query side.
#[derive(Module, Debug)]
struct LocalAttention {
    norm: LayerNorm,
    query: Linear,
    offsets: Linear,
    output: Linear,
}

/// What a layer saw.
pub struct Looked {
    /// `[batch * phrases, queries + 1 + prompt_tokens, width]`
    pub states: Tensor<3>,
    /// Global attention of each query, mean over heads, `[batch, phrases * queries, patches]`.
    pub global_map: Tensor<3>,
    /// Centre (2) and spread (2) of the global attention, then of the local attention, relative to the reference box,
    /// `[batch, phrases * queries, 8]`.
    pub geometry: Tensor<3>,
}

impl GlobalLocalLayer {
    /// Randomly initialised.
    pub fn init(config: &ModelConfig, device: &Device) -> Self {
        let width = config.width;
        let norm = || LayerNormConfig::new(width).init(device);
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        let start = Initializer::Constant { value: 0.5 / PRIOR_WEIGHT_SCALE };
        Self {
            self_norm: norm(),
            self_attention: Attention::init(width, config.heads, device),
            global_norm: norm(),
            global_attention: Attention::init(width, config.heads, device),
            prior_weight: start.init([1], device),
            local: LocalAttention {
                norm: norm(),
                query: linear(width, LOCAL_HEADS * config.fine_width),
                offsets: linear(2, config.fine_width),
                output: linear(LOCAL_HEADS * config.fine_width, width),
            },
            fusion: linear(3 * width, width),
            feed_forward_norm: norm(),
            feed_forward: FeedForward::init([width, 4 * width, width], device),
            dropout: DropoutConfig::new(config.dropout).init(),
        }
    }

    /// # Shapes
    /// - `states`: `[batch * phrases, queries + 1 + prompt_tokens, width]`, queries first
    /// - `references`: `[batch, phrases * queries, 4]`, centre and size
    pub fn forward(
        &self,
        states: Tensor<3>,
        references: Tensor<3>,
        scene: Scene,
        config: &ModelConfig,
        name: &str,
        trace: &mut impl Trace,
    ) -> Looked {
        let [rows, count, width] = states.dims();
        let [batch, looking, _] = references.dims();
        let queries = config.queries;
        let normed = self.self_norm.forward(states.clone());
        let states = states + self.dropout.forward(self.self_attention.forward(normed.clone(), normed, None).context);

        let asking = states.clone().slice([0..rows, 0..queries]).reshape([batch, looking, width]);
        let (seen_globally, global_map) = self.look_globally(asking.clone(), scene, queries);
        trace.record(&format!("{name}.global_map"), &global_map);
        let global_geometry = map_geometry(global_map.clone(), scene.sight.grid, references.clone());

        let (update, local_geometry) = match config.switches.local {
            LocalSwitch::Off => (seen_globally, Tensor::zeros([batch, looking, 4], &references.device())),
            LocalSwitch::On => {
                let windows = Windows::around(references, config.window_scale, config.window, scene.sight.cells);
                let (seen_locally, local_map) =
                    self.local.forward(asking.clone(), &windows, scene.sight.fine_map.clone());
                trace.record(&format!("{name}.local_map"), &local_map);
                let gate = sigmoid(
                    self.fusion
                        .forward(Tensor::cat(vec![seen_globally.clone(), seen_locally.clone(), asking.clone()], 2)),
                );
                trace.record(&format!("{name}.gate"), &gate);
                let fused = seen_locally * gate.clone() + seen_globally * (gate.neg() + 1.0); // eq. 6
                (fused, window_geometry(local_map, config))
            }
        };
        let asked = (asking + self.dropout.forward(update)).reshape([rows, queries, width]);
        let states = Tensor::cat(vec![asked, states.slice([0..rows, queries..count])], 1);
        let states =
            states.clone() + self.dropout.forward(self.feed_forward.forward(self.feed_forward_norm.forward(states)));
        trace.record(&format!("{name}.states"), &states);
        Looked { states, global_map, geometry: Tensor::cat(vec![global_geometry, local_geometry], 2) }
    }

    /// eq. 3 and 4.
    fn look_globally(&self, asking: Tensor<3>, scene: Scene, queries: usize) -> (Tensor<3>, Tensor<3>) {
        let [batch, phrases, patches] = scene.prior.dims();
        let weight = self.prior_weight.val() * PRIOR_WEIGHT_SCALE;
        let log_prior = (scene.prior.clone() + PRIOR_EPSILON).log() * weight.unsqueeze::<3>();
        let bias = log_prior.unsqueeze_dim::<4>(2).expand([batch, phrases, queries, patches]);
        let bias = bias.reshape([batch, 1, phrases * queries, patches]);
        let normed = self.global_norm.forward(asking);
        let seen = self.global_attention.forward_keyed(
            normed,
            scene.sight.visual.keys.clone(),
            scene.sight.visual.values.clone(),
            Some(bias),
        );
        (seen.context, seen.weights.mean_dim(1).squeeze_dim(1))
    }
}

impl LocalAttention {
    /// eq. 5. Returns what was seen and the attention, mean over heads, `[batch, queries, window * window]`.
    fn forward(&self, asking: Tensor<3>, windows: &Windows, fine_map: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let [batch, queries, _] = asking.dims();
        let samples = windows.sample(fine_map);
        let [_, _, count, width] = samples.dims();
        let window = (count as f64).sqrt().round() as usize;
        let device = asking.device();
        let centres = Tensor::<2>::from_data(TensorData::new(sample_centres(window), [count, 2]), &device);
        let keys = samples.clone() + self.offsets.forward(centres).unsqueeze::<4>();
        let query = self.query.forward(self.norm.forward(asking)).reshape([batch, queries, LOCAL_HEADS, width]);
        let scores = query.matmul(keys.clone().swap_dims(2, 3)) / (width as f64).sqrt(); // [batch, queries, heads, samples]
        let weights = softmax(scores, 3);
        let context = weights.clone().matmul(keys).reshape([batch, queries, LOCAL_HEADS * width]);
        (self.output.forward(context), weights.mean_dim(2).squeeze_dim(2))
    }
}

/// Centre and log spread of a map over patches, relative to the reference boxes.
///
/// # Shapes
/// - `map`: `[batch, queries, patches]`, each row summing to 1; returns `[batch, queries, 4]`
fn map_geometry(map: Tensor<3>, grid: usize, references: Tensor<3>) -> Tensor<3> {
    let at = |i: usize| (i as f32 + 0.5) / grid as f32;
    let centres: Vec<f32> = (0..grid * grid).flat_map(|i| [at(i % grid), at(i / grid)]).collect();
    let (centre, spread) = moments(map, centres);
    let [batch, queries, _] = references.dims();
    let reference_centre = references.clone().slice([0..batch, 0..queries, 0..2]);
    let reference_size = references.slice([0..batch, 0..queries, 2..4]).clamp_min(0.02);
    let shift = ((centre - reference_centre) / reference_size.clone()).clamp(-4.0, 4.0);
    let size = (spread * 3.46 / reference_size).log().clamp(-3.0, 3.0); // a uniform box is sqrt(12) deviations wide
    Tensor::cat(vec![shift, size], 2)
}

/// As [`map_geometry`], over the samples of a window.
fn window_geometry(map: Tensor<3>, config: &ModelConfig) -> Tensor<3> {
    let (centre, spread) = moments(map, sample_centres(config.window));
    Tensor::cat(vec![centre * config.window_scale, (spread * (3.46 * config.window_scale)).log()], 2)
}

/// Mean and standard deviation of positions under a distribution.
fn moments(map: Tensor<3>, positions: Vec<f32>) -> (Tensor<3>, Tensor<3>) {
    let count = positions.len() / 2;
    let device = map.device();
    let [batch, _, _] = map.dims();
    let positions =
        Tensor::<3>::from_data(TensorData::new(positions, [1, count, 2]), &device).expand([batch, count, 2]);
    let mean = map.clone().matmul(positions.clone());
    let square = map.matmul(positions.square());
    let variance = (square - mean.clone().square()).clamp_min(1e-5);
    (mean, variance.sqrt())
}
