//! Training: a corpus folder and a recipe to a model folder.

pub mod attention;
pub mod average;
mod batch;
pub mod checkpoint;
pub mod compose;
pub mod config;
pub mod corpus;
pub mod criterion;
pub mod dataset;
pub mod drawn;
pub mod features;
mod patch_loss;
pub mod run;
pub mod score;
mod sight;
mod state;
pub mod tensorboard;
pub mod thorax;
pub mod tower;
mod vocabulary;
pub mod weak;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::agreement::Disagreement;
use crate::model::tokenizer::TokenizerError;
use crate::model::weights::WeightError;

/// Hears how a run goes.
pub trait Observer: Send {
    /// A piece of work with so many parts begins.
    fn begin(&mut self, what: &str, parts: u64);
    /// Parts are done.
    fn advance(&mut self, parts: u64);
    /// An epoch of a stage is done, with the terms of its loss; `scores` where `val` was scored.
    fn epoch(
        &mut self,
        stage: &str,
        epoch: usize,
        terms: &[(&'static str, f64)],
        scores: Option<&BTreeMap<String, f64>>,
    );
    /// Something worth telling.
    fn message(&mut self, text: &str);
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file cannot be read or written.
    #[error("{source}: {}", path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// The recipe contradicts itself.
    #[error("the recipe is not usable: {0}")]
    Config(String),
    /// The corpus is not usable.
    #[error("the corpus is not usable: {0}")]
    Corpus(String),
    /// A checkpoint is not usable.
    #[error("the checkpoint is not usable: {0}")]
    Checkpoint(String),
    /// Weights are not usable.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// A corpus file is not usable.
    #[error(transparent)]
    CorpusFile(#[from] corpus::CorpusError),
    /// The tokenizer could not be trained.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The device computes something else than the CPU.
    #[error(transparent)]
    Device(#[from] Disagreement),
    /// A cached file cannot be read or written.
    #[error("feature cache: {0}")]
    Cache(#[from] std::io::Error),
}

impl TrainError {
    pub(crate) fn io(source: std::io::Error, path: &Path) -> Self {
        Self::Io { source, path: path.to_owned() }
    }
}
