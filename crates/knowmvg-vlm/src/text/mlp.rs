use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use crate::weights::{Bias, WeightReader};

/// `down(silu(gate(x)) * up(x))`.
///
/// # Source
/// Shazeer 2020, *GLU Variants Improve Transformer*: SwiGLU.
#[derive(Module, Debug)]
pub struct GatedMlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl GatedMlp {
    /// Reads the three maps below `prefix`.
    pub fn load(reader: &mut WeightReader, prefix: &str, [width, inner]: [usize; 2], bias: Bias) -> Self {
        Self {
            gate_proj: reader.linear(&format!("{prefix}.gate_proj"), [width, inner], bias),
            up_proj: reader.linear(&format!("{prefix}.up_proj"), [width, inner], bias),
            down_proj: reader.linear(&format!("{prefix}.down_proj"), [inner, width], bias),
        }
    }

    /// # Shapes
    /// - `rows`: `[.., width]`; returns the same
    pub fn forward<const D: usize>(&self, rows: Tensor<D>) -> Tensor<D> {
        let gate = silu(self.gate_proj.forward(rows.clone()));
        self.down_proj.forward(gate * self.up_proj.forward(rows))
    }
}
