use burn::module::Module;
use burn::nn::{Linear, RmsNorm};
use burn::tensor::Tensor;
use burn::tensor::activation::gelu;

use super::block::NORM_EPS;
use crate::config::VisionConfig;
use crate::weights::{Bias, WeightReader};

/// Makes one token of the language model of each square of patches.
#[derive(Module, Debug)]
pub struct Merger {
    ln_q: RmsNorm,
    inner: Linear,
    outer: Linear,
}

impl Merger {
    /// Reads the norm and the two maps below `prefix`.
    pub fn load(reader: &mut WeightReader, prefix: &str, config: &VisionConfig) -> Self {
        let square = config.width * config.merge * config.merge;
        Self {
            ln_q: reader.norm(&format!("{prefix}.ln_q"), config.width, NORM_EPS),
            inner: reader.linear(&format!("{prefix}.mlp.0"), [square, square], Bias::Present),
            outer: reader.linear(&format!("{prefix}.mlp.2"), [square, config.output_width], Bias::Present),
        }
    }

    /// # Shapes
    /// - `patches`: `[1, patches, width]`, square by square
    /// - returns `[squares, output_width]`
    pub fn forward(&self, patches: Tensor<3>) -> Tensor<2> {
        let [square, _] = self.inner.weight.dims();
        let [_, count, width] = patches.dims();
        let squares = self.ln_q.forward(patches).reshape([count * width / square, square]);
        self.outer.forward(gelu(self.inner.forward(squares)))
    }
}
