//! Tower output to the decoder's tokens: a projection, blocks that see their neighbours, positions on the image and on the
//! patient.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use super::config::ModelConfig;
use super::layers::ConvBlock;
use crate::geometry::{Map, Model, Thorax};

/// Frequencies per axis and frame.
const FREQUENCIES: usize = 8;
/// Numbers that describe one position: sine and cosine, two axes, two frames.
pub const POSITION_FEATURES: usize = FREQUENCIES * 2 * 2 * 2;

/// Projects tokens and adds positions.
#[derive(Module, Debug)]
pub struct VisualProjection {
    tokens: Linear,
    neck: Vec<ConvBlock>,
    positions: Linear,
    dropout: Dropout,
}

/// Values and keys of the global attention.
#[derive(Debug, Clone)]
pub struct VisualTokens {
    /// `[batch, patches, width]`
    pub values: Tensor<3>,
    /// Values plus positions, `[batch, patches, width]`.
    pub keys: Tensor<3>,
}

impl VisualProjection {
    /// Randomly initialised.
    pub fn init(config: &ModelConfig, device: &Device) -> Self {
        Self {
            tokens: LinearConfig::new(config.token_width, config.width).init(device),
            neck: (0..config.neck_blocks).map(|_| ConvBlock::init(config.width, config.width / 2, device)).collect(),
            positions: LinearConfig::new(POSITION_FEATURES, config.width).init(device),
            dropout: DropoutConfig::new(config.dropout).init(),
        }
    }

    /// # Shapes
    /// - `tokens`: `[batch, patches, token_width]`, each layer's part standardised
    /// - `positions`: `[batch, patches, POSITION_FEATURES]`
    pub fn forward(&self, tokens: Tensor<3>, positions: Tensor<3>) -> VisualTokens {
        let projected = self.tokens.forward(self.dropout.forward(tokens));
        let values = self.neck.iter().fold(projected, |cells, block| block.forward(cells));
        let keys = values.clone() + self.positions.forward(positions);
        VisualTokens { values, keys }
    }
}

/// Sinusoidal features of every patch centre, on the square and on the patient's thorax.
///
/// # Shapes
/// Returns `[grid * grid, POSITION_FEATURES]`, row-major.
pub fn position_features(grid: usize, thorax_from_model: &Map<Thorax, Model>) -> Vec<f32> {
    let mut out = Vec::with_capacity(grid * grid * POSITION_FEATURES);
    for row in 0..grid {
        for col in 0..grid {
            let centre = [col, row].map(|i| (i as f64 + 0.5) / grid as f64);
            for coordinate in centre.into_iter().chain(thorax_from_model.apply_point(centre)) {
                for frequency in 0..FREQUENCIES {
                    // From one period over two squares to one over 1.5 patches of a 32 x 32 grid, geometrically.
                    let angle = coordinate * std::f64::consts::PI * 1.7_f64.powi(frequency as i32);
                    out.push(angle.sin() as f32);
                    out.push(angle.cos() as f32);
                }
            }
        }
    }
    out
}

/// Added to the variance in [`standardise`].
pub const STANDARDISE_EPSILON: f32 = 1e-6;

/// Standardises each layer's part of each token, so that no layer drowns the other.
pub fn standardise(tokens: &mut [f32], part_width: usize) {
    for part in tokens.chunks_exact_mut(part_width) {
        let mean = part.iter().sum::<f32>() / part_width as f32;
        let variance = part.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / part_width as f32;
        let inverse = 1.0 / (variance + STANDARDISE_EPSILON).sqrt();
        part.iter_mut().for_each(|v| *v = (*v - mean) * inverse);
    }
}
