//! The vision tower: `ModelImage -> VisualTokens`, DINOv2 ViT-S/14.
//!
//! Inference only, in plain slices: this is where nearly all of the time goes. What is learnt of the tower, low-rank changes of
//! its last layers, is learnt in [`super::adapters`] and added to the weights here before the first image.
//!
//! # Source
//! Oquab et al., *DINOv2*, 2023; module names and order of operations of Hugging Face `Dinov2Model`.

use rayon::prelude::*;
use serde::Deserialize;

use super::linalg::{self, Rhs, Threads, View};
use super::weights::{Loader, WeightError};

/// Sizes of a tower, with the keys of Hugging Face's `Dinov2Config`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct VisionConfig {
    /// Width of a token.
    pub hidden_size: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Width of the MLP over width of a token.
    pub mlp_ratio: usize,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Side of the image whose grid the position embeddings are stored for.
    pub image_size: usize,
    /// Added to the variance in layer norm.
    pub layer_norm_eps: f32,
}

impl Default for VisionConfig {
    /// DINOv2 ViT-S/14.
    fn default() -> Self {
        Self {
            hidden_size: 384,
            num_hidden_layers: 12,
            num_attention_heads: 6,
            mlp_ratio: 4,
            patch_size: 14,
            image_size: 518,
            layer_norm_eps: 1e-6,
        }
    }
}

/// Largest side that [`VisionTower::forward`] takes; its attention needs memory quadratic in the tokens.
pub const MAX_SIDE: usize = 1022;

/// Mean of ImageNet's channels, as the tower was trained with.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of ImageNet's channels.
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

#[derive(Clone)]
pub(crate) struct Linear {
    /// `[outputs, inputs]`, row-major.
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) inputs: usize,
}

impl Linear {
    fn load(loader: &mut Loader, name: &str, inputs: usize, outputs: usize) -> Self {
        let weight = loader.tensor(&format!("{name}.weight"), &[outputs, inputs]);
        let bias = loader.tensor(&format!("{name}.bias"), &[outputs]);
        Self { weight, bias, inputs }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// `rows . weight'`, without the bias, which the next elementwise loop adds.
    pub(crate) fn product(&self, rows: &[f32]) -> Vec<f32> {
        let count = rows.len() / self.inputs;
        let mut out = vec![0.0; count * self.outputs()];
        let lhs = View::dense(rows, count, self.inputs);
        let rhs = View::dense(&self.weight, self.outputs(), self.inputs);
        linalg::matmul(&mut out, self.outputs(), lhs, rhs, Rhs::Transposed, 1.0, Threads::Pool);
        out
    }
}

#[derive(Clone)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl Norm {
    fn load(loader: &mut Loader, name: &str, config: &VisionConfig) -> Self {
        let width = config.hidden_size;
        let weight = loader.tensor(&format!("{name}.weight"), &[width]);
        let bias = loader.tensor(&format!("{name}.bias"), &[width]);
        Self { weight, bias, epsilon: config.layer_norm_eps }
    }

    fn forward(&self, rows: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; rows.len()];
        linalg::layer_norm(&mut out, rows, &self.weight, &self.bias, self.epsilon);
        out
    }
}

#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) norm1: Norm,
    /// Query, key and value stacked: one product instead of three.
    pub(crate) qkv: Linear,
    pub(crate) projection: Linear,
    pub(crate) layer_scale1: Vec<f32>,
    pub(crate) norm2: Norm,
    pub(crate) fc1: Linear,
    pub(crate) fc2: Linear,
    pub(crate) layer_scale2: Vec<f32>,
    pub(crate) heads: usize,
}

impl Layer {
    fn load(loader: &mut Loader, index: usize, config: &VisionConfig) -> Self {
        let width = config.hidden_size;
        let hidden = width * config.mlp_ratio;
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let parts = ["query", "key", "value"]
            .map(|p| Linear::load(loader, &name(&format!("attention.attention.{p}")), width, width));
        let qkv = Linear {
            weight: parts.iter().flat_map(|p| p.weight.iter().copied()).collect(),
            bias: parts.iter().flat_map(|p| p.bias.iter().copied()).collect(),
            inputs: width,
        };
        Self {
            norm1: Norm::load(loader, &name("norm1"), config),
            qkv,
            projection: Linear::load(loader, &name("attention.output.dense"), width, width),
            layer_scale1: loader.tensor(&name("layer_scale1.lambda1"), &[width]),
            norm2: Norm::load(loader, &name("norm2"), config),
            fc1: Linear::load(loader, &name("mlp.fc1"), width, hidden),
            fc2: Linear::load(loader, &name("mlp.fc2"), hidden, width),
            layer_scale2: loader.tensor(&name("layer_scale2.lambda1"), &[width]),
            heads: config.num_attention_heads,
        }
    }

