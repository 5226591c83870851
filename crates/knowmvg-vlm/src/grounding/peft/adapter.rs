use std::collections::BTreeMap;
use std::path::Path;

use knowmvg::model::params::{NamedParam, Stored, save};
use serde_json::{Value, json};

use super::changes::Changes;
use super::{create, write_json};
use crate::grounding::file::{CONFIG, PEFT};
use crate::grounding::folder::language_of;
use crate::model::{NEWER_NAMES, PUBLISHED_NAMES};
use crate::text::Target;
use crate::{Error, Result};

/// Writes `adapter_config.json` and `adapter_model.safetensors` of a model folder's language model.
///
/// `[BOX]` and what turns its hidden state into `e_box` are no part of LoRA; they stay in the model folder.
///
/// # Errors
/// When a file cannot be read or written, or the language model was not changed.
pub fn export_adapter(folder: &Path, out: &Path) -> Result<()> {
    let language = language_of(folder)?;
    let changes = Changes::open(folder, &language)?;
    let Some(lora) = &changes.config else {
        return Err(Error::Config { what: "expected lora, found none to export".into(), path: folder.join(CONFIG) });
    };
    // What PEFT asks is where transformers has a layer, whatever its checkpoint calls it.
    let sees = crate::model::sees(&language)?;
    let body = if sees { NEWER_NAMES.0.body } else { PUBLISHED_NAMES.0.body };
    let adapter = json!({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "inference_mode": true,
        "base_model_name_or_path": language.file_name().map(|name| name.to_string_lossy().into_owned()),
        "r": lora.r, "lora_alpha": lora.lora_alpha, "lora_dropout": 0.0,
        "target_modules": if sees { pattern(body, &lora.target_modules) } else { names(&lora.target_modules) },
        "bias": "none", "fan_in_fan_out": false, "init_lora_weights": true,
    });
    create(out)?;
    write_json(&out.join("adapter_config.json"), &adapter)?;
    let path = out.join("adapter_model.safetensors");
    save(&path, &tensors(&changes, body), Stored::F32, BTreeMap::from([("format".to_owned(), "pt".to_owned())]))
        .map_err(|source| Error::Weights { source, path })
}

fn tensors(changes: &Changes, body: &str) -> Vec<NamedParam> {
    let named = |path: &str, half: &str, param: &NamedParam| NamedParam {
        name: format!("{PEFT}{body}{path}.{half}.weight"),
        ..param.clone()
    };
    changes
        .all()
        .flat_map(|(path, change)| [named(path, "lora_A", &change.a), named(path, "lora_B", &change.b)])
        .collect()
}

fn names(targets: &[Target]) -> Value {
    targets.iter().filter_map(|target| target.path().rsplit('.').next()).collect()
}

/// The maps of the language model alone: those of a vision tower may have the same last names.
fn pattern(body: &str, targets: &[Target]) -> Value {
    let escaped = |text: &str| text.replace('.', r"\.");
    let paths: Vec<String> = targets.iter().map(|target| escaped(target.path())).collect();
    format!(r"{}layers\.\d+\.({})", escaped(body), paths.join("|")).into()
}
