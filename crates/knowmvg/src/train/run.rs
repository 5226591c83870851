//! A whole training run: features, anatomy, frames, findings, the finished model.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::average::WeightAverage;
use super::checkpoint::{self, Checkpoint, Progress};
use super::compose::{self, TextLevel};
use super::config::{StageConfig, TrainConfig};
use super::corpus::{Corpus, Record, Split, Tier};
use super::criterion::{self, LossTerms, Target, Targets};
use super::dataset::{self, Asker, LabelMap, Sample};
use super::features::{self, FeatureCache};
use super::score;
use super::{Observer, TrainError};
use crate::calibration::{Calibration, Outcome};
use crate::decoder::{self, Decoder, identity_thorax};
use crate::image::decode_png_or_jpeg;
use crate::image::preprocess::GreyView;
use crate::knowledge::{self, KnowledgeBase};
use crate::model::GroundingModel;
use crate::model::config::{KnowledgeSwitch, PriorSwitch};
use crate::model::input::{self, Features, ImageInput, phrase_input};
use crate::model::tokenizer::{NodeTexts, PhraseTokenizer, node_ids};
use crate::model::vision::{VisionConfig, VisionTower};
use crate::model::weights::WeightFile;
use crate::prior::Location;
use crate::prior::estimator::PriorEstimator;
use crate::prior::frame::model_from_typical;
use crate::prior::table::PriorTable;
use crate::report::Zone;

/// Which part of the schedule a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Lungs and heart.
    Anatomy,
    /// Findings, with anatomy mixed in.
    Findings,
}

/// Most images that carry made-up lesions; each needs a pass of the tower.
const MAX_INSERTED: usize = 400;

/// A run's fixed parts.
pub struct Run {
    config: TrainConfig,
    tower: VisionTower,
    tower_sha256: String,
    cache: FeatureCache,
    knowledge: &'static KnowledgeBase,
    tokenizer: PhraseTokenizer,
    texts: NodeTexts,
    labels: BTreeMap<String, String>,
    train: Vec<Sample>,
    val: Vec<Sample>,
    corpus: Corpus,
    device: Device,
}

/// What one step learns from.
struct Batch {
    input: crate::model::GroundingInput,
    targets: Targets,
}

impl Run {
    /// Reads the corpus and the tower and trains the tokenizer; no step is taken yet.
    ///
    /// # Errors
    /// When a file is missing or malformed, or a label is unknown.
    pub fn prepare(config: TrainConfig) -> Result<Self, TrainError> {
        fs::create_dir_all(&config.output).map_err(|e| TrainError::io(e, &config.output))?;
        let file = WeightFile::open(&config.tower)?;
        let tower = VisionTower::load(file.loader()?, tower_config(&config.tower)?)?;
        let tower_sha256 = file.sha256();
        let cache_root = config.cache.clone().unwrap_or_else(|| config.output.join("features"));
        let cache = FeatureCache::new(&cache_root, &tower, &tower_sha256, config.model.image_side);
        let corpus = Corpus::open(&config.corpus)?;
        let knowledge = KnowledgeBase::chest();
        let mut labels = LabelMap::new(knowledge);
        let side = config.model.image_side;
        let is_open = |r: &Record| r.tier == Tier::Open;
        let mut negatives = 0;
        let mut wanted = |r: &Record| {
            let is_negative = r.findings_annotated && r.findings.is_empty();
            negatives += usize::from(is_negative);
            let every = config.data.negatives_one_in;
            !r.findings.is_empty() || !r.anatomy.is_empty() || (is_negative && every > 0 && negatives % every == 1)
        };
        let train_records: Vec<Record> =
            corpus.records.iter().filter(|r| is_open(r) && r.split == Split::Train && wanted(r)).cloned().collect();
        let mut train = Vec::new();
        for record in &train_records {
            train.push(Sample::new(record, side, &mut labels).map_err(TrainError::Corpus)?);
        }
        let positive = |r: &Record| !r.findings.is_empty() || !r.anatomy.is_empty();
        let val = dataset::samples(&corpus, side, &mut labels, |r| is_open(r) && r.split == Split::Val && positive(r))
            .map_err(TrainError::Corpus)?;
        let tokenizer = tokenizer(knowledge, labels.known(), &config)?;
        let texts = NodeTexts::new(knowledge, &tokenizer, config.model.max_tokens);
        let mut config = config;
        config.model.vocab_size = tokenizer.vocab_size();
        config.model.check().map_err(TrainError::Config)?;
        let mut run = Self {
            tower,
            tower_sha256,
            cache,
            knowledge,
            tokenizer,
            texts,
            labels: labels.known().clone(),
            train,
            val,
            corpus,
            device: Device::flex(),
            config,
        };
        if run.config.shuffle_labels {
            run.shuffle_labels();
        }
        Ok(run)
    }