    fn forward(&self, tokens: &mut [f32]) {
        let mut qkv = self.qkv.product(&self.norm1.forward(tokens));
        linalg::add_bias(&mut qkv, &self.qkv.bias);
        let context = self.attend(&qkv);
        linalg::add_scaled(tokens, &self.projection.product(&context), &self.projection.bias, &self.layer_scale1);

        let mut hidden = self.fc1.product(&self.norm2.forward(tokens));
        linalg::add_bias_gelu(&mut hidden, &self.fc1.bias);
        linalg::add_scaled(tokens, &self.fc2.product(&hidden), &self.fc2.bias, &self.layer_scale2);
    }

    /// Self-attention, one task per head.
    ///
    /// # Shapes
    /// - `qkv`: `[tokens, 3 * width]`; returns `[tokens, width]`
    fn attend(&self, qkv: &[f32]) -> Vec<f32> {
        let width = self.projection.inputs;
        let stride = 3 * width;
        let count = qkv.len() / stride;
        let head_width = width / self.heads;
        let scale = 1.0 / (head_width as f32).sqrt();
        let view = |part: usize, head: usize| View {
            data: &qkv[part * width + head * head_width..],
            rows: count,
            cols: head_width,
            stride,
        };
        let heads: Vec<Vec<f32>> = (0..self.heads)
            .into_par_iter()
            .map(|head| {
                let mut weights = vec![0.0; count * count];
                linalg::matmul(&mut weights, count, view(0, head), view(1, head), Rhs::Transposed, scale, Threads::One);
                linalg::softmax_rows(&mut weights, count);
                let mut context = vec![0.0; count * head_width];
                let weights = View::dense(&weights, count, count);
                linalg::matmul(&mut context, head_width, weights, view(2, head), Rhs::Plain, 1.0, Threads::One);
                context
            })
            .collect();
        let mut context = vec![0.0; count * width];
        for (head, values) in heads.iter().enumerate() {
            for (row, value) in values.chunks_exact(head_width).enumerate() {
                context[row * width + head * head_width..][..head_width].copy_from_slice(value);
            }
        }
        context
    }
}

/// What the tower says of one image.
///
/// # Shapes
/// Every entry of `hidden_states` and `last_hidden_state` is `[1 + grid * grid, hidden_size]`, class token first.
pub struct VisionOutput {
    /// Patches along one side.
    pub grid: usize,
    /// The residual stream after the layers that were asked for, in their order, before the final layer norm.
    pub hidden_states: Vec<Vec<f32>>,
    /// After the last layer and the final layer norm.
    pub last_hidden_state: Vec<f32>,
}

/// A DINOv2 image encoder.
#[derive(Clone)]
pub struct VisionTower {
    config: VisionConfig,
    class_token: Vec<f32>,
    position_embeddings: Vec<f32>,
    patch_embedding: Linear,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Norm,
}

/// Why an image could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    /// The side is no positive multiple of the patch size up to [`MAX_SIDE`].
    #[error("expected a side that is a multiple of {patch} and at most {MAX_SIDE}, found {side}")]
    Side {
        /// Side of a patch.
        patch: usize,
        /// Side that was asked for.
        side: usize,
    },
    /// The number of pixels is not `3 * side * side`.
    #[error("expected {expected} pixel values, found {found}")]
    Pixels {
        /// `3 * side * side`.
        expected: usize,
        /// Values given.
        found: usize,
    },
}

impl VisionTower {
    /// Reads the weights under Hugging Face's names.
    ///
    /// # Errors
    /// When a name is missing, unused or misshapen.
    pub fn load(mut loader: Loader, config: VisionConfig) -> Result<Self, WeightError> {
        let width = config.hidden_size;
        let patch = 3 * config.patch_size * config.patch_size;
        let positions = (config.image_size / config.patch_size).pow(2) + 1;
        let square = [width, 3, config.patch_size, config.patch_size];
        let tower = Self {
            class_token: loader.tensor("embeddings.cls_token", &[1, 1, width]),
            position_embeddings: loader.tensor("embeddings.position_embeddings", &[1, positions, width]),
            patch_embedding: Linear {
                weight: loader.tensor("embeddings.patch_embeddings.projection.weight", &square),
                bias: loader.tensor("embeddings.patch_embeddings.projection.bias", &[width]),
                inputs: patch,
            },
            layers: (0..config.num_hidden_layers).map(|i| Layer::load(&mut loader, i, &config)).collect(),
            norm: Norm::load(&mut loader, "layernorm", &config),
            config,
        };
        loader.finish()?;
        Ok(tower)
    }

    /// The sizes.
    pub fn config(&self) -> &VisionConfig {
        &self.config
    }

