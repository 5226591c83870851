//! What changes while training: weights, moments, averages, and how far the run is.

use burn::module::Module;
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::TrainError;
use super::average::WeightAverage;
use super::batch::Batch;
use super::checkpoint::{self, Checkpoint, Progress};
use super::config::{StageConfig, TrainConfig};
use super::criterion::{self, LossTerms};
use super::run::Stage;
use crate::model::GroundingModel;

/// What changes while training.
pub(super) struct State {
    pub(super) model: GroundingModel,
    pub(super) optimizer: ModuleOptimizer,
    pub(super) average: WeightAverage,
    pub(super) best: Option<WeightAverage>,
    pub(super) progress: Progress,
}

impl State {
    pub(super) fn new(model: GroundingModel, config: &TrainConfig) -> Self {
        let progress =
            Progress { stage: Stage::Anatomy, epoch: 0, step: 0, best_score: f64::NEG_INFINITY, since_best: 0 };
        Self { optimizer: optimizer(&config.anatomy), average: WeightAverage::new(&model), best: None, model, progress }
    }

    pub(super) fn from_checkpoint(
        saved: Checkpoint,
        model: GroundingModel,
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let model = saved.model_into(model)?;
        let optimizer = saved.optimizer_into(optimizer(config.stage(saved.progress.stage)))?;
        Ok(Self { optimizer, average: saved.average, best: saved.best, model, progress: saved.progress })
    }

    pub(super) fn view(&self) -> checkpoint::View<'_> {
        checkpoint::View {
            model: &self.model,
            optimizer: &self.optimizer,
            average: &self.average,
            best: self.best.as_ref(),
            progress: &self.progress,
        }
    }

    pub(super) fn anatomy_model(&self) -> GroundingModel {
        self.best.as_ref().unwrap_or(&self.average).applied_to(self.model.clone().valid())
    }

    pub(super) fn note_score(&mut self, score: f64) {
        if score > self.progress.best_score {
            self.progress.best_score = score;
            self.progress.since_best = 0;
            self.best = Some(self.average.clone());
        } else {
            self.progress.since_best += 1;
        }
    }

    /// One step down the mean gradient of the shards.
    pub(super) fn step(
        &mut self,
        shards: Vec<Batch>,
        stage: &StageConfig,
        total: usize,
        config: &TrainConfig,
    ) -> LossTerms {
        let step = self.progress.step;
        let share = 1.0 / shards.len() as f64;
        let model = &self.model;
        let learnt: Vec<(GradientsParams, LossTerms)> = std::thread::scope(|scope| {
            let learn = |(index, batch): (usize, Batch)| {
                scope.spawn(move || {
                    let seed = config.seed ^ ((step as u64) << 20) ^ ((index as u64) << 56);
                    learn(model, batch, share, config, &mut ChaCha8Rng::seed_from_u64(seed))
                })
            };
            let threads: Vec<_> = shards.into_iter().enumerate().map(learn).collect();
            threads.into_iter().map(|t| t.join().expect("a shard does not panic")).collect()
        });
        let mut terms = LossTerms::default();
        let mut gradients = GradientsAccumulator::new();
        for (shard, shard_terms) in learnt {
            gradients.accumulate(&self.model, shard);
            terms.add(&shard_terms, share);
        }
        self.model = self.optimizer.step(stage.rate(step, total), self.model.clone(), gradients.grads());
        self.average.update(&self.model, stage.ema);
        self.progress.step += 1;
        terms
    }
}

/// Gradients of one shard's share of the loss.
fn learn(
    model: &GroundingModel,
    batch: Batch,
    share: f64,
    config: &TrainConfig,
    rng: &mut ChaCha8Rng,
) -> (GradientsParams, LossTerms) {
    // A fork has a graph of its own: backward passes of two threads must not meet in the shared parameters.
    let model = &model.clone().fork(&batch.input.prior.device());
    let output = model.forward(batch.input, &config.model, &mut ());
    let (loss, terms) = criterion::loss(&output, &batch.targets, config.model.queries, &config.loss, rng);
    (GradientsParams::from_grads((loss * share).backward(), model), terms)
}

pub(super) fn optimizer(stage: &StageConfig) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_weight_decay(stage.weight_decay as f32)
        .with_epsilon(1e-8)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(stage.clip as f32)))
        .init()
}
