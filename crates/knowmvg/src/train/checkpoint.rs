//! Everything that a run needs to continue bit for bit, and the finished model.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::ModuleOptimizer;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::TrainError;
use super::average::WeightAverage;
use super::config::TrainConfig;
use super::run::Stage;
use crate::calibration::Calibration;
use crate::knowledge::KnowledgeBase;
use crate::model::GroundingModel;
use crate::model::adapters::TowerAdapters;
use crate::model::files;
use crate::model::params::{self, NamedParam, Stored};
use crate::model::tokenizer::PhraseTokenizer;
use crate::model::weights::WeightFile;
use crate::prior::table::PriorTable;

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The stage that is under way.
    pub stage: Stage,
    /// Finished epochs of the stage.
    pub epoch: usize,
    /// Finished steps of the stage.
    pub step: usize,
    /// Best score on `val`; JSON has no infinity, so "none yet" is a very low number.
    pub best_score: f64,
    /// Scores since the best one.
    pub since_best: usize,
}

/// A saved run.
pub struct Checkpoint {
    folder: PathBuf,
    /// How far it is.
    pub progress: Progress,
    /// The averaged weights.
    pub average: WeightAverage,
    /// The average that scored best.
    pub best: Option<WeightAverage>,
}

/// What is saved.
pub struct View<'a> {
    /// The weights.
    pub model: &'a GroundingModel,
    /// Moments of the optimizer.
    pub optimizer: &'a ModuleOptimizer,
    /// The averaged weights.
    pub average: &'a WeightAverage,
    /// The average that scored best.
    pub best: Option<&'a WeightAverage>,
    /// How far the run is.
    pub progress: &'a Progress,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    progress: Progress,
    average_steps: u64,
    has_best: bool,
}

/// Gives every parameter an id made from its name: the optimizer's state is keyed by ids, which are random otherwise.
pub fn with_stable_ids<M: Module>(module: M) -> M {
    struct Namer {
        path: Vec<String>,
    }
    impl ModuleMapper for Namer {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let digest = Sha256::digest(self.path.join("."));
            let id = u64::from_le_bytes(digest[..8].try_into().expect("eight bytes"));
            Param::initialized(ParamId::from(id), param.into_value())
        }
    }
    module.map(&mut Namer { path: vec![] })
}

fn folder_of(output: &Path) -> PathBuf {
    output.join("checkpoint")
}

/// Writes a checkpoint below `output`: into a new folder, which then takes the old one's place.
///
/// # Errors
/// When `write` fails, or the folders cannot be made and renamed.
pub fn replace(output: &Path, write: impl FnOnce(&Path) -> Result<(), TrainError>) -> Result<(), TrainError> {
    let (folder, fresh, old) = (folder_of(output), output.join("checkpoint.new"), output.join("checkpoint.old"));
    let io = |e| TrainError::io(e, &fresh);
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).map_err(io)?;
    write(&fresh)?;
    let _ = fs::remove_dir_all(&old);
    let _ = fs::rename(&folder, &old);
    fs::rename(&fresh, &folder).map_err(io)?;
    let _ = fs::remove_dir_all(&old);
    Ok(())
}

/// Saves a run in the place of its last checkpoint.
///
/// # Errors
/// When a file cannot be written.
pub fn save(output: &Path, view: View) -> Result<(), TrainError> {
    replace(output, |fresh| write(fresh, view))
}

fn write(fresh: &Path, view: View) -> Result<(), TrainError> {
    params::save(&fresh.join("model.safetensors"), &params::collect(view.model), Stored::F32, BTreeMap::new())?;
    params::save(&fresh.join("average.safetensors"), view.average.params(), Stored::F32, BTreeMap::new())?;
    if let Some(best) = view.best {
        params::save(&fresh.join("best.safetensors"), best.params(), Stored::F32, BTreeMap::new())?;
    }
    view.optimizer.save(fresh.join("optimizer")).map_err(|e| TrainError::Checkpoint(e.to_string()))?;
    let mut progress = view.progress.clone();
    progress.best_score = progress.best_score.max(-1e9);
    let saved = Saved { progress, average_steps: view.average.steps(), has_best: view.best.is_some() };
    fs::write(fresh.join("progress.json"), serde_json::to_vec_pretty(&saved).expect("numbers serialize"))
        .map_err(|e| TrainError::io(e, fresh))
}

