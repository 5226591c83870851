//! Everything that a run needs to go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use knowmvg::model::params::{self, Stored};
use knowmvg::model::weights::WeightFile;
use knowmvg::train::TrainError;
use knowmvg::train::average::WeightAverage;
use knowmvg::train::checkpoint::{self, read_params};
use serde::{Deserialize, Serialize};

use super::state::{Learnt, Progress, State};

#[derive(Serialize, Deserialize)]
struct Saved {
    progress: Progress,
    average_steps: u64,
}

/// Saves a run in the place of its last checkpoint.
///
/// # Errors
/// When a file cannot be written.
pub fn save(output: &Path, state: &State) -> Result<(), TrainError> {
    checkpoint::replace(output, |fresh| {
        save_part(fresh, "adapter", &state.adapter)?;
        save_part(fresh, "decoder", &state.decoder)?;
        let saved = Saved { progress: state.progress.clone(), average_steps: state.adapter.average.steps() };
        let path = fresh.join("progress.json");
        let text = serde_json::to_vec_pretty(&saved).expect("numbers serialize");
        fs::write(&path, text).map_err(|source| TrainError::Io { source, path })
    })
}

fn save_part<M: Module>(folder: &Path, name: &str, part: &Learnt<M>) -> Result<(), TrainError> {
    let file = |kind: &str| folder.join(format!("{name}.{kind}.safetensors"));
    params::save(&file("model"), &params::collect(&part.module), Stored::F32, BTreeMap::new())?;
    params::save(&file("average"), part.average.params(), Stored::F32, BTreeMap::new())?;
    if let Some(best) = &part.best {
        params::save(&file("best"), best.params(), Stored::F32, BTreeMap::new())?;
    }
    let moments = folder.join(format!("{name}.optimizer"));
    part.optimizer.save(moments).map_err(|e| TrainError::Checkpoint(e.to_string()))
}

/// Puts a saved run into a fresh one of the same sizes; as it is if nothing was saved.
///
/// # Errors
/// When a file is there but cannot be read, or is of another model.
pub fn resume(output: &Path, state: State) -> Result<State, TrainError> {
    // A run that was killed between two renamings left the old folder only.
    let folders = ["checkpoint", "checkpoint.old"].map(|name| output.join(name));
    let Some(folder) = folders.iter().find(|folder| folder.join("progress.json").is_file()) else {
        return Ok(state);
    };
    let path = folder.join("progress.json");
    let bytes = fs::read(&path).map_err(|source| TrainError::Io { source, path: path.clone() })?;
    let saved: Saved = serde_json::from_slice(&bytes).map_err(|e| TrainError::Checkpoint(e.to_string()))?;
    Ok(State {
        adapter: resume_part(folder, "adapter", state.adapter, saved.average_steps)?,
        decoder: resume_part(folder, "decoder", state.decoder, saved.average_steps)?,
        progress: saved.progress,
    })
}

fn resume_part<M: Module>(folder: &Path, name: &str, part: Learnt<M>, steps: u64) -> Result<Learnt<M>, TrainError> {
    let file = |kind: &str| -> PathBuf { folder.join(format!("{name}.{kind}.safetensors")) };
    let weights = WeightFile::open(&file("model"))?;
    let mut loader = weights.loader()?;
    let module = params::load(part.module, "", &mut loader);
    loader.finish()?;
    let average = WeightAverage::from_saved(read_params(&file("average"))?, steps);
    let best = file("best");
    let best = best.is_file().then(|| read_params(&best)).transpose()?;
    let moments = part.optimizer.load(folder.join(format!("{name}.optimizer")));
    Ok(Learnt {
        module,
        optimizer: moments.map_err(|e| TrainError::Checkpoint(e.to_string()))?,
        average,
        best: best.map(|params| WeightAverage::from_saved(params, steps)),
    })
}