    /// Encodes one square image; `keep` lists the layers (0-based) whose output is wanted beside the last.
    ///
    /// # Shapes
    /// - `pixel_values`: `[3, side, side]`, normalised with [`IMAGENET_MEAN`] and [`IMAGENET_STD`]
    ///
    /// # Errors
    /// When the side or the number of pixels does not fit.
    pub fn forward(&self, pixel_values: &[f32], side: usize, keep: &[usize]) -> Result<VisionOutput, VisionError> {
        self.check(pixel_values, side)?;
        let grid = side / self.config.patch_size;
        let mut tokens = self.embed(pixel_values, side);
        let mut hidden_states = Vec::with_capacity(keep.len());
        for (index, layer) in self.layers.iter().enumerate() {
            layer.forward(&mut tokens);
            if keep.contains(&index) {
                hidden_states.push(tokens.clone());
            }
        }
        Ok(VisionOutput { grid, hidden_states, last_hidden_state: self.norm.forward(&tokens) })
    }

    /// The residual stream after one layer (0-based); the layers after it are not run.
    ///
    /// # Shapes
    /// - `pixel_values`: as [`VisionTower::forward`]; returns `[1 + grid * grid, hidden_size]`
    ///
    /// # Errors
    /// When the side or the number of pixels does not fit.
    pub fn hidden_state(&self, pixel_values: &[f32], side: usize, layer: usize) -> Result<Vec<f32>, VisionError> {
        self.check(pixel_values, side)?;
        let mut tokens = self.embed(pixel_values, side);
        self.layers[..=layer].iter().for_each(|layer| layer.forward(&mut tokens));
        Ok(tokens)
    }

    /// The last hidden state, from the residual stream after one layer (0-based).
    ///
    /// # Shapes
    /// - `tokens`: `[1 + grid * grid, hidden_size]`; returns the same
    pub fn continue_after(&self, layer: usize, mut tokens: Vec<f32>) -> Vec<f32> {
        self.layers[layer + 1..].iter().for_each(|layer| layer.forward(&mut tokens));
        self.norm.forward(&tokens)
    }

    fn check(&self, pixel_values: &[f32], side: usize) -> Result<(), VisionError> {
        let patch = self.config.patch_size;
        if side == 0 || !side.is_multiple_of(patch) || side > MAX_SIDE {
            return Err(VisionError::Side { patch, side });
        }
        if pixel_values.len() != 3 * side * side {
            return Err(VisionError::Pixels { expected: 3 * side * side, found: pixel_values.len() });
        }
        Ok(())
    }

    /// Patches, class token and positions: the input of the first layer.
    pub fn embed(&self, pixel_values: &[f32], side: usize) -> Vec<f32> {
        let width = self.config.hidden_size;
        let grid = side / self.config.patch_size;
        let mut patches = self.patch_embedding.product(&self.unfold(pixel_values, side));
        linalg::add_bias(&mut patches, &self.patch_embedding.bias);
        let mut tokens = Vec::with_capacity((grid * grid + 1) * width);
        tokens.extend_from_slice(&self.class_token);
        tokens.append(&mut patches);
        let positions = self.positions(grid);
        for (token, position) in tokens.iter_mut().zip(&positions) {
            *token += position;
        }
        tokens
    }

    /// Cuts the image into patches, channels outermost, as the convolution's weight lies in memory.
    fn unfold(&self, pixel_values: &[f32], side: usize) -> Vec<f32> {
        let patch = self.config.patch_size;
        let grid = side / patch;
        let mut out = Vec::with_capacity(pixel_values.len());
        for row in 0..grid {
            for col in 0..grid {
                for channel in 0..3 {
                    for y in 0..patch {
                        let start = channel * side * side + (row * patch + y) * side + col * patch;
                        out.extend_from_slice(&pixel_values[start..start + patch]);
                    }
                }
            }
        }
        out
    }

    /// Position embeddings resampled to a grid, class position first.
    ///
    /// # Source
    /// `Dinov2Embeddings.interpolate_pos_encoding`: bicubic with `align_corners=False`.
    fn positions(&self, grid: usize) -> Vec<f32> {
        let width = self.config.hidden_size;
        let stored = self.config.image_size / self.config.patch_size;
        let taps: Vec<_> = (0..grid).map(|i| cubic_taps(i, grid, stored)).collect();
        let mut out = self.position_embeddings[..width].to_vec();
        for rows in &taps {
            for cols in &taps {
                let mut position = vec![0.0; width];
                for (row, row_weight) in rows {
                    for (col, col_weight) in cols {
                        let start = (1 + row * stored + col) * width;
                        for (sum, value) in position.iter_mut().zip(&self.position_embeddings[start..start + width]) {
                            *sum += row_weight * col_weight * value;
                        }
                    }
                }
                out.append(&mut position);
            }
        }
        out
    }
}

/// The four samples and weights of cubic convolution (a = -0.75, PyTorch's), edges repeated.
fn cubic_taps(index: usize, size: usize, stored: usize) -> [(usize, f32); 4] {
    const A: f64 = -0.75;
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let source = (index as f64 + 0.5) * stored as f64 / size as f64 - 0.5;
    let floor = source.floor();
    let t = source - floor;
    let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
    std::array::from_fn(|tap| {
        let at = (floor as i64 + tap as i64 - 1).clamp(0, stored as i64 - 1);
        (at as usize, weights[tap] as f32)
    })
}
