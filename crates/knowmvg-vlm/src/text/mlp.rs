use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use super::lora::{LayerLora, Target, changed};
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
    pub fn forward<const D: usize>(&self, rows: Tensor<D>, lora: Option<&LayerLora>) -> Tensor<D> {
        let gate = silu(changed(&self.gate_proj, lora, Target::GateProj, rows.clone()));
        let inner = gate * changed(&self.up_proj, lora, Target::UpProj, rows);
        changed(&self.down_proj, lora, Target::DownProj, inner)
    }
}
