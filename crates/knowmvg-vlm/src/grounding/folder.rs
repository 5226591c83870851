//! A model folder whose decoder is read for by a language model.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use knowmvg::grounder::{Grounder, GrounderError};
use knowmvg::model::config::ModelConfig;
use knowmvg::model::params;
use knowmvg::model::weights::{WeightFile, hex};
use sha2::{Digest, Sha256};

use super::adapter::GroundingAdapter;
use super::config::GroundingConfig;
use super::file::{self, CONFIG, LANGUAGE, WEIGHTS};
use super::reader::LanguageReader;
use super::speaker::Speaker;
use crate::generate::{Sampler, Sampling};
use crate::weights::Weights;
use crate::{Error, Result, VisionLanguageModel};

/// Names of the language model in a model folder: a GGUF file, or a folder of Hugging Face.
const LANGUAGES: [&str; 2] = ["language.gguf", "language"];

/// Loads a model folder, with the language model that reads for it if there is one; both compute on `device`, the image encoder on
/// the CPU.
///
/// # Errors
/// When a file is missing, malformed or does not fit the others.
pub fn load(folder: &Path, device: &Device) -> Result<Grounder, LoadError> {
    load_as(folder, device, &LanguageOptions::default())
}

/// How a language model is loaded: in which numbers, and how it chooses its words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LanguageOptions {
    /// How it chooses its words; every answer begins at the seed.
    pub sampling: Sampling,
    /// In which numbers its matrices are; `None` is as stored on the CPU, and 32-bit floats elsewhere.
    pub weights: Option<Weights>,
}

impl LanguageOptions {
    fn weights_on(&self, device: &Device) -> Result<Weights> {
        // Products with quantised weights are written for the CPU.
        match (self.weights, *device == Device::flex()) {
            (Some(Weights::AsStored | Weights::Int8), false) => {
                Err(Error::Input("expected floats on a device other than the CPU, found quantised weights".into()))
            }
            (Some(weights), _) => Ok(weights),
            (None, true) => Ok(Weights::AsStored),
            (None, false) => Ok(Weights::Full),
        }
    }

    /// Whether they make sense on a device, which is known before gigabytes are read.
    ///
    /// # Errors
    /// When the sampling makes no sense, or the weights are quantised ones for another device than the CPU.
    pub fn check(&self, device: &Device) -> Result<()> {
        Sampler::new(&self.sampling).map_err(Error::Input)?;
        self.weights_on(device).map(drop)
    }
}

/// As [`load`], with a language model that computes and chooses its words as it is told.
///
/// # Errors
/// As [`load`] and [`LanguageOptions::check`].
pub fn load_as(folder: &Path, device: &Device, options: &LanguageOptions) -> Result<Grounder, LoadError> {
    options.check(device)?;
    let grounder = Grounder::load_on(folder, device)?;
    if !folder.join(CONFIG).is_file() {
        return Ok(grounder);
    }
    let language = language_of(folder)?;
    Ok(load_with(grounder, folder, &language, options)?)
}

