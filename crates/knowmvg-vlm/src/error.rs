use std::path::PathBuf;

use knowmvg::model::weights::WeightError;

use crate::gguf::GgufError;

/// Why a model could not be loaded or asked.
///
/// No message holds words of a prompt.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read the file: {source}: {}", path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// A configuration is not one of a model that this crate has.
    #[error("{what}: {}", path.display())]
    Config {
        /// What was expected, what was found, and what to do.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// Weights are missing, unused or misshapen, or their file is broken.
    #[error("{source}: {}", path.display())]
    Weights {
        /// Every tensor that does not fit.
        source: WeightError,
        /// The file or the folder.
        path: PathBuf,
    },
    /// A GGUF file is broken or holds another kind of model.
    #[error("{source}: {}", path.display())]
    Gguf {
        /// What was expected and what was found.
        source: GgufError,
        /// The file.
        path: PathBuf,
    },
    /// A wheel is another one than expected, or in use.
    #[error("{what}: {}", path.display())]
    Wheel {
        /// What was expected, what was found, and what to do.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// A tokenizer cannot be made or used.
    #[error("the tokenizer does not work: {0}")]
    Tokenizer(String),
    /// What the model was given makes no sense to it.
    #[error("{0}")]
    Input(String),
}

/// What can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
