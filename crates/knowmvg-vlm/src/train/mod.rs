//! Teaching a language model to name phrases and to say where they are: a corpus folder and a recipe to a model folder.
//!
//! `image + composed report -> answer with [BOX] -> cross-entropy of the answer + the decoder's loss of every [BOX]`

mod batch;
mod checkpoint;
pub mod config;
pub mod example;
mod export;
mod learn;
mod made_up;
mod run;
mod state;
mod validate;
mod workers;
mod write;

pub use config::VlmTrainConfig;
pub use run::Run;

use knowmvg::train::TrainError;

use crate::grounding::folder::LoadError;

/// A failure of this crate among those of training.
fn failed(error: impl Into<LoadError>) -> TrainError {
    TrainError::Config(error.into().to_string())
}