    /// Deals the boxes of the training images out to other training images of the same source.
    fn shuffle_labels(&mut self) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed ^ 0x5_0FF1E);
        let mut bounds: Vec<_> = self
            .train
            .iter()
            .flat_map(|s| s.findings.iter().map(|b| b.bounds).chain(s.anatomy.iter().map(|a| a.1)))
            .collect();
        bounds.shuffle(&mut rng);
        let mut dealt = bounds.into_iter();
        for sample in &mut self.train {
            sample.findings.iter_mut().for_each(|b| b.bounds = dealt.next().expect("as many as before"));
            sample.anatomy.iter_mut().for_each(|a| a.1 = dealt.next().expect("as many as before"));
        }
    }

    /// Runs all stages, from a checkpoint if one is wanted and there, and writes the finished model.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn run(mut self, resume: bool, observer: &mut dyn Observer) -> Result<PathBuf, TrainError> {
        self.fill_cache(observer)?;
        let autodiff = self.device.clone().autodiff();
        autodiff.seed(self.config.seed);
        let model = checkpoint::with_stable_ids(GroundingModel::init(
            &self.config.model,
            self.tower.config().patch_size,
            &autodiff,
        ));
        let saved = if resume { Checkpoint::open(&self.config.output)? } else { None };
        let mut state = match saved {
            Some(checkpoint) => {
                observer.message(&format!(
                    "resuming {:?} at epoch {}",
                    checkpoint.progress.stage, checkpoint.progress.epoch
                ));
                State::from_checkpoint(checkpoint, model, &self.config)?
            }
            None => State::new(model, &self.config),
        };
        if state.progress.stage == Stage::Anatomy {
            self.train_stage(&mut state, observer)?;
            state = self.next_stage(state);
        }
        self.find_thoraxes(&state, observer)?;
        self.fill_inserted(observer)?;
        self.train_stage(&mut state, observer)?;
        self.export(&state)
    }

    /// Anatomy is over: the best average goes on, with a fresh optimizer.
    fn next_stage(&self, state: State) -> State {
        let best = state.best.unwrap_or_else(|| state.average.clone());
        let model = best.applied_to(state.model);
        let progress =
            Progress { stage: Stage::Findings, epoch: 0, step: 0, best_score: f64::NEG_INFINITY, since_best: 0 };
        State {
            optimizer: optimizer(&self.config.findings),
            average: WeightAverage::new(&model),
            best: None,
            model,
            progress,
        }
    }

    fn fill_cache(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let data = self.config.data.clone();
        let views =
            |s: &Sample| match (s.findings.is_empty() && s.anatomy.is_empty(), s.record.source == data.capped_source) {
                (true, _) => 0,
                (false, true) => data.views_of_capped,
                (false, false) => data.views,
            };
        for sample in &mut self.train {
            sample.views = (0..=views(sample)).collect();
        }
        let all = || self.train.iter().chain(&self.val);
        let wanted: Vec<(&Record, usize, bool)> = all()
            .flat_map(|s| s.views.iter().map(move |v| (&s.record, *v, s.mirror_allowed)))
            .filter(|(record, view, _)| !self.cache.has(&record.id, *view))
            .collect();
        let observer = std::sync::Mutex::new(observer);
        observer.lock().expect("no panic while reporting").begin("features", wanted.len() as u64);
        self.cache.fill::<TrainError>(
            &self.tower,
            &wanted,
            |record| read_image(&self.corpus, record),
            || {
                observer.lock().expect("no panic while reporting").advance(1);
            },
        )
    }

    fn estimators(&self) -> (PriorEstimator<'static>, PriorEstimator<'static>) {
        let boxes = match self.config.model.switches.prior {
            PriorSwitch::Learned => dataset::finding_prior_boxes(&self.train),
            PriorSwitch::Off | PriorSwitch::Atlas => vec![],
        };
        (
            PriorEstimator::new(boxes, self.knowledge),
            PriorEstimator::new(dataset::anatomy_prior_boxes(&self.train), self.knowledge),
        )
    }

    /// Weight of each finding: the inverse square root of its share, 1 on average over boxes.
    fn class_weights(&self) -> BTreeMap<String, f32> {
        let mut counts: BTreeMap<String, f32> = BTreeMap::new();
        for b in self.train.iter().flat_map(|s| &s.findings) {
            *counts.entry(b.finding.clone()).or_default() += 1.0;
        }
        let total: f32 = counts.values().sum();
        let mean: f32 = counts.values().map(|n| n / total / n.sqrt()).sum();
        counts.into_iter().map(|(id, n)| (id, (1.0 / n.sqrt() / mean).clamp(0.4, 3.0))).collect()
    }

    fn train_stage(&self, state: &mut State, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let stage = self.stage_config(state.progress.stage).clone();
        let (priors, anatomy_priors) = self.estimators();
        let class_weights = self.class_weights();
        let total = stage.epochs * self.epoch_plan(state.progress.stage, 0).len();
        let asker = Asker {
            knowledge: self.knowledge,
            priors: &priors,
            anatomy_priors: &anatomy_priors,
            class_weights: &class_weights,
            labels: &self.labels,
            prior_switch: self.config.model.switches.prior,
            phrases_per_image: self.config.data.phrases_per_image,
        };
        while state.progress.epoch < stage.epochs && state.progress.since_best < stage.patience {
            let plan = self.epoch_plan(state.progress.stage, state.progress.epoch);
            observer.begin(
                &format!("{:?} {}/{}", state.progress.stage, state.progress.epoch + 1, stage.epochs),
                plan.len() as u64,
            );
            let terms = self.epoch(state, &plan, total, &asker, observer)?;
            state.progress.epoch += 1;
            let scores =
                if state.progress.epoch.is_multiple_of(stage.validate_every) || state.progress.epoch == stage.epochs {
                    Some(self.validate(state, &priors, &anatomy_priors)?)
                } else {
                    None
                };
            observer.epoch(state.progress.stage, state.progress.epoch, &terms, scores.as_ref());
            checkpoint::save(&self.config.output, state.view())?;
        }
        Ok(())
    }

    /// One pass over the plan; returns the mean terms.
    fn epoch(
        &self,
        state: &mut State,
        plan: &[Vec<(usize, usize)>],
        total: usize,
        asker: &Asker,
        observer: &mut dyn Observer,
    ) -> Result<LossTerms, TrainError> {
        let (stage, epoch) = (state.progress.stage, state.progress.epoch);
        let maker = BatchMaker { run: self, asker };
        let mut sums = LossTerms::default();
        std::thread::scope(|scope| {
            // The next batch is put together while the current one is learnt from.
            let (sender, receiver) = std::sync::mpsc::sync_channel(1);
            let maker = &maker;
            scope.spawn(move || {
                for (index, members) in plan.iter().enumerate() {
                    if sender.send(maker.shards(members, stage, epoch, index)).is_err() {
                        break;
                    }
                }
            });
            for batch in receiver {
                let terms = state.step(batch?, self.stage_config(stage), total, &self.config);
                sums.add(&terms, 1.0 / plan.len() as f64);
                observer.advance(1);
            }
            Ok(sums)
        })
    }

    fn stage_config(&self, stage: Stage) -> &StageConfig {
        match stage {
            Stage::Anatomy => &self.config.anatomy,
            Stage::Findings => &self.config.findings,
        }
    }

    /// Which sample, in which view, stands in which batch of an epoch; a function of the seed and the epoch alone.
    fn epoch_plan(&self, stage: Stage, epoch: usize) -> Vec<Vec<(usize, usize)>> {
        let mut rng = self.rng(stage, epoch, usize::MAX);
        let mut capped = Vec::new();
        let mut chosen = Vec::new();
        for (index, sample) in self.train.iter().enumerate() {
            let has_anatomy = !sample.anatomy.is_empty();
            match stage {
                Stage::Anatomy if !has_anatomy => {}
                Stage::Findings if has_anatomy && sample.findings.is_empty() && (index + epoch) % 2 == 1 => {}
                _ if sample.record.source == self.config.data.capped_source => capped.push(index),
                _ => chosen.push(index),
            }
        }
        capped.shuffle(&mut rng);
        chosen.extend(capped.into_iter().take(self.config.data.cap));
        chosen.shuffle(&mut rng);
        let inserted = if stage == Stage::Findings { self.inserted_members(&mut rng) } else { vec![] };
        let with_view = |index: usize, rng: &mut ChaCha8Rng| {
            (index, *self.train[index].views.choose(rng).expect("view 0 is there"))
        };
        let mut members: Vec<_> = chosen.into_iter().map(|index| with_view(index, &mut rng)).collect();
        members.extend(inserted);
        members.shuffle(&mut rng);
        members.chunks(self.stage_config(stage).batch).map(<[_]>::to_vec).collect()
    }

    /// Images of one epoch that carry made-up lesions.
    fn inserted_members(&self, rng: &mut ChaCha8Rng) -> Vec<(usize, usize)> {
        let mut all = self.inserted_views();
        all.shuffle(rng);
        all.truncate(self.config.data.inserted);
        all
    }

    /// Every image and view that may carry made-up lesions: one view each.
    fn inserted_views(&self) -> Vec<(usize, usize)> {
        let fits = |s: &Sample| s.takes_lesions() && s.with_lesions(0, self.config.model.image_side).is_some();
        let all =
            self.train.iter().enumerate().filter(|(_, s)| fits(s)).map(|(index, _)| (index, features::FIRST_INSERTED));
        if self.config.data.inserted == 0 { vec![] } else { all.take(MAX_INSERTED).collect() }
    }

    /// Features of all views with made-up lesions; the lungs must be known.
    fn fill_inserted(&self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        use rayon::prelude::*;
        let wanted: Vec<_> = self
            .inserted_views()
            .into_iter()
            .filter(|(i, view)| !self.cache.has(&self.train[*i].record.id, *view))
            .collect();
        observer.begin("lesions", wanted.len() as u64);
        let observer = std::sync::Mutex::new(observer);
        wanted.par_iter().try_for_each(|(index, view)| {
            let sample = &self.train[*index];
            let Some((_, inserted)) =
                sample.with_lesions(view - features::FIRST_INSERTED, self.config.model.image_side)
            else {
                return Ok(());
            };
            let (width, height, pixels) = read_image(&self.corpus, &sample.record)?;
            self.cache.ensure_inserted(
                &self.tower,
                &sample.record,
                GreyView { width, height, pixels: &pixels },
                &inserted,
                *view,
            )?;
            observer.lock().expect("no panic while reporting").advance(1);
            Ok(())
        })
    }

    fn rng(&self, stage: Stage, epoch: usize, index: usize) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(Sha256::digest(format!("{} {stage:?} {epoch} {index}", self.config.seed)).into())
    }

    fn decoder<'a>(
        &'a self,
        model: &'a GroundingModel,
        priors: &'a PriorTable,
        anatomy_priors: &'a PriorTable,
    ) -> Decoder<'a> {
        Decoder {
            model,
            config: &self.config.model,
            tokenizer: &self.tokenizer,
            texts: &self.texts,
            priors,
            anatomy_priors,
            knowledge: self.knowledge,
            patch_size: self.tower.config().patch_size,
            device: &self.device,
        }
    }

    /// Scores the average on `val` and keeps it if it is the best so far.
    fn validate(
        &self,
        state: &mut State,
        priors: &PriorEstimator,
        anatomy_priors: &PriorEstimator,
    ) -> Result<BTreeMap<String, f64>, TrainError> {
        let model = state.average.applied_to(state.model.clone().valid());
        let (table, anatomy_table) = (PriorTable::from_estimator(priors), PriorTable::from_estimator(anatomy_priors));
        let decoder = self.decoder(&model, &table, &anatomy_table);
        let val: Vec<&Sample> = self.val.iter().collect();
        let read = |s: &Sample| self.cache.read(&s.record.id, 0);
        let mut scores = BTreeMap::new();
        let anatomy = score::summary(&score::score_anatomy(&decoder, &val, read)?);
        scores.insert("anatomy mIoU".to_owned(), anatomy.mean_iou);
        let mut score = anatomy.mean_iou;
        if state.progress.stage == Stage::Findings {
            let class = score::summary(&score::score_findings(&decoder, &val, TextLevel::Class, read)?);
            let zone = score::summary(&score::score_findings(&decoder, &val, TextLevel::Zone, read)?);
            scores.insert("class mIoU".into(), class.mean_iou);
            scores.insert("class blind mIoU".into(), class.prior_mean_iou);
            scores.insert("class Acc@0.5".into(), class.acc_at_50);
            scores.insert("zone mIoU".into(), zone.mean_iou);
            scores.insert("zone blind mIoU".into(), zone.prior_mean_iou);
            scores.insert("zone Acc@0.5".into(), zone.acc_at_50);
            score = (class.mean_iou + zone.mean_iou) / 2.0 + 0.2 * anatomy.mean_iou;
        }
        state.note_score(score);
        Ok(scores)
    }

    /// Grounds the lungs of every image with the model of the anatomy stage.
    fn find_thoraxes(&mut self, state: &State, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let model = state.anatomy_model();
        let (priors, anatomy_priors) = (
            PriorTable::from_estimator(&PriorEstimator::new(vec![], self.knowledge)),
            PriorTable::from_estimator(&self.estimators().1),
        );
        let path = self.config.output.join("thorax.json");
        let known: BTreeMap<String, [f64; 4]> =
            fs::read(&path).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        let mut found = known;
        observer.begin("thorax", (self.train.len() + self.val.len()) as u64);
        for index in 0..self.train.len() + self.val.len() {
            let sample =
                if index < self.train.len() { &self.train[index] } else { &self.val[index - self.train.len()] };
            let id = sample.record.id.clone();
            if !found.contains_key(&id) {
                let decoder = self.decoder(&model, &priors, &anatomy_priors);
                let features = self.cache.read(&id, 0)?;
                let map = decoder.anatomy(&[&features])[0].model_from_thorax.unwrap_or_else(model_from_typical);
                let unit = crate::geometry::Box2::from_xyxy([0.0, 0.0, 1.0, 1.0]).expect("a constant box");
                found.insert(id.clone(), map.apply(&unit).xyxy());
            }
            observer.advance(1);
        }
        for sample in self.train.iter_mut().chain(&mut self.val) {
            let bounds = crate::geometry::Box2::from_xyxy(found[&sample.record.id])
                .map_err(|e| TrainError::Corpus(e.to_string()))?;
            sample.model_from_thorax = crate::geometry::Map::from_unit_square(&bounds);
        }
        fs::write(&path, serde_json::to_vec(&found).expect("numbers serialize")).map_err(|e| TrainError::io(e, &path))
    }

    fn export(&self, state: &State) -> Result<PathBuf, TrainError> {
        let (priors, anatomy_priors) = self.estimators();
        let average = state.best.as_ref().unwrap_or(&state.average);
        let folder = self.config.output.join("model");
        let tables = (PriorTable::from_estimator(&priors), PriorTable::from_estimator(&anatomy_priors));
        let calibration = self.calibrate(&average.applied_to(state.model.clone().valid()), &tables)?;
        let finished = checkpoint::Finished {
            weights: average.params(),
            priors: &tables.0,
            anatomy_priors: &tables.1,
            calibration: &calibration,
            config: &self.config,
            tokenizer: &self.tokenizer,
            tower_sha256: &self.tower_sha256,
        };
        checkpoint::export(&folder, &finished)?;
        Ok(folder)
    }

    /// Fits confidences on `val`, at both levels of text.
    fn calibrate(&self, model: &GroundingModel, tables: &(PriorTable, PriorTable)) -> Result<Calibration, TrainError> {
        let decoder = self.decoder(model, &tables.0, &tables.1);
        let val: Vec<&Sample> = self.val.iter().collect();
        let mut outcomes = Vec::new();
        for level in [TextLevel::Class, TextLevel::Zone] {
            let scored = score::score_findings(&decoder, &val, level, |s| self.cache.read(&s.record.id, 0))?;
            outcomes.extend(scored.iter().map(|s| Outcome {
                presence: s.presence,
                spread: s.spread,
                is_hit: s.iou >= 0.5,
            }));
        }
        Ok(Calibration::fit(&outcomes))
    }
}

