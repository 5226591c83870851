use super::file::Gguf;
use crate::config::{Axes, Family, ModelConfig, RopeConfig, TextConfig, size};

impl Gguf {
    /// What kind of model the file holds.
    ///
    /// # Errors
    /// When it is not a Llama, or asks for something that this crate does not have; the message names the key.
    pub fn model_config(&self) -> Result<ModelConfig, String> {
        match self.string("general.architecture").unwrap_or("nothing") {
            "llama" => {}
            other => return Err(format!("expected general.architecture llama, found {other}")),
        }
        let scaling = self.string("llama.rope.scaling.type").unwrap_or("none");
        if scaling != "none" {
            return Err(format!("expected llama.rope.scaling.type none, found {scaling}"));
        }
        let text = self.text_config()?;
        let turned = self.integer("llama.rope.dimension_count").unwrap_or(text.head_width as u64);
        if turned != text.head_width as u64 {
            return Err(format!("expected llama.rope.dimension_count {}, found {turned}", text.head_width));
        }
        let stop = self.integer("tokenizer.ggml.eos_token_id").and_then(|id| u32::try_from(id).ok());
        let stop_ids = stop.into_iter().collect();
        Ok(ModelConfig { family: Family::Llama, text, vision: None, image_tokens: None, stop_ids })
    }

    fn text_config(&self) -> Result<TextConfig, String> {
        let heads = self.size("llama.attention.head_count", 1 << 10)?;
        let width = self.size("llama.embedding_length", 1 << 16)?;
        let or = |key: &str, other: usize, most| if self.get(key).is_some() { self.size(key, most) } else { Ok(other) };
        let embedding = self.tensors().get("token_embd.weight").and_then(|tensor| tensor.shape.first());
        let theta = self.float("llama.rope.freq_base").unwrap_or(10_000.0);
        if !(theta.is_finite() && theta > 1.0) {
            return Err(format!("expected llama.rope.freq_base above 1, found {theta}"));
        }
        let config = TextConfig {
            vocab_size: size("rows of token_embd.weight", embedding.copied().unwrap_or(0), 1 << 20)?,
            width,
            inner_width: self.size("llama.feed_forward_length", 1 << 18)?,
            layers: self.size("llama.block_count", 1 << 10)?,
            heads,
            key_value_heads: or("llama.attention.head_count_kv", heads, heads)?,
            head_width: or("llama.attention.key_length", width / heads, 1 << 12)?,
            norm_eps: self.float("llama.attention.layer_norm_rms_epsilon").unwrap_or(1e-5),
            qkv_bias: false,
            has_head_norms: false,
            is_head_tied: !self.tensors().contains_key("output.weight"),
            rope: RopeConfig { theta, axes: Axes::One },
        };
        config.checked()
    }

    fn size(&self, key: &str, most: usize) -> Result<usize, String> {
        let found = self.integer(key).ok_or_else(|| format!("expected {key} as a whole number, found none"))?;
        size(key, usize::try_from(found).unwrap_or(usize::MAX), most)
    }
}
