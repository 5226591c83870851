//! A folder of an evaluation: `settings.json`, `items.jsonl`, `predictions/<system>.jsonl`.

use std::fs;
use std::path::{Path, PathBuf};

use knowmvg::grounding::ModelInfo;
use knowmvg_eval::Item;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};
use crate::{files, output};

/// What the answers depend on beside the items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the corpus or benchmark.
    pub data_set: String,
    /// Part of it.
    pub split: String,
    /// `None` where no model is asked.
    pub model: Option<ModelInfo>,
    /// Version of the knowledge base.
    pub knowledge: String,
    /// Of everything drawn.
    pub seed: u64,
}

/// The settings of a folder; `None` where another program wrote it.
pub fn settings(folder: &Path) -> Option<Settings> {
    serde_json::from_slice(&fs::read(folder.join(SETTINGS)).ok()?).ok()
}

const SETTINGS: &str = "settings.json";

/// Makes the folder, or makes sure that it is one of the same questions to the same model.
///
/// # Errors
/// When it holds other questions or answers of another model.
pub fn open(folder: &Path, items: &[Item], settings: &Settings) -> Result<(), Failure> {
    files::create_folder(&folder.join("predictions"))?;
    let lines: Vec<String> = items.iter().map(output::json_line).collect::<Result<_, _>>()?;
    same_or_new(&folder.join(SETTINGS), &(output::pretty(settings)? + "\n"))?;
    same_or_new(&folder.join("items.jsonl"), &lines.concat())
}

fn same_or_new(path: &Path, text: &str) -> Result<(), Failure> {
    match fs::read(path) {
        Ok(there) if there == text.as_bytes() => Ok(()),
        Ok(_) => {
            let problem = "expected what this run would write, found something else";
            Err(Failure::about(Exit::Input, "cannot go on with the folder", path, problem)
                .fix("choose another --out, or remove the folder"))
        }
        Err(_) => write_whole(path, text),
    }
}

/// A file that is there is whole, even after an interruption.
fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let part = path.with_extension("part");
    files::write(&part, text.as_bytes())?;
    fs::rename(&part, path).map_err(|e| Failure::about(Exit::Work, "cannot write the file", path, e))
}

/// Where the answers of a system are.
pub fn predictions(folder: &Path, system: &str) -> PathBuf {
    folder.join("predictions").join(format!("{system}.jsonl"))
}

/// The last part of a path, to name a corpus by without saying where it lies.
pub fn name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
