use burn::module::Module;
use burn::nn::RmsNorm;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use super::attend::{Asked, Heads, Memory, attend};
use super::lora::{LayerLora, Target, all_changed, changed};
use super::projection::Projection;
use super::rotary::Rotation;
use super::slices;
use crate::config::TextConfig;
use crate::weights::{Bias, WeightReader};

/// Attention in which several heads share keys and values.
///
/// # Source
/// Ainslie et al. 2023, *GQA*; `LlamaAttention`, `Qwen2_5_VLAttention` and `Qwen3VLTextAttention` of transformers 5.23.0.
#[derive(Module, Debug)]
pub struct Attention {
    q_proj: Projection,
    k_proj: Projection,
    v_proj: Projection,
    o_proj: Projection,
    q_norm: Option<RmsNorm>,
    k_norm: Option<RmsNorm>,
    heads: usize,
    key_value_heads: usize,
    head_width: usize,
}

/// What one layer remembers of the tokens so far.
#[derive(Debug, Clone)]
pub struct KeysValues(Known);

#[derive(Debug, Clone)]
enum Known {
    /// As a gradient needs them.
    Tensors(Box<Turned>),
    /// As quantised attention grows them.
    Slices(Memory),
}

#[derive(Debug, Clone)]
struct Turned {
    /// Already turned to their positions, `[batch, key_value_heads, tokens, head_width]`.
    keys: Tensor<4>,
    /// `[batch, key_value_heads, tokens, head_width]`
    values: Tensor<4>,
}

