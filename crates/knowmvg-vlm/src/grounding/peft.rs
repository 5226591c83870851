//! The changes of a language model as PEFT reads them, and put into its weights.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use knowmvg::model::params::{NamedParam, Stored, save};
use knowmvg::model::trace::values;
use knowmvg::model::weights::{WeightError, WeightFile};
use serde_json::json;

use super::adapter::GroundingAdapter;
use super::file::{CONFIG, PEFT, WEIGHTS};
use super::folder::{language_of, read_config, read_learnt};
use crate::config::{ModelConfig, TextConfig};
use crate::gguf::{Gguf, GgufSource};
use crate::text::Target;
use crate::tokenizer::TextTokenizer;
use crate::weights::TensorSource;
use crate::{Error, Result};

/// The token that says where to look.
pub const BOX_TOKEN: &str = "[BOX]";

/// Writes `adapter_config.json` and `adapter_model.safetensors` of a model folder's language model.
///
/// `[BOX]` and what turns its hidden state into `e_box` are no part of LoRA; they stay in the model folder.
///
/// # Errors
/// When a file cannot be read or written, or the language model was not changed.
pub fn export_adapter(folder: &Path, out: &Path) -> Result<()> {
    let config = read_config(&folder.join(CONFIG))?;
    let Some(lora) = &config.lora else {
        return Err(Error::Config { what: "expected lora, found none to export".into(), path: folder.join(CONFIG) });
    };
    let path = folder.join(WEIGHTS);
    let wrong = |source| Error::Weights { source, path: path.clone() };
    let file = WeightFile::open(&path).map_err(wrong)?;
    let mut loader = file.loader().map_err(wrong)?;
    let order = file.metadata().remove("order").unwrap_or_default();
    let language = language_of(folder)?;
    let sees = sees(&language)?;
    let changes: Vec<NamedParam> = order
        .lines()
        .filter(|name| name.starts_with(PEFT))
        .map(|name| {
            let shape = loader.shape(name).unwrap_or_default();
            NamedParam { name: named_in(name, sees), values: loader.tensor(name, &shape), shape }
        })
        .collect();
    let targets: Vec<&str> = lora.target_modules.iter().filter_map(|target| target.path().rsplit('.').next()).collect();
    let adapter = json!({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "inference_mode": true,
        "base_model_name_or_path": language.file_name().map(|name| name.to_string_lossy().into_owned()),
        "r": lora.r, "lora_alpha": lora.lora_alpha, "lora_dropout": 0.0, "target_modules": targets,
        "bias": "none", "fan_in_fan_out": false, "init_lora_weights": true,
    });
    create(out)?;
    write_json(&out.join("adapter_config.json"), &adapter)?;
    let path = out.join("adapter_model.safetensors");
    save(&path, &changes, Stored::F32, BTreeMap::from([("format".to_owned(), "pt".to_owned())]))
        .map_err(|source| Error::Weights { source, path })
}

/// Whether a language model has a vision tower of its own.
fn sees(language: &Path) -> Result<bool> {
    if !language.is_dir() {
        return Ok(false);
    }
    let path = language.join("config.json");
    let json = fs::read(&path).map_err(|source| Error::Io { source, path: path.clone() })?;
    let config = ModelConfig::from_json(&json).map_err(|what| Error::Config { what, path })?;
    Ok(config.vision.is_some())
}

/// A change's name among the modules of transformers, which keeps the language model of one that sees a module deeper.
///
/// # Source
/// `get_peft_model_state_dict` of PEFT 0.21.2 for the tiny checkpoints of Qwen2.5-VL and Qwen3-VL, transformers 5.23.0.
fn named_in(name: &str, sees: bool) -> String {
    match name.strip_prefix(PEFT).and_then(|rest| rest.strip_prefix("model.layers.")) {
        Some(rest) if sees => format!("{PEFT}model.language_model.layers.{rest}"),
        _ => name.to_owned(),
    }
}

/// Writes the language model of a model folder as a folder of Hugging Face, with the changes in its weights and `[BOX]` as the
/// last token of its vocabulary.
///
/// # Errors
/// When a file cannot be read or written, or the language model is not a GGUF file.
pub fn export_merged(folder: &Path, out: &Path) -> Result<()> {
    let language = language_of(folder)?;
    if language.is_dir() {
        let what = "expected a language model in a GGUF file; export an adapter of this one, and merge it with PEFT";
        return Err(Error::Config { what: what.into(), path: language });
    }
    let gguf = Gguf::open(&language)?;
    let config = gguf.model_config().map_err(|what| Error::Config { what, path: language.clone() })?;
    let adapter = read_learnt(folder, &language)?;
    let mut tokenizer = TextTokenizer::from_gguf(&gguf)?;
    let id = tokenizer.add_special(BOX_TOKEN)?;
    if id as usize != config.text.vocab_size {
        return Err(Error::Tokenizer(format!("expected {BOX_TOKEN} as token {}, found {id}", config.text.vocab_size)));
    }
    let source = GgufSource::new(&gguf, &config.text);
    let params = merged(source, &config.text, &adapter).map_err(|source| Error::Weights { source, path: language })?;
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
    adapter: &GroundingAdapter,
) -> std::result::Result<Vec<NamedParam>, WeightError> {
    let mut params = vec![];
    let mut problems = vec![];
    for name in names(text) {
        let shape = source.shape(&name).unwrap_or_default();
        match source.values(&name) {
            Ok(values) => params.push(NamedParam { name, shape, values }),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(WeightError::Mismatch(problems));
    }
    for param in &mut params {
        match param.name.as_str() {
            "model.embed_tokens.weight" => append(param, values(&adapter.box_token.val())),
            "lm_head.weight" => append(param, values(&adapter.box_head())),
            _ => change(param, adapter),
        }
    }
    Ok(params)
}

fn append(table: &mut NamedParam, row: Vec<f32>) {
    table.shape[0] += 1;
    table.values.extend(row);
}

/// Adds `lora_alpha / r B A` to a map that has a change.
fn change(param: &mut NamedParam, adapter: &GroundingAdapter) {
    let found = || {
        let (layer, rest) = param.name.strip_prefix("model.layers.")?.split_once('.')?;
        let map = rest.strip_suffix(".weight")?;
        let target = Target::ALL.into_iter().find(|target| target.path() == map)?;
        adapter.lora.as_ref()?.layers().get(layer.parse::<usize>().ok()?)?.get(target)
    };
    let Some(lora) = found() else { return };
    // Ours is [inputs, outputs], the file's is turned.
    let added = values(&lora.weight().transpose());
    param.values.iter_mut().zip(added).for_each(|(value, added)| *value += added);
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

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::Io { source, path: folder.to_owned() })
}

fn write_json(path: &Path, value: &serde_json::Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("JSON serializes") + "\n";
    fs::write(path, text).map_err(|source| Error::Io { source, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_a_model_that_sees_lie_a_module_deeper() {
        let name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
        let deeper = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight";
        assert_eq!(named_in(name, false), name);
        assert_eq!(named_in(name, true), deeper);
    }
}
