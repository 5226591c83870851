//! What changes while training: weights, moments, averages, and how far the run is.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Gradients, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::TrainError;
use super::average::WeightAverage;
use super::batch::Batch;
use super::checkpoint::{self, Checkpoint, Progress};
use super::config::TrainConfig;
use super::criterion::{self, LossTerms};
use super::run::Stage;
use super::tower::{self, Seen, Tail, TailGradient};
use crate::model::GroundingModel;
use crate::model::trace;
use crate::model::vision::VisionTower;

/// What changes while training.
pub(super) struct State {
    pub(super) model: GroundingModel,
    pub(super) optimizer: ModuleOptimizer,
    pub(super) average: WeightAverage,
    pub(super) best: Option<WeightAverage>,
    pub(super) progress: Progress,
}

impl State {
    /// At the start of a stage.
    pub(super) fn new(stage: Stage, model: GroundingModel, config: &TrainConfig) -> Self {
        let progress = Progress { stage, epoch: 0, step: 0, best_score: f64::NEG_INFINITY, since_best: 0 };
        let optimizer = config.stage(stage).optimizer();
        Self { optimizer, average: WeightAverage::new(&model), best: None, model, progress }
    }

    pub(super) fn from_checkpoint(
        saved: Checkpoint,
        model: GroundingModel,
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let model = saved.model_into(model)?;
        let optimizer = saved.optimizer_into(config.stage(saved.progress.stage).optimizer())?;
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

    /// One step of `total` down the mean gradient of the shards.
    pub(super) fn step(
        &mut self,
        shards: Vec<Batch>,
        total: usize,
        tower: &VisionTower,
        config: &TrainConfig,
    ) -> LossTerms {
        let step = self.progress.step;
        let stage = config.stage(self.progress.stage);
        let share = 1.0 / shards.len() as f64;
        let model = &self.model;
        let learns_tower = self.progress.stage == Stage::Adaptation;
        let tail = model.adapters().filter(|_| learns_tower).map(|adapters| Tail::new(tower, adapters));
        let tail = tail.as_ref();
        let learnt: Vec<(GradientsParams, LossTerms)> = std::thread::scope(|scope| {
            let learn = |(index, batch): (usize, Batch)| {
                scope.spawn(move || {
                    let seed = config.seed ^ ((step as u64) << 20) ^ ((index as u64) << 56);
                    learn(model, tail, batch, share, config, &mut ChaCha8Rng::seed_from_u64(seed))
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
        let (rate, mut gradients) = (stage.rate(step, total), gradients.grads());
        if let (Some(adapters), Some(adaptation)) = (self.model.adapters(), &config.adaptation) {
            let own = tower::take(&mut gradients, adapters);
            self.model = self.optimizer.step(rate * adaptation.adapters_rate, self.model.clone(), own);
        }
        self.model = self.optimizer.step(rate, self.model.clone(), gradients);
        self.average.update(&self.model, stage.ema);
        self.progress.step += 1;
        terms
    }
}

/// Gradients of one shard's share of the loss.
fn learn(
    model: &GroundingModel,
    tail: Option<&Tail>,
    batch: Batch,
    share: f64,
    config: &TrainConfig,
    rng: &mut ChaCha8Rng,
) -> (GradientsParams, LossTerms) {
    // A fork has a graph of its own: backward passes of two threads must not meet in the shared parameters.
    let model = &model.clone().fork(&batch.input.phrases.prior.device());
    let mut input = batch.input;
    let looked = tail.map(|tail| Looked::new(tail, batch.streams, &mut input.images.tokens));
    let output = model.forward(input, &config.model, &mut ());
    let (loss, terms) = criterion::loss(&output, &batch.targets, config.model.queries, &config.loss, rng);
    let gradients = (loss * share).backward();
    let learnt = looked.map(|looked| looked.gradient(&gradients));
    let mut gradients = GradientsParams::from_grads(gradients, model);
    if let (Some(learnt), Some(adapters)) = (learnt, model.adapters()) {
        tower::register(learnt, adapters, &mut gradients);
    }
    (gradients, terms)
}

/// The images of a batch as the tower's last layers, as they are learnt so far, see them.
struct Looked<'t> {
    tail: &'t Tail<'t>,
    seen: Vec<Seen>,
    /// What the decoder reads.
    tokens: Tensor<3>,
}

impl<'t> Looked<'t> {
    /// Writes the last layer's part of every token anew, but for blanked ones.
    fn new(tail: &'t Tail<'t>, streams: Vec<Vec<f32>>, tokens: &mut Tensor<3>) -> Self {
        let [_, patches, width] = tokens.dims();
        let mut values = trace::values(tokens);
        let mut seen = Vec::with_capacity(streams.len());
        for (stream, image) in streams.into_iter().zip(values.chunks_exact_mut(patches * width)) {
            let (last, kept) = tail.forward(stream);
            tower::write_last(image, width, &last);
            seen.push(kept);
        }
        *tokens = Tensor::from_data(TensorData::new(values, tokens.dims()), &tokens.device()).require_grad();
        Self { tail, seen, tokens: tokens.clone() }
    }

    /// From the gradients of what was written.
    fn gradient(&self, gradients: &Gradients) -> TailGradient {
        let [_, patches, width] = self.tokens.dims();
        let slope = trace::values(&self.tokens.grad(gradients).expect("the decoder reads its tokens"));
        let tokens = trace::values(&self.tokens);
        let mut sum: Option<TailGradient> = None;
        for (index, seen) in self.seen.iter().enumerate() {
            let image = index * patches * width..(index + 1) * patches * width;
            let slope = tower::slope_of_last(&tokens[image.clone()], &slope[image], width);
            let gradient = self.tail.backward(seen, &slope);
            match &mut sum {
                Some(sum) => tower::accumulate(sum, &gradient),
                None => sum = Some(gradient),
            }
        }
        sum.expect("a batch has images")
    }
}
