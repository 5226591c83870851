//! The recipe of a training run of a language model, as it stands in a file under `runs/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::Device;
use knowmvg::model::config::Switches;
use knowmvg::train::config::StageConfig;
use knowmvg::train::corpus::Tier;
use knowmvg::train::criterion::LossWeights;
use serde::{Deserialize, Serialize};

use crate::grounding::GroundingConfig;
use crate::weights::{Half, Weights};

/// Everything that decides the outcome of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlmTrainConfig {
    /// Every random choice follows from it.
    pub seed: u64,
    /// Folder with `annotations.jsonl`; relative to the configuration's file.
    pub corpus: PathBuf,
    /// Model folder with the image encoder and the decoder to start from.
    pub model: PathBuf,
    /// The language model: a folder of Hugging Face, or a GGUF file. In a recipe's file also `owner/name@commit` of a hub's cache.
    pub language: PathBuf,
    /// Folder with a `knowmvg-vlm.safetensors` to learn on from, of the same language model and the same `reader`; from the seed
    /// if absent.
    #[serde(default)]
    pub init: Option<PathBuf>,
    /// Where checkpoints, logs and the finished model go.
    pub output: PathBuf,
    /// Where features of the image encoder are kept between runs; below `output` if absent.
    #[serde(default)]
    pub cache: Option<PathBuf>,
    /// Sizes and switches of what is learnt beside the language model.
    #[serde(default)]
    pub reader: GroundingConfig,
    /// Switches of the decoder for an ablation; those of `model` if absent.
    #[serde(default)]
    pub switches: Option<Switches>,
    /// Learning rate of the decoder over that of the rest; at 0 it stays as it is.
    #[serde(default)]
    pub decoder_rate: f64,
    /// Forgets what is cheap to compute again and computes it again on the way back: less memory, more time.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    /// In which numbers the frozen language model multiplies.
    #[serde(default)]
    pub mixed_precision: MixedPrecision,
    /// Weights of the loss.
    #[serde(default)]
    pub loss: VlmLossWeights,
    /// What is drawn from the corpus.
    #[serde(default)]
    pub data: VlmData,
    /// Schedule.
    pub stage: StageConfig,
}

/// In which numbers the frozen language model multiplies while something is learnt beside it; the names are those of Hugging Face's
/// `accelerate`. What is learnt, its gradients, norms, sums and the loss have 32 bits.
///
/// # Departures
/// There is no `fp16`: its gradients would need a loss that is scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MixedPrecision {
    /// In 32 bits.
    #[default]
    No,
    /// In bfloat16: half the memory, and faster on most GPUs.
    Bf16,
}

impl MixedPrecision {
    /// The language model's numbers.
    pub fn weights(self) -> Weights {
        match self {
            Self::No => Weights::Full,
            Self::Bf16 => Weights::Half(Half::BFloat16),
        }
    }
}

/// Weights of the terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VlmLossWeights {
    /// Cross-entropy of the answer.
    pub language: f64,
    /// Of the decoder's loss.
    pub grounding: f64,
    /// Distance of `e_box` to that of the decoder's own reader, over the size of the latter.
    pub imitation: f64,
    /// Terms of the decoder's loss.
    pub decoder: LossWeights,
}

impl Default for VlmLossWeights {
    fn default() -> Self {
        Self { language: 1.0, grounding: 0.1, imitation: 1.0, decoder: LossWeights::default() }
    }
}

/// What is drawn from the corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VlmData {
    /// Licence tiers that are learnt from. Weights that are given away are learnt from `open` alone.
    pub tiers: Vec<Tier>,
    /// Augmented views of every image, beside the stored one.
    pub views: usize,
    /// Most images of a source that are used, the first ones; all if the source is not named.
    pub most: BTreeMap<String, usize>,
    /// Most images without a finding that are used, those on which all findings were looked for.
    pub negatives: usize,
    /// Most images that have labels as a whole alone: those that show something, the first ones. They are asked whether it is there.
    pub weak: usize,
    /// Share of examples that are reports, of images with boxes or where all findings were looked for.
    pub reports: f64,
    /// Share of those that are single phrases; the rest are questions.
    pub phrases: f64,
    /// Most phrases of one example that the image shows.
    pub phrases_per_image: usize,
    /// Most statements of a composed report about findings that nobody looked for: their words alone are learnt.
    pub made_up: usize,
    /// Share of patches whose token is blanked while training.
    pub patch_dropout: f64,
    /// Parts of a batch that are learnt from side by side, one thread each.
    pub shards: usize,
    /// Most images of a part: a batch of more than `shards * micro_batch` is learnt from in rounds, whose gradients are added up, so
    /// that a large batch fits into little memory. No limit if absent.
    pub micro_batch: Option<usize>,
    /// Images of `val` that are scored after an epoch, spread over the split: a report of each, and two questions.
    pub val_images: usize,
}

impl Default for VlmData {
    fn default() -> Self {
        Self {
            tiers: vec![Tier::Open],
            views: 0,
            most: BTreeMap::new(),
            negatives: 60,
            weak: 0,
            reports: 0.6,
            phrases: 0.2,
            phrases_per_image: 4,
            made_up: 0,
            patch_dropout: 0.1,
            shards: 2,
            micro_batch: None,
            val_images: 30,
        }
    }
}

impl VlmTrainConfig {
    /// The device with a graph for gradients.
    pub fn learning_device(&self, device: &Device) -> Device {
        let device = device.clone().autodiff();
        if self.gradient_checkpointing { device.gradient_checkpointing() } else { device }
    }

    /// The recipe without the paths of one machine, to be kept in the weights.
    pub fn shareable(&self) -> Self {
        let name = |path: &PathBuf| path.file_name().map(PathBuf::from).unwrap_or_default();
        Self {
            corpus: name(&self.corpus),
            model: name(&self.model),
            language: name(&self.language),
            output: name(&self.output),
            init: self.init.as_ref().map(name),
            cache: None,
            ..self.clone()
        }
    }
}
