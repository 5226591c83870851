//! The changes of a language model as PEFT reads them, and put into its weights.
//!
//! `model folder -> adapter_config.json + adapter_model.safetensors`, or `-> a folder of Hugging Face, with [BOX] as a token`

mod adapter;
mod changes;
mod checkpoint;
mod gguf;

use std::fs;
use std::path::Path;

pub use adapter::export_adapter;

use super::folder::language_of;
use crate::tokenizer::TextTokenizer;
use crate::{Error, Result};
use changes::Changes;

/// The token that says where to look.
pub const BOX_TOKEN: &str = "[BOX]";

/// Writes the language model of a model folder as a folder of Hugging Face, with the changes in its weights and `[BOX]` as the
/// last token of its vocabulary.
///
/// Of a checkpoint in safetensors, every number keeps its type and its file, and what is not changed its bytes; a GGUF file
/// becomes a Llama in half precision.
///
/// # Errors
/// When a file cannot be read or written, or what was learnt does not fit the language model.
pub fn export_merged(folder: &Path, out: &Path) -> Result<()> {
    let language = language_of(folder)?;
    let changes = Changes::open(folder, &language)?;
    match language.is_dir() {
        true => checkpoint::export(&language, &changes, out),
        false => gguf::export(&language, &changes, out),
    }
}

/// Makes `[BOX]` the token after the last one of the vocabulary; returns its id.
fn add_box(tokenizer: &mut TextTokenizer) -> Result<usize> {
    if tokenizer.id(BOX_TOKEN).is_ok() {
        return Err(Error::Tokenizer(format!("expected a vocabulary without {BOX_TOKEN}, found one that has it")));
    }
    Ok(tokenizer.add_special(BOX_TOKEN)? as usize)
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::Io { source, path: folder.to_owned() })
}

fn write_json(path: &Path, value: &serde_json::Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("JSON serializes") + "\n";
    fs::write(path, text).map_err(|source| Error::Io { source, path: path.to_owned() })
}