impl Attention {
    /// Reads the four maps below `prefix`, and the norms of heads where there are any.
    pub fn load(reader: &mut WeightReader, prefix: &str, config: &TextConfig) -> Self {
        let asked = config.heads * config.head_width;
        let shared = config.key_value_heads * config.head_width;
        let bias = Bias::from_flag(config.qkv_bias);
        let mut norm = |name: &str| {
            let has_norm = config.has_head_norms;
            has_norm.then(|| reader.norm(&format!("{prefix}.{name}"), config.head_width, config.norm_eps))
        };
        Self {
            q_norm: norm("q_norm"),
            k_norm: norm("k_norm"),
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
        let [queries, keys] =
            [(&self.q_norm, queries), (&self.k_norm, keys)].map(|(norm, rows)| self.normed(norm, rows));
        let asked = Asked { queries, keys, values };
        let context = match self.is_quantized() {
            true => self.mix_slices(asked, rotation, hidden, memory),
            false => self.mix(asked, rotation, hidden, memory),
        };
        changed(&self.o_proj, lora, Target::OProj, context)
    }

    /// Whether its maps stay quantised: then nothing can learn, and slices will do.
    pub fn is_quantized(&self) -> bool {
        self.q_proj.is_quantized()
    }

    /// Every head of every row by itself.
    ///
    /// # Shapes
    /// - `rows`: `[batch, tokens, heads * head_width]`; returns the same
    fn normed(&self, norm: &Option<RmsNorm>, rows: Tensor<3>) -> Tensor<3> {
        let Some(norm) = norm else { return rows };
        let [batch, tokens, width] = rows.dims();
        let heads = rows.reshape([batch, tokens, width / self.head_width, self.head_width]);
        let heads = match self.is_quantized() {
            true => slices::norm(norm, heads),
            false => norm.forward(heads),
        };
        heads.reshape([batch, tokens, width])
    }

    fn mix_slices(
        &self,
        asked: Asked,
        rotation: &Rotation,
        hidden: Option<&Tensor<4>>,
        memory: &mut Option<KeysValues>,
    ) -> Tensor<3> {
        let sizes = Heads { heads: self.heads, key_value_heads: self.key_value_heads, width: self.head_width };
        let mut known = match memory.take() {
            Some(KeysValues(Known::Slices(known))) => known,
            // Of another model: what it remembers would make no sense here.
            _ => Memory::default(),
        };
        let context = attend(sizes, asked, rotation, hidden, &mut known);
        *memory = Some(KeysValues(Known::Slices(known)));
        context
    }

    /// The heads that share a key lie side by side, so they are more queries of one head: no key is copied.
    fn mix(
        &self,
        asked: Asked,
        rotation: &Rotation,
        hidden: Option<&Tensor<4>>,
        memory: &mut Option<KeysValues>,
    ) -> Tensor<3> {
        let queries = rotation.turn(self.split(asked.queries, self.heads));
        let mut keys = rotation.turn(self.split(asked.keys, self.key_value_heads));
        let mut values = self.split(asked.values, self.key_value_heads);
        if let Some(KeysValues(Known::Tensors(past))) = memory.take() {
            keys = Tensor::cat(vec![past.keys, keys], 2);
            values = Tensor::cat(vec![past.values, values], 2);
        }
        let known = Turned { keys: keys.clone(), values: values.clone() };
        *memory = Some(KeysValues(Known::Tensors(Box::new(known))));
        let [batch, heads, tokens, width] = queries.dims();
        let [_, shared, places, _] = keys.dims();
        let together = heads / shared * tokens;
        let queries = queries.reshape([batch, shared, together, width]) / (width as f64).sqrt();
        let scores = queries.matmul(keys.swap_dims(2, 3)).reshape([batch, heads, tokens, places]);
        let scores = match hidden {
            Some(hidden) => scores + hidden.clone(),
            None => scores,
        };
        let weights = softmax(scores, 3).reshape([batch, shared, together, places]);
        let context = weights.matmul(values).reshape([batch, heads, tokens, width]);
        context.swap_dims(1, 2).reshape([batch, tokens, heads * width])
    }

    fn split(&self, rows: Tensor<3>, heads: usize) -> Tensor<4> {
        let [batch, tokens, _] = rows.dims();
        rows.reshape([batch, tokens, heads, self.head_width]).swap_dims(1, 2) // [batch, heads, tokens, head_width]
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::{Device, Distribution};

    use super::super::mask::hide;
    use super::*;
    use crate::config::{Axes, RopeConfig};

    fn random(shape: [usize; 3]) -> Tensor<3> {
        Tensor::random(shape, Distribution::Uniform(-2.0, 2.0), &Device::flex())
    }

    /// A padded prompt longer than what is handled together, then a single token.
    #[test]
    fn slices_attend_as_tensors_do() {
        let device = Device::flex();
        let linear = || Projection::Full(LinearConfig::new(1, 1).init(&device));
        let (heads, key_value_heads, head_width) = (6, 2, 8);
        let [q_proj, k_proj, v_proj, o_proj] = [linear(), linear(), linear(), linear()];
        let [q_norm, k_norm] = [None, None];
        let attention =
            Attention { q_proj, k_proj, v_proj, o_proj, q_norm, k_norm, heads, key_value_heads, head_width };
        let rope = RopeConfig { theta: 1e4, axes: Axes::One };
        let [mut of_tensors, mut of_slices] = [None, None];
        let mut is_token = vec![vec![], vec![]];
        for (start, tokens) in [(0, 70), (70, 1)] {
            let [queries, keys, values] = [heads, key_value_heads, key_value_heads].map(|h| random([2, tokens, h * 8]));
            is_token[0].extend((start..start + tokens).map(|place| place >= 3));
            is_token[1].extend(vec![true; tokens]);
            let places = (start as i64..).take(tokens).map(|place| [place; 3]).collect::<Vec<_>>();
            let rotation = Rotation::of_text(&rope, head_width, &[places.clone(), places], &device);
            let hidden = hide(&is_token, tokens, &device);
            let asked = || Asked { queries: queries.clone(), keys: keys.clone(), values: values.clone() };
            let expected = attention.mix(asked(), &rotation, hidden.as_ref(), &mut of_tensors);
            let found = attention.mix_slices(asked(), &rotation, hidden.as_ref(), &mut of_slices);
            let difference: f32 = (found - expected).abs().max().into_scalar();
            assert!(difference < 1e-5, "{difference} after {start} tokens");
        }
    }
}
