use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use super::lora::{LayerLora, Target, all_changed, changed};
use super::projection::Projection;
use super::slices;
use crate::weights::{Bias, WeightReader};

/// `down(silu(gate(x)) * up(x))`.
///
/// # Source
/// Shazeer 2020, *GLU Variants Improve Transformer*: SwiGLU.
#[derive(Module, Debug)]
pub struct GatedMlp {
    gate_proj: Projection,
    up_proj: Projection,
    down_proj: Projection,
}

impl GatedMlp {
    /// Reads the three maps below `prefix`.
    pub fn load(reader: &mut WeightReader, prefix: &str, [width, inner]: [usize; 2], bias: Bias) -> Self {
        Self {
            gate_proj: reader.projection(&format!("{prefix}.gate_proj"), [width, inner], bias),
            up_proj: reader.projection(&format!("{prefix}.up_proj"), [width, inner], bias),
            down_proj: reader.projection(&format!("{prefix}.down_proj"), [inner, width], bias),
        }
    }

    /// # Shapes
    /// - `rows`: `[.., width]`; returns the same
    pub fn forward<const D: usize>(&self, rows: Tensor<D>, lora: Option<&LayerLora>) -> Tensor<D> {
        let maps = [(&self.gate_proj, Target::GateProj), (&self.up_proj, Target::UpProj)];
        let [gate, up] = all_changed(maps, lora, rows);
        let inner = match self.gate_proj.is_quantized() {
            true => slices::gated(gate, up),
            false => silu(gate) * up,
        };
        changed(&self.down_proj, lora, Target::DownProj, inner)
    }
}