/// Puts batches together, on another thread than the one that learns.
struct BatchMaker<'a> {
    run: &'a Run,
    asker: &'a Asker<'a>,
}

impl BatchMaker<'_> {
    /// One step's images, in as many parts as are learnt from side by side.
    fn shards(
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
        for (sample, view) in members {
            let mut read = self.run.cache.read(&self.run.train[*sample].record.id, *view)?;
            blank_patches(&mut read, self.run.config.model.token_width, self.run.config.data.patch_dropout, rng);
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
        Ok(Batch { input, targets })
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
            Stage::Anatomy => sample
                .anatomy
                .iter()
                .filter(|(name, _)| decoder::ANATOMY.contains(&name.as_str()))
                .map(|(name, bounds)| self.asker.about_anatomy(name, &seen.bounds(bounds)))
                .collect(),
            Stage::Findings => self.asker.questions(sample, &seen, rng),
        };
        // An image is either asked about its anatomy, on the square, or about findings, on the patient's thorax.
        let asks_anatomy = questions
            .first()
            .is_some_and(|q: &dataset::Question| q.finding.as_deref().is_some_and(dataset::is_anatomy_key));
        let frame = match sample.model_from_thorax {
            Some(map) if !asks_anatomy => seen.thorax(&map),
            _ if asks_anatomy => identity_thorax(),
            _ => model_from_typical(),
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

/// Blanks the tokens of some patches: standardised tokens have mean zero.
fn blank_patches(features: &mut Features, token_width: usize, share: f64, rng: &mut ChaCha8Rng) {
    for token in features.tokens.chunks_exact_mut(token_width) {
        if rand::Rng::random_bool(rng, share) {
            token.fill(0.0);
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

/// What changes while training.
pub(super) struct State {
    pub(super) model: GroundingModel,
    pub(super) optimizer: ModuleOptimizer,
    pub(super) average: WeightAverage,
    pub(super) best: Option<WeightAverage>,
    pub(super) progress: Progress,
}

impl State {
    fn new(model: GroundingModel, config: &TrainConfig) -> Self {
        let progress =
            Progress { stage: Stage::Anatomy, epoch: 0, step: 0, best_score: f64::NEG_INFINITY, since_best: 0 };
        Self { optimizer: optimizer(&config.anatomy), average: WeightAverage::new(&model), best: None, model, progress }
    }

    fn from_checkpoint(saved: Checkpoint, model: GroundingModel, config: &TrainConfig) -> Result<Self, TrainError> {
        let stage = match saved.progress.stage {
            Stage::Anatomy => &config.anatomy,
            Stage::Findings => &config.findings,
        };
        let model = saved.model_into(model)?;
        let optimizer = saved.optimizer_into(optimizer(stage))?;
        Ok(Self { optimizer, average: saved.average, best: saved.best, model, progress: saved.progress })
    }

    fn view(&self) -> checkpoint::View<'_> {
        checkpoint::View {
            model: &self.model,
            optimizer: &self.optimizer,
            average: &self.average,
            best: self.best.as_ref(),
            progress: &self.progress,
        }
    }

    fn anatomy_model(&self) -> GroundingModel {
        self.best.as_ref().unwrap_or(&self.average).applied_to(self.model.clone().valid())
    }

    fn note_score(&mut self, score: f64) {
        if score > self.progress.best_score {
            self.progress.best_score = score;
            self.progress.since_best = 0;
            self.best = Some(self.average.clone());
        } else {
            self.progress.since_best += 1;
        }
    }

    /// One step down the mean gradient of the shards.
    fn step(&mut self, shards: Vec<Batch>, stage: &StageConfig, total: usize, config: &TrainConfig) -> LossTerms {
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

fn optimizer(stage: &StageConfig) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_weight_decay(stage.weight_decay as f32)
        .with_epsilon(1e-8)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(stage.clip as f32)))
        .init()
}

impl LossTerms {
    fn add(&mut self, other: &Self, share: f64) {
        self.total += other.total * share;
        self.l1 += other.l1 * share;
        self.giou += other.giou * share;
        self.presence += other.presence * share;
        self.attention += other.attention * share;
        self.spread += other.spread * share;
        self.contrast += other.contrast * share;
    }
}

/// The tower's configuration, from the file beside its weights.
pub(crate) fn tower_config(weights: &Path) -> Result<VisionConfig, TrainError> {
    let path = weights.with_extension("config.json");
    let bytes = fs::read(&path).map_err(|e| TrainError::io(e, &path))?;
    serde_json::from_slice(&bytes).map_err(|e| TrainError::Config(format!("{}: {e}", path.display())))
}

/// Reads an image of a corpus.
pub(crate) fn read_image(corpus: &Corpus, record: &Record) -> Result<(u32, u32, Vec<f32>), TrainError> {
    let path = corpus.image_path(record);
    let bytes = fs::read(&path).map_err(|e| TrainError::io(e, &path))?;
    let image = decode_png_or_jpeg(&bytes).map_err(|e| TrainError::Corpus(format!("{e}: {}", path.display())))?;
    if (image.width(), image.height()) != (record.width, record.height) {
        let found = (image.width(), image.height());
        return Err(TrainError::Corpus(format!(
            "expected {}x{} pixels, found {found:?}: {}",
            record.width,
            record.height,
            path.display()
        )));
    }
    Ok((image.width(), image.height(), image.pixels().to_vec()))
}

/// The recipe's vocabulary, or one from texts.
fn tokenizer(
    knowledge: &KnowledgeBase,
    labels: &BTreeMap<String, String>,
    config: &TrainConfig,
) -> Result<PhraseTokenizer, TrainError> {
    match &config.tokenizer {
        Some(path) => Ok(PhraseTokenizer::from_json(&fs::read(path).map_err(|e| TrainError::io(e, path))?)?),
        None => tokenizer_from_texts(knowledge, labels, config),
    }
}

/// Word pieces from the knowledge base and from composed phrases about every label.
fn tokenizer_from_texts(
    knowledge: &KnowledgeBase,
    labels: &BTreeMap<String, String>,
    config: &TrainConfig,
) -> Result<PhraseTokenizer, TrainError> {
    let mut texts: Vec<String> = node_ids(knowledge).map(|id| knowledge::node_text(id, knowledge)).collect();
    texts.extend(knowledge.findings().iter().flat_map(|f| f.synonyms.values().flatten().cloned()));
    texts.extend(knowledge.places().iter().flat_map(|p| p.synonyms.values().flatten().cloned()));
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    for (label, finding) in labels {
        for _ in 0..40 {
            let location = Location {
                side: [None, Some(crate::grounding::Side::Left), Some(crate::grounding::Side::Right)]
                    .choose(&mut rng)
                    .copied()
                    .flatten(),
                zone: [None, Some(Zone::Upper), Some(Zone::Mid), Some(Zone::Lower)].choose(&mut rng).copied().flatten(),
            };
            let phrase = compose::phrase(finding, label, location, knowledge, &mut rng);
            texts.push(compose::report(&phrase, &["effusion", "pneumothorax"], &mut rng));
        }
    }
    Ok(PhraseTokenizer::from_texts(texts.into_iter(), config.model.vocab_size)?)
}
