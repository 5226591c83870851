use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use crate::config::VisionConfig;
use crate::text::{Projection, Rotation};
use crate::weights::{Bias, WeightReader};

/// Most scores of one head that are held at a time: a large picture has four billion.
const MAX_SCORES: usize = 1 << 22;

/// Attention within groups of patches that stand side by side: windows, or whole images.
#[derive(Module, Debug)]
pub struct VisionAttention {
    qkv: Projection,
    proj: Projection,
    heads: usize,
}

impl VisionAttention {
    pub(super) fn load(reader: &mut WeightReader, prefix: &str, config: &VisionConfig) -> Self {
        let width = config.width;
        Self {
            qkv: reader.projection(&format!("{prefix}.qkv"), [width, 3 * width], Bias::Present),
            proj: reader.projection(&format!("{prefix}.proj"), [width, width], Bias::Present),
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
            attend(group(&queries), group(&keys), group(&values), MAX_SCORES)
        });
        let context = Tensor::cat(contexts.collect(), 2).swap_dims(1, 2).reshape([1, count, width]);
        self.proj.forward(context)
    }
}

/// Each query's mixture of the values, some queries at a time.
fn attend(queries: Tensor<4>, keys: Tensor<4>, values: Tensor<4>, max_scores: usize) -> Tensor<4> {
    let [_, _, count, _] = queries.dims();
    let at_a_time = (max_scores / count).max(1);
    let keys = keys.swap_dims(2, 3);
    let pieces = (0..count).step_by(at_a_time).map(|start| {
        let piece = queries.clone().narrow(2, start, at_a_time.min(count - start));
        softmax(piece.matmul(keys.clone()), 3).matmul(values.clone())
    });
    Tensor::cat(pieces.collect(), 2)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    #[test]
    fn some_queries_at_a_time_see_as_much_as_all_at_once() {
        let rows = |count| Tensor::<4>::random([1, 2, count, 4], Distribution::Normal(0.0, 1.0), &Device::flex());
        let [queries, keys, values] = [7, 7, 7].map(rows);
        let at_once = attend(queries.clone(), keys.clone(), values.clone(), 49);
        for max_scores in [1, 14, 21] {
            let apart = attend(queries.clone(), keys.clone(), values.clone(), max_scores);
            let largest: f32 = (apart - at_once.clone()).abs().max().into_scalar();
            assert!(largest < 1e-6, "{largest}");
        }
    }
}
