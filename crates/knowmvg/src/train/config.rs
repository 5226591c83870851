//! The recipe of a training run, as it stands in a file under `runs/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use serde::{Deserialize, Serialize};

use super::criterion::LossWeights;
use super::run::Stage;
use crate::model::config::{AdapterConfig, ModelConfig};

/// Everything that decides the outcome of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Every random choice follows from it.
    pub seed: u64,
    /// Folder with `annotations.jsonl`; relative to the configuration's file.
    pub corpus: PathBuf,
    /// Tower weights; the configuration lies beside them.
    pub tower: PathBuf,
    /// Where checkpoints, logs and the finished model go.
    pub output: PathBuf,
    /// Where tower features are kept between runs; below `output` if absent.
    #[serde(default)]
    pub cache: Option<PathBuf>,
    /// Vocabulary of the phrase encoder, a `tokenizer.json`; made from the knowledge base and the labels if absent.
    #[serde(default)]
    pub tokenizer: Option<PathBuf>,
    /// Where the lungs of each image lie, the `thorax.json` of an earlier run: all arms of an ablation then share their
    /// frames, and none needs an anatomy stage. The lungs are found by the run's own anatomy stage if absent.
    #[serde(default)]
    pub thorax: Option<PathBuf>,
    /// Sizes and switches.
    #[serde(default)]
    pub model: ModelConfig,
    /// Weights of the loss.
    #[serde(default)]
    pub loss: LossWeights,
    /// What is drawn from the corpus.
    #[serde(default)]
    pub data: DataConfig,
    /// Lungs and heart first: they carry the frame of everything else.
    pub anatomy: StageConfig,
    /// Then findings, with anatomy mixed in.
    pub findings: StageConfig,
    /// Then the tower's last layers, with the decoder; not at all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptation: Option<AdaptationConfig>,
    /// Control experiment: boxes are dealt out to other images, so nothing can be learnt.
    #[serde(default)]
    pub shuffle_labels: bool,
}

/// What is drawn from the corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Augmented views of every positive image, beside the stored one.
    pub views: usize,
    /// Augmented views of images of a capped source.
    pub views_of_capped: usize,
    /// Source whose images are capped: it has one kind of finding and would drown the others.
    pub capped_source: String,
    /// Most images of the capped source in one epoch.
    pub cap: usize,
    /// Images of a source stand so many times in an epoch, each time in another view; once if the source is not named.
    pub repeat: BTreeMap<String, usize>,
    /// One in so many images without a box is used as a true negative; 0 for none.
    pub negatives_one_in: usize,
    /// Most true negatives in one epoch.
    pub negatives: usize,
    /// One in so many images that only have labels for the image as a whole is used; 0 for none.
    pub weak_one_in: usize,
    /// Most of them in one epoch.
    pub weak: usize,
    /// Most phrases asked of one image in one step.
    pub phrases_per_image: usize,
    /// Images of one epoch that carry made-up masses and nodules: true negatives, and images with anatomy only.
    pub inserted: usize,
    /// Views with made-up lesions of each image that may carry some: the first shows mostly masses, others mostly nodules.
    pub inserted_views: usize,
    /// Share of patches whose token is blanked while training.
    pub patch_dropout: f64,
    /// Parts of a batch that are learnt from side by side, one thread each; their gradients are added in order.
    pub shards: usize,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            views: 3,
            views_of_capped: 1,
            capped_source: "tbx11k".into(),
            cap: 200,
            repeat: BTreeMap::new(),
            negatives_one_in: 7,
            negatives: 100,
            weak_one_in: 0,
            weak: 100,
            phrases_per_image: 8,
            inserted: 120,
            inserted_views: 1,
            patch_dropout: 0.1,
            shards: 2,
        }
    }
}

/// How the tower's last layers are learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptationConfig {
    /// Weights of a finished run, a `knowmvg.safetensors`, to start from: the stages before are left out. The stage starts from
    /// the findings stage of this run if absent.
    #[serde(default)]
    pub init: Option<PathBuf>,
    /// What is learnt of the tower. The decoder goes on alone if absent: the control.
    #[serde(default)]
    pub adapters: Option<AdapterConfig>,
    /// Learning rate of the adapters over that of the decoder.
    pub adapters_rate: f64,
    /// Schedule, with the decoder's learning rate.
    pub stage: StageConfig,
}

/// Schedule of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// Passes over the stage's images.
    pub epochs: usize,
    /// The stage ends after so many of them already, while the learning rate falls as if it went on; all if absent.
    #[serde(default)]
    pub stop_after: Option<usize>,
    /// Images per step.
    pub batch: usize,
    /// Highest learning rate; it rises linearly, then falls along a cosine.
    pub learning_rate: f64,
    /// Steps of the rise.
    pub warmup_steps: usize,
    /// AdamW's.
    pub weight_decay: f64,
    /// Largest norm of one tensor's gradient.
    pub clip: f64,
    /// Share of the old average kept per step.
    pub ema: f64,
    /// `val` is scored every so many epochs.
    pub validate_every: usize,
    /// The stage ends after so many scores without a better one.
    pub patience: usize,
}

impl TrainConfig {
    /// The schedule of a stage.
    pub fn stage(&self, stage: Stage) -> &StageConfig {
        match stage {
            Stage::Anatomy => &self.anatomy,
            Stage::Findings => &self.findings,
            Stage::Adaptation => &self.adaptation.as_ref().expect("the stage is only reached with its schedule").stage,
        }
    }

    /// The recipe without the paths of one machine, to be kept in the weights.
    pub fn shareable(&self) -> Self {
        let name = |path: &PathBuf| path.file_name().map(PathBuf::from).unwrap_or_default();
        Self {
            corpus: name(&self.corpus),
            tower: name(&self.tower),
            output: name(&self.output),
            cache: None,
            thorax: self.thorax.as_ref().map(name),
            adaptation: self.adaptation.clone().map(|s| AdaptationConfig { init: s.init.as_ref().map(name), ..s }),
            ..self.clone()
        }
    }
}

impl StageConfig {
    /// Passes that are really taken.
    pub fn taken(&self) -> usize {
        self.stop_after.unwrap_or(self.epochs).min(self.epochs)
    }

    /// AdamW with the stage's decay and clipping; the learning rate is told at each step.
    pub fn optimizer(&self) -> ModuleOptimizer {
        AdamWConfig::new()
            .with_weight_decay(self.weight_decay as f32)
            .with_epsilon(1e-8)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(self.clip as f32)))
            .init()
    }

    /// Learning rate at a step.
    pub fn rate(&self, step: usize, total: usize) -> f64 {
        if step < self.warmup_steps {
            return self.learning_rate * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let done = (step - self.warmup_steps) as f64 / (total.saturating_sub(self.warmup_steps)).max(1) as f64;
        let floor = 0.02;
        self.learning_rate * (floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos()))
    }
}
