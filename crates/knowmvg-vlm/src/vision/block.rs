use burn::module::Module;
use burn::nn::RmsNorm;
use burn::tensor::Tensor;

use super::attention::VisionAttention;
use crate::config::VisionConfig;
use crate::text::{GatedMlp, Rotation};
use crate::weights::{Bias, WeightReader};

/// Added to a mean square before its root; no key of the configuration sets it.
pub(super) const NORM_EPS: f64 = 1e-6;

/// One layer of the tower.
#[derive(Module, Debug)]
pub struct VisionBlock {
    norm1: RmsNorm,
    norm2: RmsNorm,
    attn: VisionAttention,
    mlp: GatedMlp,
}

impl VisionBlock {
    /// Reads a layer below `prefix`.
    pub fn load(reader: &mut WeightReader, prefix: &str, config: &VisionConfig) -> Self {
        let sizes = [config.width, config.inner_width];
        Self {
            norm1: reader.norm(&format!("{prefix}.norm1"), config.width, NORM_EPS),
            norm2: reader.norm(&format!("{prefix}.norm2"), config.width, NORM_EPS),
            attn: VisionAttention::load(reader, &format!("{prefix}.attn"), config),
            mlp: GatedMlp::load(reader, &format!("{prefix}.mlp"), sizes, Bias::Present),
        }
    }

    /// # Shapes
    /// - `patches`: `[1, patches, width]`; returns the same
    /// - `groups`: how many patches side by side attend to each other, in order
    pub fn forward(&self, patches: Tensor<3>, rotation: &Rotation, groups: &[usize]) -> Tensor<3> {
        let patches = patches.clone() + self.attn.forward(self.norm1.forward(patches), rotation, groups);
        patches.clone() + self.mlp.forward(self.norm2.forward(patches), None)
    }
}
