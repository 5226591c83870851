use burn::module::Module;
use burn::tensor::Tensor;

use super::attention::VisionAttention;
use super::mlp::VisionMlp;
use super::norm::VisionNorm;
use crate::config::VisionConfig;
use crate::text::Rotation;
use crate::weights::WeightReader;

/// One layer of the tower.
#[derive(Module, Debug)]
pub struct VisionBlock {
    norm1: VisionNorm,
    norm2: VisionNorm,
    attn: VisionAttention,
    mlp: VisionMlp,
}

impl VisionBlock {
    /// Reads a layer below `prefix`.
    pub fn load(reader: &mut WeightReader, prefix: &str, config: &VisionConfig) -> Self {
        let mut norm = |name: &str| VisionNorm::load(reader, &format!("{prefix}.{name}"), config.width, &config.design);
        Self {
            norm1: norm("norm1"),
            norm2: norm("norm2"),
            attn: VisionAttention::load(reader, &format!("{prefix}.attn"), config),
            mlp: VisionMlp::load(reader, &format!("{prefix}.mlp"), config),
        }
    }

    /// # Shapes
    /// - `patches`: `[1, patches, width]`; returns the same
    /// - `groups`: how many patches side by side attend to each other, in order
    pub fn forward(&self, patches: Tensor<3>, rotation: &Rotation, groups: &[usize]) -> Tensor<3> {
        let patches = patches.clone() + self.attn.forward(self.norm1.forward(patches), rotation, groups);
        patches.clone() + self.mlp.forward(self.norm2.forward(patches))
    }
}
