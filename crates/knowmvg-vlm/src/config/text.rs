use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::checked::{no_unknown, only, size};
use super::rope::{RopeConfig, RopeFamily};

/// Sizes and switches of a language model.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Width inside the gated MLP.
    pub inner_width: usize,
    /// Number of layers.
    pub layers: usize,
    /// Heads that ask.
    pub heads: usize,
    /// Heads that are asked; each serves `heads / key_value_heads` of those that ask.
    pub key_value_heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Added to a mean square before its root.
    pub norm_eps: f64,
    /// Whether query, key and value have a bias (Qwen2.5) or not (Llama, Qwen3).
    pub qkv_bias: bool,
    /// Whether each head of queries and keys is normed before it turns (Qwen3).
    pub has_head_norms: bool,
    /// Whether the table of embeddings is the output head as well.
    pub is_head_tied: bool,
    /// How positions turn queries and keys.
    pub rope: RopeConfig,
}

/// The keys of a Llama, Qwen2.5-VL or Qwen3-VL text configuration.
///
/// # Source
/// `configuration_llama.py`, `configuration_qwen2_5_vl.py` and `configuration_qwen3_vl.py` of transformers 5.23.0, whose
/// defaults these are where a file may omit a key.
#[derive(Debug, Deserialize)]
pub(super) struct TextKeys {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: Option<f64>,
    #[serde(default = "silu")]
    hidden_act: String,
    tie_word_embeddings: Option<bool>,
    rope_theta: Option<f64>,
    rope_scaling: Option<Value>,
    rope_parameters: Option<Value>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default)]
    use_sliding_window: bool,
    #[serde(rename = "model_type")]
    _model_type: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

fn silu() -> String {
    "silu".into()
}

/// What the family of a text model fixes without a key.
pub(super) struct TextFamily {
    pub qkv_bias: bool,
    pub has_head_norms: bool,
    /// Width of a head where no key says it; as many as share out the width of a token if absent.
    pub head_width: Option<usize>,
    pub rope: RopeFamily,
}

impl TextFamily {
    pub const LLAMA: Self = Self {
        qkv_bias: false,
        has_head_norms: false,
        head_width: None,
        rope: RopeFamily { theta: 10_000.0, sections: None, is_interleaved: false },
    };
    pub const QWEN2_5_VL: Self = Self {
        qkv_bias: true,
        has_head_norms: false,
        head_width: None,
        rope: RopeFamily { theta: 1_000_000.0, sections: None, is_interleaved: false },
    };
    pub const QWEN3_VL: Self = Self {
        qkv_bias: false,
        has_head_norms: true,
        head_width: Some(128),
        rope: RopeFamily { theta: 500_000.0, sections: Some([24, 20, 20]), is_interleaved: true },
    };
}

impl TextConfig {
    pub(super) fn from_keys(keys: TextKeys, family: &TextFamily) -> Result<Self, String> {
        no_unknown(&keys.rest)?;
        only("hidden_act", &keys.hidden_act, "silu")?;
        for (name, is_set) in [
            ("attention_bias", keys.attention_bias),
            ("mlp_bias", keys.mlp_bias),
            ("use_sliding_window", keys.use_sliding_window),
        ] {
            only(name, if is_set { "true" } else { "false" }, "false")?;
        }
        let heads = size("num_attention_heads", keys.num_attention_heads, 1 << 10)?;
        let width = size("hidden_size", keys.hidden_size, 1 << 16)?;
        let scaling = keys.rope_parameters.as_ref().or(keys.rope_scaling.as_ref());
        let config = Self {
            vocab_size: size("vocab_size", keys.vocab_size, 1 << 20)?,
            width,
            inner_width: size("intermediate_size", keys.intermediate_size, 1 << 18)?,
            layers: size("num_hidden_layers", keys.num_hidden_layers, 1 << 10)?,
            heads,
            key_value_heads: size("num_key_value_heads", keys.num_key_value_heads.unwrap_or(heads), heads)?,
            head_width: size("head_dim", keys.head_dim.or(family.head_width).unwrap_or(width / heads), 1 << 12)?,
            norm_eps: keys.rms_norm_eps.unwrap_or(1e-6),
            qkv_bias: family.qkv_bias,
            has_head_norms: family.has_head_norms,
            is_head_tied: keys.tie_word_embeddings.unwrap_or(false),
            rope: RopeConfig::from_keys(keys.rope_theta, scaling, &family.rope)?,
        };
        config.checked()
    }

    /// Checks what the sizes have to do with each other.
    pub(crate) fn checked(self) -> Result<Self, String> {
        if !self.heads.is_multiple_of(self.key_value_heads) {
            let (heads, shared) = (self.heads, self.key_value_heads);
            return Err(format!("expected num_attention_heads as a multiple of {shared}, found {heads}"));
        }
        if !(self.norm_eps.is_finite() && self.norm_eps > 0.0) {
            return Err(format!("expected rms_norm_eps above 0, found {}", self.norm_eps));
        }
        self.rope.fits(self.head_width)?;
        Ok(self)
    }
}
