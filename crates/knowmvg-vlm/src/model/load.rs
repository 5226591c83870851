use std::path::Path;

use burn::tensor::Device;
use knowmvg::model::weights::WeightError;
use serde::Deserialize;
use serde_json::Value;

use super::{Sight, VisionLanguageModel};
use crate::chat::ChatStyle;
use crate::config::{Family, ModelConfig, stop_ids};
use crate::gguf::{Gguf, GgufSource};
use crate::image::PreprocessorConfig;
use crate::text::{LanguageModel, TextNames};
use crate::tokenizer::TextTokenizer;
use crate::vision::VisionTower;
use crate::weights::{Shards, WeightReader, Weights};
use crate::{Error, Result};

/// Names as published checkpoints have them.
pub(crate) const PUBLISHED_NAMES: (TextNames, &str) = (TextNames { body: "model.", head: "lm_head" }, "visual.");
/// Names as some programs save them, after the modules of newer versions of transformers.
pub(crate) const NEWER_NAMES: (TextNames, &str) =
    (TextNames { body: "model.language_model.", head: "lm_head" }, "model.visual.");

/// How a model is loaded for inference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// The numbers of the language model; by default as they are stored.
    pub weights: Weights,
}

impl VisionLanguageModel {
    /// Loads a model on the CPU, in 32-bit floats: a folder of Hugging Face (`config.json`, `tokenizer.json`, `model.safetensors` or its
    /// shards, and where it sees, `preprocessor_config.json` or `processor_config.json`), or a GGUF file.
    ///
    /// Weights are mapped while they are read. A file that is cut short meanwhile would end the process, so install files
    /// as a whole, and do not write to them again.
    ///
    /// # Errors
    /// When a file is missing, broken, of another family, or holds more or fewer tensors than the model has; the message
    /// names the file, and all tensors that do not fit.
    pub fn load(path: &Path) -> Result<Self> {
        Self::load_on(path, &Device::flex())
    }

    /// As [`VisionLanguageModel::load`], with the weights on `device`; one with autodiff can train.
    ///
    /// # Errors
    /// As [`VisionLanguageModel::load`].
    pub fn load_on(path: &Path, device: &Device) -> Result<Self> {
        Self::load_as(path, device, Weights::Full)
    }

    /// As [`VisionLanguageModel::load_on`], with the matrices in other numbers. Quantised ones are for the CPU, and have no gradients.
    ///
    /// # Errors
    /// As [`VisionLanguageModel::load`].
    pub fn load_as(path: &Path, device: &Device, weights: Weights) -> Result<Self> {
        if path.is_dir() { Self::from_folder(path, device, weights) } else { Self::from_gguf(path, device, weights) }
    }

    /// As [`VisionLanguageModel::load`], on the CPU and for inference: matrices of the language model that are or become
    /// quantised have no gradients.
    ///
    /// # Errors
    /// As [`VisionLanguageModel::load`].
    pub fn load_with(path: &Path, options: &LoadOptions) -> Result<Self> {
        Self::load_as(path, &Device::flex(), options.weights)
    }

    fn from_folder(folder: &Path, device: &Device, weights: Weights) -> Result<Self> {
        let path = folder.join("config.json");
        let config = ModelConfig::from_json(&read(&path)?).map_err(|what| Error::Config { what, path })?;
        let tokenizer = TextTokenizer::open(&folder.join("tokenizer.json"))?;
        let preprocessor = preprocessor(folder, config.family)?;
        let path = folder.join("generation_config.json");
        let generation: Option<GenerationKeys> = optional_json(&path)?;
        let more_stop_ids = stop_ids(generation.as_ref().and_then(|keys| keys.eos_token_id.as_ref()));
        let more_stop_ids = more_stop_ids.map_err(|what| Error::Config { what, path })?;

        let shards = Shards::open(folder)?;
        let wrong = |source| Error::Weights { source, path: folder.to_owned() };
        let reader = WeightReader::new(shards.source().map_err(wrong)?, device);
        let (language, tower) = build(reader, &config, weights).map_err(wrong)?;
        let mut model = Self::assembled(&config, language, tower.zip(Some(preprocessor)), tokenizer, device);
        model.stop_ids.extend(more_stop_ids);
        Ok(model)
    }

