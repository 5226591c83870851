use std::collections::BTreeSet;

use super::file::{Gguf, GgufTensor};
use crate::config::TextConfig;
use crate::quantized::StoredRows;
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

    /// Which row of the file is each row of a tensor, where that differs.
    fn order(&self, name: &str, tensor: &GgufTensor) -> Result<Option<Vec<usize>>, String> {
        match (self.reordered_heads(name), tensor.shape.first()) {
            (Some(heads), Some(rows)) if rows.is_multiple_of(2 * heads) => Ok(Some(halves_apart(heads, *rows))),
            (Some(heads), _) => Err(format!("expected rows of {name} for {heads} heads, found {:?}", tensor.shape)),
            (None, _) => Ok(None),
        }
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
        let values = match self.order(&name, tensor)? {
            Some(order) => {
                let width = values.len() / order.len();
                order.into_iter().flat_map(|row| &values[row * width..(row + 1) * width]).copied().collect()
            }
            None => values,
        };
        self.used.insert(name);
        Ok(values)
    }

    fn stored(&mut self, name: &str) -> Result<Option<StoredRows<'_>>, String> {
        let (name, tensor) = self.find(name).ok_or_else(|| format!("missing {name}"))?;
        let [outputs, inputs] = tensor.shape[..] else { return Ok(None) };
        let blocks = self.gguf.blocks(tensor);
        if !tensor.kind.is_quantized() || blocks.is_empty() {
            return Ok(None);
        }
        let size = blocks.len() / outputs;
        let order = self.order(&name, tensor)?.unwrap_or_else(|| (0..outputs).collect());
        let rows = order.into_iter().map(|row| &blocks[row * size..(row + 1) * size]).collect();
        self.used.insert(name);
        Ok(Some(StoredRows { kind: tensor.kind, rows, inputs }))
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
fn halves_apart(heads: usize, rows: usize) -> Vec<usize> {
    let head_width = rows / heads;
    let from = |row| {
        let (head, row) = (row / head_width, row % head_width);
        let [half, pair] = [row / (head_width / 2), row % (head_width / 2)];
        head * head_width + 2 * pair + half
    };
    (0..rows).map(from).collect()
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
