//! The finished model: a folder that is loaded like any other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use knowmvg::model::files;
use knowmvg::model::params::{self, NamedParam, Stored};
use knowmvg::model::weights::WeightFile;
use knowmvg::train::TrainError;

use super::config::VlmTrainConfig;
use super::failed;
use crate::grounding::file::{self, CONFIG, LANGUAGE, WEIGHTS};
use crate::grounding::folder::fingerprint;

/// Files of the model that a run starts from and leaves as they are.
const KEPT: [&str; 3] = [files::TOWER_WEIGHTS, files::TOWER_CONFIG, files::TOKENIZER];

/// What is written.
pub struct Finished<'a> {
    /// What was learnt beside the language model.
    pub adapter: &'a [NamedParam],
    /// The decoder, where it was learnt too.
    pub decoder: Option<&'a [NamedParam]>,
    /// The decoder's sizes and switches.
    pub decoder_config: &'a knowmvg::model::config::ModelConfig,
    /// The recipe.
    pub config: &'a VlmTrainConfig,
}

/// Writes a model folder; the language model is linked into it, or copied where that cannot be.
///
/// # Errors
/// When a file cannot be read or written.
pub fn export(folder: &Path, finished: &Finished) -> Result<(), TrainError> {
    let Finished { config, .. } = finished;
    let io = |source, path: &Path| TrainError::Io { source, path: path.to_owned() };
    fs::create_dir_all(folder).map_err(|e| io(e, folder))?;
    for name in KEPT {
        fs::copy(config.model.join(name), folder.join(name)).map_err(|e| io(e, &config.model.join(name)))?;
    }
    write_decoder(folder, finished)?;
    let language = fingerprint(&config.language).map_err(failed)?;
    let recipe = serde_json::to_string(&config.shareable()).expect("a configuration serializes");
    let metadata = BTreeMap::from([(LANGUAGE.to_owned(), language), ("recipe".to_owned(), recipe)]);
    file::save(&folder.join(WEIGHTS), finished.adapter, Stored::F16, metadata)?;
    write_json(&folder.join(CONFIG), &config.reader)?;
    link_language(&config.language, folder)
}

/// The decoder's file, with other weights where they were learnt.
fn write_decoder(folder: &Path, finished: &Finished) -> Result<(), TrainError> {
    let (from, to) = (finished.config.model.join(files::WEIGHTS), folder.join(files::WEIGHTS));
    write_json(&folder.join(files::CONFIG), finished.decoder_config)?;
    let Some(learnt) = finished.decoder else {
        fs::copy(&from, &to).map_err(|source| TrainError::Io { source, path: from })?;
        return Ok(());
    };
    let file = WeightFile::open(&from)?;
    let learnt: BTreeMap<String, &NamedParam> = learnt.iter().map(|p| (format!("decoder.{}", p.name), p)).collect();
    let mut metadata = file.metadata();
    let order = metadata.remove("order").unwrap_or_default();
    let mut loader = file.loader()?;
    let all: Vec<NamedParam> = order
        .lines()
        .map(|name| {
            let shape = loader.shape(name).unwrap_or_default();
            let kept = loader.tensor(name, &shape);
            let values = learnt.get(name).map_or(kept, |param| param.values.clone());
            NamedParam { name: name.to_owned(), shape, values }
        })
        .collect();
    loader.finish()?;
    Ok(params::save(&to, &all, Stored::F16, metadata)?)
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), TrainError> {
    let text = serde_json::to_string_pretty(value).expect("a configuration serializes") + "\n";
    fs::write(path, text).map_err(|source| TrainError::Io { source, path: path.to_owned() })
}

fn link_language(language: &Path, folder: &Path) -> Result<(), TrainError> {
    if language.is_file() {
        return link(language, &folder.join("language.gguf"));
    }
    let to = folder.join("language");
    let io = |source| TrainError::Io { source, path: language.to_owned() };
    fs::create_dir_all(&to).map_err(io)?;
    for entry in fs::read_dir(language).map_err(io)? {
        let path: PathBuf = entry.map_err(io)?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            link(&path, &to.join(name))?;
        }
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> Result<(), TrainError> {
    let _ = fs::remove_file(to);
    // The file itself: a link of a cache of the hub leads nowhere from another folder.
    let linked = fs::canonicalize(from).and_then(|from| fs::hard_link(from, to));
    let linked = linked.or_else(|_| fs::copy(from, to).map(|_| ()));
    linked.map_err(|source| TrainError::Io { source, path: to.to_owned() })
}