    fn from_gguf(path: &Path, device: &Device, weights: Weights) -> Result<Self> {
        let gguf = Gguf::open(path)?;
        let config = gguf.model_config().map_err(|what| Error::Config { what, path: path.to_owned() })?;
        let tokenizer = TextTokenizer::from_gguf(&gguf)?;
        let reader = WeightReader::new(GgufSource::new(&gguf, &config.text), device);
        let (language, _) =
            build(reader, &config, weights).map_err(|source| Error::Weights { source, path: path.to_owned() })?;
        Ok(Self::assembled(&config, language, None, tokenizer, device))
    }

    fn assembled(
        config: &ModelConfig,
        language: LanguageModel,
        tower: Option<(VisionTower, PreprocessorConfig)>,
        tokenizer: TextTokenizer,
        device: &Device,
    ) -> Self {
        let sight = tower.zip(config.image_tokens);
        let sight = sight.map(|((tower, preprocessor), tokens)| Sight { tower, preprocessor, tokens });
        let style = match config.family {
            Family::Llama => ChatStyle::SmolLm2,
            Family::Qwen2_5Vl => ChatStyle::Qwen,
            Family::Qwen3Vl => ChatStyle::Qwen3,
        };
        Self { language, sight, tokenizer, style, stop_ids: config.stop_ids.clone(), device: device.clone() }
    }
}

fn build(
    mut reader: WeightReader,
    config: &ModelConfig,
    weights: Weights,
) -> Result<(LanguageModel, Option<VisionTower>), WeightError> {
    let (names, seeing) = names(|name| reader.holds(name));
    reader.keep(weights);
    let language = LanguageModel::load(&mut reader, names, &config.text);
    // A picture is a thousand rows and more, which floats multiply well, and its tower is the smaller part.
    reader.keep(if let Weights::Half(_) = weights { weights } else { Weights::Full });
    let tower = config.vision.as_ref().map(|vision| VisionTower::load(&mut reader, seeing, vision));
    reader.finish()?;
    Ok((language, tower))
}

fn names(holds: impl FnOnce(&str) -> bool) -> (TextNames, &'static str) {
    if holds("model.language_model.embed_tokens.weight") { NEWER_NAMES } else { PUBLISHED_NAMES }
}

/// What the tensors of a language model are called in weights that hold some names.
pub(crate) fn text_names(holds: impl FnOnce(&str) -> bool) -> TextNames {
    names(holds).0
}

/// Whether the language model at a path has a vision tower.
///
/// # Errors
/// When its configuration cannot be read.
pub(crate) fn sees(path: &Path) -> Result<bool> {
    if !path.is_dir() {
        return Ok(false);
    }
    let path = path.join("config.json");
    let config = ModelConfig::from_json(&read(&path)?).map_err(|what| Error::Config { what, path })?;
    Ok(config.vision.is_some())
}

/// From `preprocessor_config.json`, or from the `processor_config.json` of newer versions of transformers; as the family's are
/// published where there is neither.
fn preprocessor(folder: &Path, family: Family) -> Result<PreprocessorConfig> {
    if let Some(preprocessor) = optional_json(&folder.join("preprocessor_config.json"))? {
        return Ok(preprocessor);
    }
    let processor: Option<ProcessorKeys> = optional_json(&folder.join("processor_config.json"))?;
    Ok(processor.and_then(|keys| keys.image_processor).unwrap_or_else(|| PreprocessorConfig::of(family)))
}

/// What is read of `processor_config.json`.
#[derive(Deserialize)]
struct ProcessorKeys {
    image_processor: Option<PreprocessorConfig>,
}

/// What is read of `generation_config.json`.
#[derive(Deserialize)]
struct GenerationKeys {
    eos_token_id: Option<Value>,
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Io { source, path: path.to_owned() })
}

fn optional_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if !path.is_file() {
        return Ok(None);
    }
    let parsed = serde_json::from_slice(&read(path)?);
    parsed.map(Some).map_err(|e| Error::Config { what: format!("expected JSON: {e}"), path: path.to_owned() })
}
