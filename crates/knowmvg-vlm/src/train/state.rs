//! What changes while training.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use knowmvg::decoder::Decoder;
use knowmvg::model::GroundingModel;
use knowmvg::train::average::WeightAverage;
use knowmvg::train::config::StageConfig;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::batch::Member;
use super::config::VlmTrainConfig;
use super::learn::{Learner, Terms};
use super::workers::{Worker, Workers};
use crate::Result;
use crate::grounding::GroundingAdapter;

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Finished epochs.
    pub epoch: usize,
    /// Finished steps.
    pub step: usize,
    /// Best score on `val`.
    pub best_score: Option<f64>,
}

/// Weights that are learnt, their moments and their average.
pub struct Learnt<M> {
    pub module: M,
    pub optimizer: ModuleOptimizer,
    pub average: WeightAverage,
    pub best: Option<WeightAverage>,
}

impl<M: Module> Learnt<M> {
    pub fn new(module: M, stage: &StageConfig) -> Self {
        Self { optimizer: stage.optimizer(), average: WeightAverage::new(&module), best: None, module }
    }

    /// What is scored and shipped.
    pub fn averaged(&self) -> M {
        self.average.applied_to(self.module.valid())
    }

    /// The average that scored best, or the last one.
    pub fn best(&self) -> M {
        self.best.as_ref().unwrap_or(&self.average).applied_to(self.module.valid())
    }

    fn step(&mut self, rate: f64, gradients: GradientsParams, ema: f64) {
        self.module = self.optimizer.step(rate, self.module.clone(), gradients);
        self.average.update(&self.module, ema);
    }
}

/// Everything that changes.
pub struct State {
    pub adapter: Learnt<GroundingAdapter>,
    pub decoder: Learnt<GroundingModel>,
    pub progress: Progress,
}

impl State {
    /// Notes a score on `val`, and keeps the averages if it is the best.
    pub fn note_score(&mut self, score: f64) {
        if self.progress.best_score.is_none_or(|best| score > best) {
            self.progress.best_score = Some(score);
            self.adapter.best = Some(self.adapter.average.clone());
            self.decoder.best = Some(self.decoder.average.clone());
        }
    }

    /// One step of `total` down the mean gradient of the shards.
    ///
    /// # Errors
    /// When an image or the words do not fit the language model.
    pub fn step(
        &mut self,
        shards: &[Vec<Member>],
        total: usize,
        workers: &Workers,
        reads: &Decoder,
        config: &VlmTrainConfig,
    ) -> Result<Terms> {
        let step = self.progress.step;
        let Learned { adapter, decoder, terms } = self.learnt(shards, workers, reads, config)?;
        let rate = config.stage.rate(step, total);
        self.adapter.step(rate, adapter, config.stage.ema);
        if config.decoder_rate > 0.0 {
            self.decoder.step(rate * config.decoder_rate, decoder, config.stage.ema);
        }
        self.progress.step += 1;
        Ok(terms)
    }

    /// Learns from every shard on the device of its turn, and brings what is learnt to the first, where it is added up in the
    /// order of the shards.
    fn learnt(
        &self,
        shards: &[Vec<Member>],
        workers: &Workers,
        reads: &Decoder,
        config: &VlmTrainConfig,
    ) -> Result<Learned> {
        let all: usize = shards.iter().map(Vec::len).sum();
        let (adapter, decoder) = (&self.adapter.module, &self.decoder.module);
        let home = &workers.first().device;
        let learn = |index: usize, members: &Vec<Member>, Worker { device, speaker }: &Worker| -> Result<Learned> {
            let share = members.len() as f64 / all as f64;
            let seed = config.seed ^ ((self.progress.step as u64) << 20) ^ ((index as u64) << 56);
            // A fork has a graph of its own: backward passes of two threads must not meet in shared parameters.
            let (forked, fork) = (adapter.clone().fork(device), decoder.clone().fork(device));
            let learner = Learner { speaker, adapter: &forked, decoder: &fork, reads, weights: &config.loss };
            let Learned { adapter: of_adapter, decoder: of_decoder, terms } = learned(&learner, members, share, seed)?;
            let [of_adapter, of_decoder] = [of_adapter.to_device(home, adapter), of_decoder.to_device(home, decoder)];
            Ok(Learned { adapter: of_adapter, decoder: of_decoder, terms })
        };
        let mut terms = Terms::default();
        let (mut of_adapter, mut of_decoder) = (GradientsAccumulator::new(), GradientsAccumulator::new());
        for learned in workers.each(shards, workers.at_once(config.data.shards), learn) {
            let learned = learned?;
            of_adapter.accumulate(adapter, learned.adapter);
            of_decoder.accumulate(decoder, learned.decoder);
            terms.add(&learned.terms, 1.0);
        }
        Ok(Learned { adapter: of_adapter.grads(), decoder: of_decoder.grads(), terms })
    }
}

/// Gradients of a shard, or of several, and their part of the terms.
struct Learned {
    adapter: GradientsParams,
    decoder: GradientsParams,
    terms: Terms,
}

fn learned(learner: &Learner, members: &[Member], share: f64, seed: u64) -> Result<Learned> {
    let (loss, own) = learner.loss(members, &mut ChaCha8Rng::seed_from_u64(seed))?;
    let mut gradients = (loss * share).backward();
    let mut terms = Terms::default();
    terms.add(&own, share);
    Ok(Learned {
        adapter: GradientsParams::from_module(&mut gradients, learner.adapter),
        decoder: GradientsParams::from_module(&mut gradients, learner.decoder),
        terms,
    })
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
