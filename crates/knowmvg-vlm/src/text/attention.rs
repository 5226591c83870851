use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use super::lora::{LayerLora, Target, all_changed, changed};
use super::projection::Projection;
use super::rotary::Rotation;
use crate::config::TextConfig;
use crate::weights::{Bias, WeightReader};

/// Attention in which several heads share keys and values.
///
/// # Source
/// Ainslie et al. 2023, *GQA*; `LlamaAttention` and `Qwen2_5_VLAttention` of transformers 5.23.0.
#[derive(Module, Debug)]
pub struct Attention {
    q_proj: Projection,
    k_proj: Projection,
    v_proj: Projection,
    o_proj: Projection,
    heads: usize,
    key_value_heads: usize,
    head_width: usize,
}

/// What one layer remembers of the tokens so far.
#[derive(Debug, Clone)]
pub struct KeysValues {
    /// Already turned to their positions, `[batch, key_value_heads, tokens, head_width]`.
    keys: Tensor<4>,
    /// `[batch, key_value_heads, tokens, head_width]`
    values: Tensor<4>,
}

impl Attention {
    /// Reads the four maps below `prefix`.
    pub fn load(reader: &mut WeightReader, prefix: &str, config: &TextConfig) -> Self {
        let asked = config.heads * config.head_width;
        let shared = config.key_value_heads * config.head_width;
        let bias = Bias::from_flag(config.qkv_bias);
        Self {
            q_proj: reader.projection(&format!("{prefix}.q_proj"), [config.width, asked], bias),
            k_proj: reader.projection(&format!("{prefix}.k_proj"), [config.width, shared], bias),
            v_proj: reader.projection(&format!("{prefix}.v_proj"), [config.width, shared], bias),
            o_proj: reader.projection(&format!("{prefix}.o_proj"), [asked, config.width], Bias::Absent),
            heads: config.heads,
            key_value_heads: config.key_value_heads,
            head_width: config.head_width,
        }
    }

    /// Attends from new tokens to themselves and to those remembered; remembers the new ones.
    ///
    /// # Shapes
    /// - `rows`: `[batch, tokens, width]`; returns the same
    /// - `hidden`: added to the scores, `[batch, 1, tokens, past + tokens]`
    pub fn forward(
        &self,
        rows: Tensor<3>,
        rotation: &Rotation,
        hidden: Option<&Tensor<4>>,
        memory: &mut Option<KeysValues>,
        lora: Option<&LayerLora>,
    ) -> Tensor<3> {
        let maps = [(&self.q_proj, Target::QProj), (&self.k_proj, Target::KProj), (&self.v_proj, Target::VProj)];
        let [queries, keys, values] = all_changed(maps, lora, rows);
        let queries = rotation.turn(self.split(queries, self.heads));
        let keys = rotation.turn(self.split(keys, self.key_value_heads));
        let values = self.split(values, self.key_value_heads);
        let known = match memory.take() {
            Some(past) => past.followed_by(keys, values),
            None => KeysValues { keys, values },
        };
        *memory = Some(known.clone());
        changed(&self.o_proj, lora, Target::OProj, self.mix(queries, known, hidden))
    }

    /// The heads that share a key lie side by side, so they are more queries of one head: no key is copied.
    fn mix(&self, queries: Tensor<4>, known: KeysValues, hidden: Option<&Tensor<4>>) -> Tensor<3> {
        let [batch, heads, tokens, width] = queries.dims();
        let [_, shared, places, _] = known.keys.dims();
        let together = heads / shared * tokens;
        let queries = queries.reshape([batch, shared, together, width]) / (width as f64).sqrt();
        let scores = queries.matmul(known.keys.swap_dims(2, 3)).reshape([batch, heads, tokens, places]);
        let scores = match hidden {
            Some(hidden) => scores + hidden.clone(),
            None => scores,
        };
        let weights = softmax(scores, 3).reshape([batch, shared, together, places]);
        let context = weights.matmul(known.values).reshape([batch, heads, tokens, width]);
        context.swap_dims(1, 2).reshape([batch, tokens, heads * width])
    }

    fn split(&self, rows: Tensor<3>, heads: usize) -> Tensor<4> {
        let [batch, tokens, _] = rows.dims();
        rows.reshape([batch, tokens, heads, self.head_width]).swap_dims(1, 2) // [batch, heads, tokens, head_width]
    }
}

impl KeysValues {
    fn followed_by(self, keys: Tensor<4>, values: Tensor<4>) -> Self {
        Self { keys: Tensor::cat(vec![self.keys, keys], 2), values: Tensor::cat(vec![self.values, values], 2) }
    }
}