impl Checkpoint {
    /// The checkpoint below an output folder, if there is one.
    ///
    /// # Errors
    /// When it is there but cannot be read.
    pub fn open(output: &Path) -> Result<Option<Self>, TrainError> {
        let mut folder = folder_of(output);
        if !folder.exists() {
            // A run that was killed between the two renamings left the old folder only.
            folder = output.join("checkpoint.old");
        }
        if !folder.exists() {
            return Ok(None);
        }
        let path = folder.join("progress.json");
        let bytes = fs::read(&path).map_err(|e| TrainError::io(e, &path))?;
        let saved: Saved = serde_json::from_slice(&bytes).map_err(|e| TrainError::Checkpoint(e.to_string()))?;
        let average = WeightAverage::from_saved(read_params(&folder.join("average.safetensors"))?, saved.average_steps);
        let best = match saved.has_best {
            true => {
                Some(WeightAverage::from_saved(read_params(&folder.join("best.safetensors"))?, saved.average_steps))
            }
            false => None,
        };
        Ok(Some(Self { folder, progress: saved.progress, average, best }))
    }

    /// Puts the saved weights into a model of the same sizes.
    ///
    /// # Errors
    /// When names or shapes differ.
    pub fn model_into(&self, model: GroundingModel) -> Result<GroundingModel, TrainError> {
        let file = WeightFile::open(&self.folder.join("model.safetensors"))?;
        let mut loader = file.loader()?;
        let model = params::load(model, "", &mut loader);
        loader.finish()?;
        Ok(model)
    }

    /// Puts the saved moments into an optimizer.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn optimizer_into(&self, optimizer: ModuleOptimizer) -> Result<ModuleOptimizer, TrainError> {
        optimizer.load(self.folder.join("optimizer")).map_err(|e| TrainError::Checkpoint(e.to_string()))
    }
}

/// Parameters in the order in which the module's fields are visited, which is not the file's.
///
/// # Errors
/// When the file cannot be read, or was not written by [`params::save`].
pub fn read_params(path: &Path) -> Result<Vec<NamedParam>, TrainError> {
    let file = WeightFile::open(path)?;
    let order = file.metadata().get("order").cloned().unwrap_or_default();
    let mut loader = file.loader()?;
    let mut out = Vec::new();
    for name in order.split('\n').filter(|n| !n.is_empty()) {
        let shape = loader.shape(name).unwrap_or_default();
        out.push(NamedParam { values: loader.tensor(name, &shape), name: name.to_owned(), shape });
    }
    loader.finish()?;
    Ok(out)
}

/// Everything that a finished model consists of.
pub struct Finished<'a> {
    /// Averaged weights of the decoder, and of the tower's adapters if there are any.
    pub weights: &'a [NamedParam],
    /// The adapters among them, for their names.
    pub adapters: Option<&'a TowerAdapters>,
    /// Priors of findings.
    pub priors: &'a PriorTable,
    /// Priors of lungs and heart.
    pub anatomy_priors: &'a PriorTable,
    /// How scores become confidences.
    pub calibration: &'a Calibration,
    /// How scores become presences.
    pub presence: &'a Calibration,
    /// The recipe.
    pub config: &'a TrainConfig,
    /// Words.
    pub tokenizer: &'a PhraseTokenizer,
    /// The tower that the decoder reads.
    pub tower_sha256: &'a str,
}

/// Writes a model folder: weights in half precision with the prior tables, `config.json` and `tokenizer.json`.
///
/// # Errors
/// When a file cannot be written.
pub fn export(folder: &Path, finished: &Finished) -> Result<(), TrainError> {
    let Finished { weights, config, tokenizer, .. } = finished;
    fs::create_dir_all(folder).map_err(|e| TrainError::io(e, folder))?;
    let name = |own: &str| match finished.adapters.zip(own.strip_prefix("adapters.")) {
        Some((adapters, own)) => adapters.name_in_file(own),
        None => format!("decoder.{own}"),
    };
    let mut params: Vec<NamedParam> = weights.iter().map(|p| NamedParam { name: name(&p.name), ..p.clone() }).collect();
    let mut metadata = BTreeMap::new();
    for (prefix, table) in [("findings", finished.priors), ("anatomy", finished.anatomy_priors)] {
        let (tensors, index) = table.to_params();
        params.extend(tensors.into_iter().map(|p| NamedParam { name: format!("{prefix}.{}", p.name), ..p }));
        metadata.insert(format!("{prefix}.prior.index"), index);
    }
    metadata.insert("format_version".into(), "1".into());
    metadata.insert("tower_sha256".into(), finished.tower_sha256.into());
    metadata.insert("calibration".into(), serde_json::to_string(finished.calibration).expect("numbers serialize"));
    metadata.insert("presence".into(), serde_json::to_string(finished.presence).expect("numbers serialize"));
    metadata.insert("knowledge_version".into(), KnowledgeBase::chest().manifest().version.clone());
    metadata.insert("recipe".into(), serde_json::to_string(&config.shareable()).expect("a configuration serializes"));
    params::save(&folder.join(files::WEIGHTS), &params, Stored::F16, metadata)?;
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| TrainError::io(e, &path))
    };
    write(files::CONFIG, serde_json::to_string_pretty(&config.model).expect("a configuration serializes") + "\n")?;
    write(files::TOKENIZER, tokenizer.to_json() + "\n")
}
