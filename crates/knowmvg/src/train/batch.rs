//! Samples and views to the batches that a step learns from.

use rand_chacha::ChaCha8Rng;

use super::TrainError;
use super::criterion::{Target, Targets};
use super::dataset::{self, Asker, Sample};
use super::features;
use super::run::{Run, Stage};
use crate::decoder::{self, identity_thorax};
use crate::knowledge;
use crate::model::GroundingInput;
use crate::model::config::KnowledgeSwitch;
use crate::model::input::{self, Features, ImageInput, phrase_input};
use crate::prior::frame::model_from_typical;

/// What one step learns from.
pub(super) struct Batch {
    pub(super) input: GroundingInput,
    pub(super) targets: Targets,
    /// The residual stream of every image, where the tower's last layers are learnt.
    pub(super) streams: Vec<Vec<f32>>,
}

/// Puts batches together, on another thread than the one that learns.
pub(super) struct BatchMaker<'a> {
    pub(super) run: &'a Run,
    pub(super) asker: &'a Asker<'a>,
}

impl BatchMaker<'_> {
    /// One step's images, in as many parts as are learnt from side by side.
    pub(super) fn shards(
        &self,
        members: &[(usize, usize)],
        stage: Stage,
        epoch: usize,
        index: usize,
    ) -> Result<Vec<Batch>, TrainError> {
        let mut rng = self.run.rng(stage, epoch, index);
        let size = members.len().div_ceil(self.run.config.data.shards.max(1));
        members.chunks(size).map(|part| self.batch(part, stage, &mut rng)).collect()
    }

    fn batch(&self, members: &[(usize, usize)], stage: Stage, rng: &mut ChaCha8Rng) -> Result<Batch, TrainError> {
        let mut features = Vec::with_capacity(members.len());
        let mut streams = Vec::new();
        for (sample, view) in members {
            let id = &self.run.train[*sample].record.id;
            let mut read = self.run.cache.read(id, *view)?;
            if stage == Stage::Adaptation && self.run.config.model.adapters.is_some() {
                streams.push(self.run.cache.read_stream(id, *view, &read)?);
            }
            read.blank_patches(self.run.config.data.patch_dropout, rng);
            features.push(read);
        }
        let mut images = Vec::with_capacity(members.len());
        let mut targets: Targets = Vec::with_capacity(members.len());
        for ((sample, view), features) in members.iter().zip(&features) {
            let (image, truth) = self.image(&self.run.train[*sample], *view, stage, features, rng);
            images.push(image);
            targets.push(truth);
        }
        if self.run.config.model.switches.knowledge == KnowledgeSwitch::Shuffled {
            rotate_nodes(&mut images);
        }
        pad(&mut targets);
        let device = self.run.device.clone().autodiff();
        let input = input::collate(
            &images,
            &self.run.texts,
            &self.run.config.model,
            self.run.tower.config().patch_size,
            &device,
        );
        Ok(Batch { input, targets, streams })
    }

    fn image<'f>(
        &self,
        sample: &Sample,
        view: usize,
        stage: Stage,
        features: &'f Features,
        rng: &mut ChaCha8Rng,
    ) -> (ImageInput<'f>, Vec<Option<Target>>) {
        let config = &self.run.config.model;
        let lesions =
            view.checked_sub(features::FIRST_INSERTED).and_then(|index| sample.with_lesions(index, config.image_side));
        let seen = match &lesions {
            Some((_, inserted)) => sample.seen_inserted(inserted, config.image_side),
            None => sample.seen(view, config.image_side),
        };
        let sample = lesions.as_ref().map_or(sample, |(with_lesions, _)| with_lesions);
        let questions = match stage {
            Stage::Anatomy => self.asker.anatomy_questions(sample, &seen),
            Stage::Findings | Stage::Adaptation => self.asker.questions(sample, &seen, rng),
        };
        // An image is either asked about its anatomy, on the square, or about findings, on the patient's thorax.
        let asks_anatomy = questions
            .first()
            .is_some_and(|q: &dataset::Question| q.finding.as_deref().is_some_and(dataset::is_anatomy_key));
        let frame = match sample.model_from_thorax {
            _ if asks_anatomy => identity_thorax(),
            Some(map) => seen.thorax(&map),
            None => model_from_typical(),
        };
        let mut phrases = Vec::with_capacity(questions.len());
        let mut targets = Vec::with_capacity(questions.len());
        for question in questions {
            let mut linked = knowledge::link(&question.phrase, self.asker.knowledge);
            drop_knowledge(&mut linked, rng);
            let places = decoder::place_regions(&linked.places, self.asker.knowledge);
            let prior = self.asker.prior(&question, sample.record.patient_key());
            let prior = if asks_anatomy { prior } else { prior.refined_by(&places) };
            let prior = prior.on_image(&frame, features.grid);
            phrases.push(phrase_input(
                &question.phrase,
                &linked,
                self.asker.knowledge,
                &self.run.tokenizer,
                &frame,
                prior,
                config,
            ));
            targets.push(Some(question.target));
        }
        (ImageInput { features, model_from_thorax: frame, phrases }, targets)
    }
}

/// Forgets all knowledge of some phrases, so that a phrase without an entry degrades gracefully.
fn drop_knowledge(linked: &mut knowledge::Knowledge, rng: &mut ChaCha8Rng) {
    const KNOWLEDGE_DROPOUT: f64 = 0.15;
    if rand::Rng::random_bool(rng, KNOWLEDGE_DROPOUT) {
        linked.finding = None;
        linked.places.clear();
    }
}

impl Features {
    /// Blanks the tokens of a share of patches: standardised tokens have mean zero.
    pub fn blank_patches(&mut self, share: f64, rng: &mut ChaCha8Rng) {
        let token_width = self.tokens.len() / (self.grid * self.grid);
        for token in self.tokens.chunks_exact_mut(token_width) {
            if rand::Rng::random_bool(rng, share) {
                token.fill(0.0);
            }
        }
    }
}

/// Gives every phrase of the batch the nodes of the next one.
fn rotate_nodes(images: &mut [ImageInput]) {
    let mut nodes: Vec<_> =
        images.iter().flat_map(|i| i.phrases.iter().map(|p| (p.nodes.clone(), p.link_quality))).collect();
    if nodes.is_empty() {
        return;
    }
    nodes.rotate_left(1);
    let mut nodes = nodes.into_iter();
    for phrase in images.iter_mut().flat_map(|i| &mut i.phrases) {
        (phrase.nodes, phrase.link_quality) = nodes.next().expect("as many as phrases");
    }
}

fn pad(targets: &mut Targets) {
    let longest = targets.iter().map(Vec::len).max().unwrap_or(0);
    targets.iter_mut().for_each(|row| row.resize_with(longest, || None));
}
