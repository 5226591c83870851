//! A folder of an evaluation: `settings.json`, `items.jsonl`, `predictions/<system>.jsonl`.

use std::fs;
use std::path::{Path, PathBuf};

use knowmvg_eval::Item;
use serde::Serialize;

use crate::failure::{Exit, Failure};
use crate::{files, output};

/// What the answers depend on beside the items.
#[derive(Debug, Serialize)]
pub struct Settings<'a> {
    /// Of the weights; `None` where no model is asked.
    pub model_sha256: Option<&'a str>,
    /// Of the knowledge base.
    pub knowledge: &'a str,
    /// Of everything drawn.
    pub seed: u64,
}

/// Makes the folder, or makes sure that it is one of the same questions to the same model.
///
/// # Errors
/// When it holds other questions or answers of another model.
pub fn open(folder: &Path, items: &[Item], settings: &Settings) -> Result<(), Failure> {
    files::create_folder(&folder.join("predictions"))?;
    let lines: Vec<String> = items.iter().map(output::json_line).collect::<Result<_, _>>()?;
    same_or_new(&folder.join("settings.json"), &(output::pretty(settings)? + "\n"))?;
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
