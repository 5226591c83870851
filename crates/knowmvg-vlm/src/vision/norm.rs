use burn::module::Module;
use burn::nn::{LayerNorm, RmsNorm};
use burn::tensor::Tensor;

use crate::config::VisionDesign;
use crate::weights::WeightReader;

/// Added to a mean square or a variance before its root; no key of the configuration sets it.
const EPSILON: f64 = 1e-6;

/// The norm of a tower's generation.
#[derive(Module, Debug)]
pub enum VisionNorm {
    /// By the root of the mean square.
    RootMeanSquare(RmsNorm),
    /// By mean and variance.
    Centred(LayerNorm),
}

impl VisionNorm {
    /// Reads the norm of rows of `width`.
    pub(super) fn load(reader: &mut WeightReader, prefix: &str, width: usize, design: &VisionDesign) -> Self {
        match design {
            VisionDesign::Windowed { .. } => Self::RootMeanSquare(reader.norm(prefix, width, EPSILON)),
            VisionDesign::DeepStack { .. } => Self::Centred(reader.layer_norm(prefix, width, EPSILON)),
        }
    }

    /// # Shapes
    /// - `rows`: `[.., width]`; returns the same
    pub(super) fn forward<const D: usize>(&self, rows: Tensor<D>) -> Tensor<D> {
        match self {
            Self::RootMeanSquare(norm) => norm.forward(rows),
            Self::Centred(norm) => norm.forward(rows),
        }
    }

    /// The width of its rows.
    pub(super) fn width(&self) -> usize {
        let [width] = match self {
            Self::RootMeanSquare(norm) => norm.gamma.dims(),
            Self::Centred(norm) => norm.gamma.dims(),
        };
        width
    }
}