/// Why a model folder cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The decoder.
    #[error(transparent)]
    Decoder(#[from] GrounderError),
    /// The language model.
    #[error(transparent)]
    Language(#[from] Error),
}

/// Where the language model of a folder is.
///
/// # Errors
/// When there is none.
pub fn language_of(folder: &Path) -> Result<PathBuf> {
    let found = LANGUAGES.iter().map(|name| folder.join(name)).find(|path| path.exists());
    found.ok_or_else(|| Error::Config {
        what: "expected the language model as language.gguf or as a folder `language`, found neither; `knowmvg vlm assemble` puts one there".into(),
        path: folder.to_owned(),
    })
}

/// Puts a language model, with what was learnt beside it in `folder`, before a decoder.
fn load_with(grounder: Grounder, folder: &Path, language: &Path, options: &LanguageOptions) -> Result<Grounder> {
    let config = read_config(&folder.join(CONFIG))?;
    let grid = grounder.config().image_side / grounder.tower().config().patch_size;
    config.check(grid).map_err(|what| Error::Config { what, path: folder.join(CONFIG) })?;
    let weights = Learnt::open(folder, language)?;
    let device = grounder.device();
    let model = VisionLanguageModel::load_as(language, device, options.weights_on(device)?)?;
    let adapter = weights.adapter(&config, &model, grounder.config(), device)?;
    let sha256 = hex(&Sha256::digest(format!("{} {}", weights.language, weights.file.sha256())));
    let reader = LanguageReader::new(Speaker { model, config }, adapter, sha256, options);
    Ok(grounder.with_reader(Box::new(reader)))
}

/// What was learnt beside a language model and a decoder that are there already; `folder` needs no decoder of its own.
///
/// # Errors
/// When a file is missing, malformed or was learnt beside another language model, or the sizes or switches in `folder` are not `config`.
pub fn read_learnt_for(
    folder: &Path,
    language: &Path,
    config: &GroundingConfig,
    model: &VisionLanguageModel,
    decoder: &ModelConfig,
) -> Result<GroundingAdapter> {
    let path = folder.join(CONFIG);
    if read_config(&path)? != *config {
        let what = "expected the sizes and switches of the recipe's `reader`, found others".to_owned();
        return Err(Error::Config { what, path });
    }
    // Read on the CPU: whoever asks puts it where it learns.
    Learnt::open(folder, language)?.adapter(config, model, decoder, &Device::flex())
}

/// The open file of what was learnt.
pub(super) struct Learnt {
    pub(super) file: WeightFile,
    path: PathBuf,
    /// What names the language model that it was learnt beside.
    language: String,
}

impl Learnt {
    pub(super) fn open(folder: &Path, language: &Path) -> Result<Self> {
        let path = folder.join(WEIGHTS);
        let file = WeightFile::open(&path).map_err(|source| Error::Weights { source, path: path.clone() })?;
        let found = fingerprint(language)?;
        if file.metadata().get(LANGUAGE) != Some(&found) {
            let what = format!("expected the language model that {WEIGHTS} was learnt beside, found another one");
            return Err(Error::Config { what, path: language.to_owned() });
        }
        Ok(Self { file, path, language: found })
    }

    fn adapter(
        &self,
        config: &GroundingConfig,
        model: &VisionLanguageModel,
        decoder: &ModelConfig,
        device: &Device,
    ) -> Result<GroundingAdapter> {
        let fresh = params::build(|| GroundingAdapter::init(config, model, decoder, device));
        file::load(&self.file, fresh).map_err(|source| Error::Weights { source, path: self.path.clone() })
    }
}

/// Reads a configuration.
///
/// # Errors
/// When it cannot be read, or has unknown keys.
pub fn read_config(path: &Path) -> Result<GroundingConfig> {
    let bytes = fs::read(path).map_err(|source| Error::Io { source, path: path.to_owned() })?;
    serde_json::from_slice(&bytes).map_err(|e| Error::Config { what: e.to_string(), path: path.to_owned() })
}

/// What names a language model: the SHA-256 of its file; of a folder, that of its configuration and of the names and sizes of its
/// weights, which are too many to be read twice.
///
/// # Errors
/// When a file cannot be read.
pub fn fingerprint(language: &Path) -> Result<String> {
    let io = |source| Error::Io { source, path: language.to_owned() };
    let mut digest = Sha256::new();
    if language.is_file() {
        std::io::copy(&mut fs::File::open(language).map_err(io)?, &mut digest).map_err(io)?;
        return Ok(hex(&digest.finalize()));
    }
    digest.update(fs::read(language.join("config.json")).map_err(io)?);
    let mut weights = vec![];
    for entry in fs::read_dir(language).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".safetensors") {
            // A cache of the hub holds links, which have sizes of their own.
            weights.push(format!("{name} {}", fs::metadata(entry.path()).map_err(io)?.len()));
        }
    }
    weights.sort();
    digest.update(weights.join("\n"));
    Ok(hex(&digest.finalize()))
}
