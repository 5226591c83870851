use std::collections::BTreeSet;

use super::file::{Gguf, GgufTensor};
use crate::config::TextConfig;
use crate::weights::TensorSource;

/// The tensors of a Llama in a GGUF file, by Hugging Face's names and in its layout.
pub struct GgufSource<'a> {
    gguf: &'a Gguf,
    heads: usize,
    key_value_heads: usize,
    used: BTreeSet<String>,
}

impl<'a> GgufSource<'a> {
    /// A strict reader of all tensors.
    pub fn new(gguf: &'a Gguf, config: &TextConfig) -> Self {
        Self { gguf, heads: config.heads, key_value_heads: config.key_value_heads, used: BTreeSet::new() }
    }

    fn find(&self, name: &str) -> Option<(String, &'a GgufTensor)> {
        let name = gguf_name(name)?;
        let tensor = self.gguf.tensors().get(&name)?;
        Some((name, tensor))
    }

    /// How many heads a tensor's rows were reordered for.
    fn reordered_heads(&self, name: &str) -> Option<usize> {
        match name.rsplit('.').nth(1)? {
            "attn_q" => Some(self.heads),
            "attn_k" => Some(self.key_value_heads),
            _ => None,
        }
    }
}

impl TensorSource for GgufSource<'_> {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.find(name).map(|(_, tensor)| tensor.shape.clone())
    }

    fn values(&mut self, name: &str) -> Result<Vec<f32>, String> {
        let (name, tensor) = self.find(name).ok_or_else(|| format!("missing {name}"))?;
        let values = self.gguf.values(tensor);
        let values = match (self.reordered_heads(&name), tensor.shape.first()) {
            (Some(heads), Some(rows)) if rows.is_multiple_of(2 * heads) => halves_apart(&values, heads, *rows),
            (Some(heads), _) => {
                return Err(format!("expected rows of {name} for {heads} heads, found {:?}", tensor.shape));
            }
            (None, _) => values,
        };
        self.used.insert(name);
        Ok(values)
    }

    fn finish(self: Box<Self>) -> Vec<String> {
        let names = self.gguf.tensors().keys();
        names.filter(|name| !self.used.contains(*name)).map(|name| format!("unused {name}")).collect()
    }
}

/// llama.cpp turns neighbouring rows of a head together, Hugging Face rows half a head apart; its converter reorders the
/// rows of query and key, and this undoes it: row `2 j + half` of a head becomes row `j + half * head_width / 2`.
///
/// # Source
/// `LlamaModel.permute` in llama.cpp's `convert_hf_to_gguf.py`.
fn halves_apart(values: &[f32], heads: usize, rows: usize) -> Vec<f32> {
    let width = values.len() / rows;
    let head_width = rows / heads;
    let mut ordered = Vec::with_capacity(values.len());
    for head in 0..heads {
        for row in 0..head_width {
            let [half, pair] = [row / (head_width / 2), row % (head_width / 2)];
            let from = head * head_width + 2 * pair + half;
            ordered.extend_from_slice(&values[from * width..(from + 1) * width]);
        }
    }
    ordered
}

/// The file's name for one of Hugging Face's.
fn gguf_name(name: &str) -> Option<String> {
    let whole = match name {
        "model.embed_tokens.weight" => Some("token_embd.weight"),
        "model.norm.weight" => Some("output_norm.weight"),
        "lm_head.weight" => Some("output.weight"),
        _ => None,
    };
    if let Some(whole) = whole {
        return Some(whole.to_owned());
    }
    let (layer, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let part = match rest.strip_suffix(".weight")? {
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" => "ffn_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    };
    Some(format!("blk.{layer}.{part}.weight"))
}
