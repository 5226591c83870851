use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::gelu;

use super::norm::VisionNorm;
use crate::config::{VisionConfig, VisionDesign};
use crate::text::Projection;
use crate::weights::{Bias, WeightReader};

/// Makes one token of the language model of each square of patches.
#[derive(Module, Debug)]
pub struct Merger {
    norm: VisionNorm,
    inner: Projection,
    outer: Projection,
    /// Numbers of a square of patches.
    square: usize,
}

/// What a merger norms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Normed {
    /// Each patch, before its square is put together.
    Patches,
    /// Each square as a whole.
    Squares,
}

impl Merger {
    /// Reads the norm and the two maps below `prefix`.
    pub(super) fn load(reader: &mut WeightReader, prefix: &str, config: &VisionConfig, normed: Normed) -> Self {
        let [norm, inner, outer] = match config.design {
            VisionDesign::Windowed { .. } => ["ln_q", "mlp.0", "mlp.2"],
            VisionDesign::DeepStack { .. } => ["norm", "linear_fc1", "linear_fc2"],
        };
        let square = config.width * config.merge * config.merge;
        let width = if normed == Normed::Patches { config.width } else { square };
        Self {
            norm: VisionNorm::load(reader, &format!("{prefix}.{norm}"), width, &config.design),
            inner: reader.projection(&format!("{prefix}.{inner}"), [square, square], Bias::Present),
            outer: reader.projection(&format!("{prefix}.{outer}"), [square, config.output_width], Bias::Present),
            square,
        }
    }

    /// # Shapes
    /// - `patches`: `[1, patches, width]`, square by square
    /// - returns `[squares, output_width]`
    pub fn forward(&self, patches: Tensor<3>) -> Tensor<2> {
        let square = self.square;
        let [_, count, width] = patches.dims();
        let normed = self.norm.width();
        let rows = self.norm.forward(patches.reshape([count * width / normed, normed]));
        self.outer.forward(gelu(self.inner.forward(rows.reshape([count * width / square, square]))))
    }
}
