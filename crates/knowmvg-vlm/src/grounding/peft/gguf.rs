use std::collections::BTreeMap;
use std::path::Path;

use knowmvg::model::params::{NamedParam, Stored, save};
use knowmvg::model::weights::WeightError;
use serde_json::json;

use super::changes::Changes;
use super::{BOX_TOKEN, add_box, create, write_json};
use crate::config::TextConfig;
use crate::gguf::{Gguf, GgufSource};
use crate::text::Target;
use crate::tokenizer::TextTokenizer;
use crate::weights::TensorSource;
use crate::{Error, Result};

/// Writes a GGUF file as a folder of Hugging Face, in half precision.
///
/// # Errors
/// When a file cannot be read or written, or the changes do not fit.
pub(super) fn export(language: &Path, changes: &Changes, out: &Path) -> Result<()> {
    let gguf = Gguf::open(language)?;
    let config = gguf.model_config().map_err(|what| Error::Config { what, path: language.to_owned() })?;
    let mut tokenizer = TextTokenizer::from_gguf(&gguf)?;
    let id = add_box(&mut tokenizer)?;
    if id != config.text.vocab_size {
        return Err(Error::Tokenizer(format!("expected {BOX_TOKEN} as token {}, found {id}", config.text.vocab_size)));
    }
    let source = GgufSource::new(&gguf, &config.text);
    let params =
        merged(source, &config.text, changes).map_err(|source| Error::Weights { source, path: language.to_owned() })?;
    create(out)?;
    tokenizer.save(&out.join("tokenizer.json"))?;
    write_json(&out.join("config.json"), &llama_config(&config.text, &config.stop_ids))?;
    let path = out.join("model.safetensors");
    save(&path, &params, Stored::F16, BTreeMap::from([("format".to_owned(), "pt".to_owned())]))
        .map_err(|source| Error::Weights { source, path })
}

fn merged(
    mut source: impl TensorSource,
    text: &TextConfig,
    changes: &Changes,
) -> std::result::Result<Vec<NamedParam>, WeightError> {
    let mut params = vec![];
    let mut problems = vec![];
    for name in names(text) {
        let shape = source.shape(&name).unwrap_or_default();
        let read = source.values(&name).map(|values| NamedParam { name, shape, values });
        match read.and_then(|param| changed(param, changes)) {
            Ok(param) => params.push(param),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(WeightError::Mismatch(problems));
    }
    changes.finish()?;
    Ok(params)
}

fn changed(mut param: NamedParam, changes: &Changes) -> std::result::Result<NamedParam, String> {
    match param.name.as_str() {
        "model.embed_tokens.weight" => append(&mut param, &changes.box_token)?,
        "lm_head.weight" => append(&mut param, changes.head()?)?,
        name => {
            let path = name.strip_prefix("model.").and_then(|name| name.strip_suffix(".weight"));
            let change = path.map_or(Ok(None), |path| changes.take(path, &param.shape))?;
            change.into_iter().for_each(|change| change.add_to(&mut param.values));
        }
    }
    Ok(param)
}

fn append(table: &mut NamedParam, row: &[f32]) -> std::result::Result<(), String> {
    if table.shape.get(1) != Some(&row.len()) {
        return Err(format!("expected {} with rows of {}, found {:?}", table.name, row.len(), table.shape));
    }
    table.shape[0] += 1;
    table.values.extend(row);
    Ok(())
}

/// The tensors of a Llama, by Hugging Face's names.
fn names(text: &TextConfig) -> Vec<String> {
    let layer = |i: usize| {
        let maps = Target::ALL.map(|target| format!("model.layers.{i}.{}.weight", target.path()));
        let norms =
            ["input_layernorm", "post_attention_layernorm"].map(|norm| format!("model.layers.{i}.{norm}.weight"));
        maps.into_iter().chain(norms)
    };
    let mut names: Vec<String> = ["model.embed_tokens.weight", "model.norm.weight"].map(str::to_owned).into();
    names.extend((0..text.layers).flat_map(layer));
    names.extend((!text.is_head_tied).then(|| "lm_head.weight".to_owned()));
    names
}

fn llama_config(text: &TextConfig, stop_ids: &[u32]) -> serde_json::Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float16",
        "vocab_size": text.vocab_size + 1, "hidden_size": text.width, "intermediate_size": text.inner_width,
        "num_hidden_layers": text.layers, "num_attention_heads": text.heads,
        "num_key_value_heads": text.key_value_heads, "head_dim": text.head_width, "rms_norm_eps": text.norm_eps,
        "hidden_act": "silu", "tie_word_embeddings": text.is_head_tied, "rope_theta": text.rope.theta,
        "eos_token_id": stop_ids,
    })
}
