use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use crate::config::VisionConfig;
use crate::text::Rotation;
use crate::weights::{Bias, WeightReader};

/// Attention within groups of patches that stand side by side: windows, or whole images.
#[derive(Module, Debug)]
pub struct VisionAttention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

impl VisionAttention {
    pub(super) fn load(reader: &mut WeightReader, prefix: &str, config: &VisionConfig) -> Self {
        let width = config.width;
        Self {
            qkv: reader.linear(&format!("{prefix}.qkv"), [width, 3 * width], Bias::Present),
            proj: reader.linear(&format!("{prefix}.proj"), [width, width], Bias::Present),
            heads: config.heads,
        }
    }

    /// # Shapes
    /// - `patches`: `[1, patches, width]`; returns the same
    /// - `groups`: sizes, in order, that add up to the number of patches
    pub(super) fn forward(&self, patches: Tensor<3>, rotation: &Rotation, groups: &[usize]) -> Tensor<3> {
        let [_, count, width] = patches.dims();
        let all = self.qkv.forward(patches).reshape([1, count, 3 * self.heads, width / self.heads]).swap_dims(1, 2);
        let part = |i: usize| all.clone().narrow(1, i * self.heads, self.heads); // [1, heads, patches, head_width]
        let queries = rotation.turn(part(0)) / ((width / self.heads) as f64).sqrt();
        let [keys, values] = [rotation.turn(part(1)), part(2)];
        let starts = groups.iter().scan(0, |end, len| {
            *end += len;
            Some(*end - len)
        });
        let contexts = starts.zip(groups).map(|(start, len)| {
            let group = |rows: &Tensor<4>| rows.clone().narrow(2, start, *len);
            let weights = softmax(group(&queries).matmul(group(&keys).swap_dims(2, 3)), 3);
            weights.matmul(group(&values))
        });
        let context = Tensor::cat(contexts.collect(), 2).swap_dims(1, 2).reshape([1, count, width]);
        self.proj.forward(context)
    }
}
