//! A whole training run: features, anatomy, frames, findings, the finished model.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::batch::BatchMaker;
use super::checkpoint::{self, Checkpoint};
use super::compose::TextLevel;
use super::config::TrainConfig;
use super::corpus::{Corpus, Record, Split, Tier};
use super::criterion::LossTerms;
use super::dataset::{self, Asker, LabelMap, Sample};
use super::drawn::Drawn;
use super::features::{self, FeatureCache};
use super::score::{self, Scored};
use super::sight::Sight;
use super::state::State;
use super::thorax::{self, Thoraxes};
use super::{Observer, TrainError};
use super::{vocabulary, weak};
use crate::agreement;
use crate::calibration::{Calibration, Outcome, Signs};
use crate::decoder::Decoder;
use crate::knowledge::KnowledgeBase;
use crate::model::GroundingModel;
use crate::model::adapters::TowerAdapters;
use crate::model::config::PriorSwitch;
use crate::model::params;
use crate::model::tokenizer::{NodeTexts, PhraseTokenizer};
use crate::model::vision::{VisionConfig, VisionTower};
use crate::model::weights::WeightFile;
use crate::prior::estimator::PriorEstimator;
use crate::prior::table::PriorTable;

/// Which part of the schedule a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Lungs and heart.
    Anatomy,
    /// Findings, with anatomy mixed in.
    Findings,
    /// The same questions, with the tower's last layers.
    Adaptation,
}

impl Stage {
    /// As logs have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anatomy => "anatomy",
            Self::Findings => "findings",
            Self::Adaptation => "adaptation",
        }
    }
}

/// Most views with made-up lesions; each needs a pass of the tower.
const MAX_INSERTED: usize = 1000;

/// Takes one in so many, the first one first; none if that is 0.
struct OneIn {
    every: usize,
    seen: usize,
}

impl OneIn {
    fn new(every: usize) -> Self {
        Self { every, seen: 0 }
    }

    fn take(&mut self) -> bool {
        self.seen += 1;
        self.every > 0 && (self.seen - 1).is_multiple_of(self.every)
    }
}

/// A run's fixed parts.
pub struct Run {
    pub(super) config: TrainConfig,
    pub(super) tower: VisionTower,
    pub(super) tower_sha256: String,
    pub(super) cache: FeatureCache,
    pub(super) knowledge: &'static KnowledgeBase,
    pub(super) tokenizer: PhraseTokenizer,
    pub(super) texts: NodeTexts,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) train: Vec<Sample>,
    pub(super) val: Vec<Sample>,
    pub(super) drawn: Drawn,
    pub(super) corpus: Corpus,
    pub(super) device: Device,
}

impl Run {
    /// Reads the corpus and the tower and trains the tokenizer; no step is taken yet. The decoder will learn on the CPU.
    ///
    /// # Errors
    /// When a file is missing or malformed, or a label is unknown.
    pub fn prepare(config: TrainConfig) -> Result<Self, TrainError> {
        Self::prepare_on(config, &Device::flex())
    }

    /// As [`Run::prepare`], with the decoder on a device.
    ///
    /// # Errors
    /// As [`Run::prepare`].
    pub fn prepare_on(config: TrainConfig, device: &Device) -> Result<Self, TrainError> {
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
        let (mut negatives, mut weak) = (OneIn::new(config.data.negatives_one_in), OneIn::new(config.data.weak_one_in));
        let mut wanted = |r: &Record| match () {
            () if !r.findings.is_empty() || !r.anatomy.is_empty() => true,
            () if r.findings_annotated => negatives.take(),
            () => weak::is_weak(r) && weak.take(),
        };
        let train_records: Vec<Record> =
            corpus.records.iter().filter(|r| is_open(r) && r.split == Split::Train && wanted(r)).cloned().collect();
        let mut train = Vec::new();
        for record in &train_records {
            train.push(Sample::new(record, side, &mut labels).map_err(TrainError::Corpus)?);
        }
        let says_where = |r: &Record| r.findings_annotated || !r.findings.is_empty() || !r.anatomy.is_empty();
        let val =
            dataset::samples(&corpus, side, &mut labels, |r| is_open(r) && r.split == Split::Val && says_where(r))
                .map_err(TrainError::Corpus)?;
        let tokenizer = vocabulary::tokenizer(knowledge, labels.known(), &config)?;
        let texts = NodeTexts::new(knowledge, &tokenizer, config.model.max_tokens);
        let mut config = config;
        config.model.vocab_size = tokenizer.vocab_size();
        config.model.adapters = config.adaptation.as_ref().and_then(|adaptation| adaptation.adapters);
        config.model.check().map_err(TrainError::Config)?;
        let mut run = Self {
            tower,
            tower_sha256,
            cache,
            knowledge,
            tokenizer,
            texts,
            labels: labels.known().clone(),
            drawn: Drawn::of(train.iter().chain(&val)),
            train,
            val,
            corpus,
            device: device.clone(),
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
        let model = params::build(|| {
            autodiff.seed(self.config.seed);
            let model = GroundingModel::init(&self.config.model, self.tower.config().patch_size, &autodiff);
            let adapters = self.config.model.adapters;
            let adapters = adapters.map(|config| TowerAdapters::init(&config, self.tower.config(), &autodiff));
            checkpoint::with_stable_ids(model.with_adapters(adapters))
        });
        let saved = if resume { Checkpoint::open(&self.config.output)? } else { None };
        let mut state = match saved {
            Some(checkpoint) => {
                observer.message(&format!(
                    "resuming {:?} at epoch {}",
                    checkpoint.progress.stage, checkpoint.progress.epoch
                ));
                State::from_checkpoint(checkpoint, model, &self.config)?
            }
            None => self.first_state(model)?,
        };
        self.check_device(&state)?;
        if state.progress.stage == Stage::Anatomy {
            self.train_stage(&mut state, observer)?;
            state = self.next_stage(Stage::Findings, state);
        }
        self.find_thoraxes(&state, observer)?;
        self.fill_inserted(observer)?;
        if state.progress.stage == Stage::Findings {
            self.train_stage(&mut state, observer)?;
            if self.config.adaptation.is_some() {
                state = self.next_stage(Stage::Adaptation, state);
            }
        }
        if state.progress.stage == Stage::Adaptation {
            self.fill_streams(observer)?;
            self.train_stage(&mut state, observer)?;
        }
        self.export(&state)
    }

    /// Hours of work on a device that computes wrongly would be lost.
    fn check_device(&self, state: &State) -> Result<(), TrainError> {
        let no_priors = PriorTable::default();
        Ok(agreement::check(&self.decoder(&state.model.clone().valid(), &no_priors, &no_priors))?)
    }

    /// Where a run begins: with lungs and heart, or with the weights that are to be adapted.
    fn first_state(&self, model: GroundingModel) -> Result<State, TrainError> {
        let Some(init) = self.config.adaptation.as_ref().and_then(|adaptation| adaptation.init.as_ref()) else {
            return Ok(State::new(Stage::Anatomy, model, &self.config));
        };
        let file = WeightFile::open(init)?;
        let metadata = file.metadata();
        if metadata.get("tower_sha256") != Some(&self.tower_sha256) {
            return Err(TrainError::Config(format!("expected weights that read this tower: {}", init.display())));
        }
        let mut loader = file.loader()?;
        let adapters = model.adapters().cloned();
        let model = params::load(model.with_adapters(None), "decoder.", &mut loader).with_adapters(adapters);
        for table in ["findings.", "anatomy."] {
            let index = metadata.get(&format!("{table}prior.index")).map_or("", String::as_str);
            PriorTable::load(&mut loader, table, index)?;
        }
        loader.finish()?;
        Ok(State::new(Stage::Adaptation, model, &self.config))
    }

    /// A stage is over: the best average goes on, with a fresh optimizer.
    fn next_stage(&self, stage: Stage, state: State) -> State {
        let best = state.best.unwrap_or(state.average);
        State::new(stage, best.applied_to(state.model), &self.config)
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
            |record| Ok(self.corpus.read_image(record)?),
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
        let stage = self.config.stage(state.progress.stage).clone();
        let (priors, anatomy_priors) = self.estimators();
        let class_weights = self.class_weights();
        let total = stage.epochs * self.epoch_plan(state.progress.stage, 0).len();
        let asker = Asker {
            knowledge: self.knowledge,
            priors: &priors,
            anatomy_priors: &anatomy_priors,
            class_weights: &class_weights,
            labels: &self.labels,
            drawn: &self.drawn,
            prior_switch: self.config.model.switches.prior,
            phrases_per_image: self.config.data.phrases_per_image,
        };
        while state.progress.epoch < stage.taken() && state.progress.since_best < stage.patience {
            let plan = self.epoch_plan(state.progress.stage, state.progress.epoch);
            observer.begin(
                &format!("{:?} {}/{}", state.progress.stage, state.progress.epoch + 1, stage.epochs),
                plan.len() as u64,
            );
            let terms = self.epoch(state, &plan, total, &asker, observer)?;
            state.progress.epoch += 1;
            let scores =
                if state.progress.epoch.is_multiple_of(stage.validate_every) || state.progress.epoch == stage.taken() {
                    Some(self.validate(state, &priors, &anatomy_priors)?)
                } else {
                    None
                };
            observer.epoch(state.progress.stage.name(), state.progress.epoch, &terms.named(), scores.as_ref());
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
                let terms = state.step(batch?, total, &self.tower, &self.config);
                sums.add(&terms, 1.0 / plan.len() as f64);
                observer.advance(1);
            }
            Ok(sums)
        })
    }

    /// Which sample, in which view, stands in which batch of an epoch; a function of the seed and the epoch alone.
    fn epoch_plan(&self, stage: Stage, epoch: usize) -> Vec<Vec<(usize, usize)>> {
        let mut rng = self.rng(stage, epoch, usize::MAX);
        let data = &self.config.data;
        let mut chosen = Vec::new();
        let mut pools = [(vec![], data.cap), (vec![], data.negatives), (vec![], data.weak)];
        for (index, sample) in self.train.iter().enumerate() {
            let has_anatomy = !sample.anatomy.is_empty();
            let [capped, negatives, weak] = &mut pools;
            match stage {
                Stage::Anatomy if !has_anatomy => {}
                Stage::Findings | Stage::Adaptation
                    if has_anatomy && sample.findings.is_empty() && (index + epoch) % 2 == 1 => {}
                _ if weak::is_weak(&sample.record) => weak.0.push(index),
                _ if sample.record.source == data.capped_source => capped.0.push(index),
                _ if !has_anatomy && sample.findings.is_empty() => negatives.0.push(index),
                _ => {
                    let times = data.repeat.get(&sample.record.source).copied().unwrap_or(1);
                    chosen.extend(std::iter::repeat_n(index, times));
                }
            }
        }
        for (mut pool, most) in pools {
            pool.shuffle(&mut rng);
            chosen.extend(pool.into_iter().take(most));
        }
        chosen.shuffle(&mut rng);
        let inserted = if stage == Stage::Anatomy { vec![] } else { self.inserted_members(&mut rng) };
        let with_view = |index: usize, rng: &mut ChaCha8Rng| {
            (index, *self.train[index].views.choose(rng).expect("view 0 is there"))
        };
        let mut members: Vec<_> = chosen.into_iter().map(|index| with_view(index, &mut rng)).collect();
        members.extend(inserted);
        members.shuffle(&mut rng);
        members.chunks(self.config.stage(stage).batch).map(<[_]>::to_vec).collect()
    }

    /// Images of one epoch that carry made-up lesions.
    fn inserted_members(&self, rng: &mut ChaCha8Rng) -> Vec<(usize, usize)> {
        let mut all = self.inserted_views();
        all.shuffle(rng);
        all.truncate(self.config.data.inserted);
        all
    }

    /// Every image and view that may carry made-up lesions, the first view of all images first.
    fn inserted_views(&self) -> Vec<(usize, usize)> {
        let data = &self.config.data;
        if data.inserted == 0 {
            return vec![];
        }
        let side = self.config.model.image_side;
        let views = (0..data.inserted_views).flat_map(|view| (0..self.train.len()).map(move |index| (index, view)));
        let fits = |s: &Sample, view| s.takes_lesions() && s.with_lesions(view, side).is_some();
        let fitting = views.filter(|(index, view)| fits(&self.train[*index], *view));
        fitting.map(|(index, view)| (index, features::FIRST_INSERTED + view)).take(MAX_INSERTED).collect()
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
            let image = self.corpus.read_image(&sample.record)?;
            self.cache.ensure_inserted(&self.tower, &sample.record, &image, &inserted, *view)?;
            observer.lock().expect("no panic while reporting").advance(1);
            Ok(())
        })
    }

    /// Residual streams of all views that the adaptation will see, and of `val`.
    fn fill_streams(&self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        use rayon::prelude::*;
        if self.config.model.adapters.is_none() {
            return Ok(());
        }
        let epochs = 0..self.config.stage(Stage::Adaptation).taken();
        let planned = epochs.flat_map(|epoch| self.epoch_plan(Stage::Adaptation, epoch)).flatten();
        let planned: BTreeSet<(usize, usize)> = planned.collect();
        let of_train = planned.into_iter().map(|(index, view)| (&self.train[index], view));
        let wanted: Vec<(&Sample, usize)> = of_train
            .chain(self.val.iter().map(|sample| (sample, 0)))
            .filter(|(sample, view)| !self.cache.has_stream(&sample.record.id, *view))
            .collect();
        observer.begin("streams", wanted.len() as u64);
        let observer = std::sync::Mutex::new(observer);
        wanted.par_iter().try_for_each(|(sample, view)| {
            let record = &sample.record;
            let image = self.corpus.read_image(record)?;
            let lesions = view
                .checked_sub(features::FIRST_INSERTED)
                .and_then(|index| sample.with_lesions(index, self.config.model.image_side));
            let picture = match &lesions {
                Some((_, inserted)) => self.cache.picture_with_lesions(record, &image, inserted, *view),
                None => self.cache.picture(record, &image, *view, sample.mirror_allowed),
            };
            self.cache.ensure_stream(&self.tower, &picture, &record.id, *view)?;
            observer.lock().expect("no panic while reporting").advance(1);
            Ok(())
        })
    }

    /// Features as a model sees them that this stage is at.
    fn sight(&self, stage: Stage, model: &GroundingModel) -> Sight<'_> {
        Sight::new(&self.cache, &self.tower, model.adapters().filter(|_| stage == Stage::Adaptation))
    }

    pub(super) fn rng(&self, stage: Stage, epoch: usize, index: usize) -> ChaCha8Rng {
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
        let sight = self.sight(state.progress.stage, &model);
        let read = |s: &Sample| sight.read(s);
        let mut scores = BTreeMap::new();
        let anatomy = score::summary(&score::score_anatomy(&decoder, &val, read)?);
        scores.insert("anatomy mIoU".to_owned(), anatomy.mean_iou);
        let mut score = anatomy.mean_iou;
        if state.progress.stage != Stage::Anatomy {
            let of_class = score::score_findings((&decoder).into(), &val, TextLevel::Class, read)?;
            let of_false = score::signs_of_false_phrases(&decoder, &val, TextLevel::Class, &self.drawn, read)?;
            let of_true: Vec<Signs> = of_class.iter().map(Scored::signs).collect();
            scores.extend(score::presence_auroc(&of_true, &of_false).map(|area| ("presence AUROC".into(), area)));
            let class = score::summary(&of_class);
            let zone = score::summary(&score::score_findings((&decoder).into(), &val, TextLevel::Zone, read)?);
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

    /// Places every patient's thorax: on the lungs that are known, else on those that the model of the anatomy stage finds.
    fn find_thoraxes(&mut self, state: &State, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let path = self.config.output.join(thorax::FILE);
        let mut lungs = self.known_lungs(&path)?;
        let missing: Vec<&Sample> =
            self.train.iter().chain(&self.val).filter(|sample| !lungs.has(&sample.record.id)).collect();
        if let (Some(file), Some(sample)) = (&self.config.thorax, missing.first()) {
            let problem = format!("expected the lungs of every image, found none of {}", sample.record.id);
            return Err(TrainError::Config(format!("{problem}: {}", file.display())));
        }
        self.look_for_lungs(state, &missing, &mut lungs, observer)?;
        self.train.iter_mut().chain(&mut self.val).for_each(|sample| lungs.place(sample));
        lungs.write(&path).map_err(|e| TrainError::io(e, &path))
    }

    /// What this run has found already, else what the recipe names.
    fn known_lungs(&self, own: &Path) -> Result<Thoraxes, TrainError> {
        match Thoraxes::read(own) {
            Ok(found) => return Ok(found),
            // A run that was stopped while it wrote the file finds them anew.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => {}
            Err(e) => return Err(TrainError::io(e, own)),
        }
        match &self.config.thorax {
            Some(path) => Thoraxes::read(path).map_err(|e| TrainError::io(e, path)),
            None => Ok(Thoraxes::default()),
        }
    }

    fn look_for_lungs(
        &self,
        state: &State,
        samples: &[&Sample],
        lungs: &mut Thoraxes,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        observer.begin("thorax", samples.len() as u64);
        if samples.is_empty() {
            return Ok(());
        }
        let model = state.anatomy_model();
        let (priors, anatomy_priors) = (
            PriorTable::from_estimator(&PriorEstimator::new(vec![], self.knowledge)),
            PriorTable::from_estimator(&self.estimators().1),
        );
        let decoder = self.decoder(&model, &priors, &anatomy_priors);
        for sample in samples {
            let features = self.cache.read(&sample.record.id, 0)?;
            let map = decoder.thorax(&features);
            lungs.note(&sample.record.id, &map);
            observer.advance(1);
        }
        Ok(())
    }

    fn export(&self, state: &State) -> Result<PathBuf, TrainError> {
        let (priors, anatomy_priors) = self.estimators();
        let average = state.best.as_ref().unwrap_or(&state.average);
        let folder = self.config.output.join("model");
        let tables = (PriorTable::from_estimator(&priors), PriorTable::from_estimator(&anatomy_priors));
        let model = average.applied_to(state.model.clone().valid());
        let (calibration, presence) = self.calibrate(&model, &self.sight(state.progress.stage, &model), &tables)?;
        let finished = checkpoint::Finished {
            weights: average.params(),
            adapters: model.adapters(),
            priors: &tables.0,
            anatomy_priors: &tables.1,
            calibration: &calibration,
            presence: &presence,
            config: &self.config,
            tokenizer: &self.tokenizer,
            tower_sha256: &self.tower_sha256,
        };
        checkpoint::export(&folder, &finished)?;
        Ok(folder)
    }

    /// Fits confidence and presence on `val`, at both levels of text: the one on phrases that are true of their image, the
    /// other on these and as many kinds of false ones as the corpus allows.
    fn calibrate(
        &self,
        model: &GroundingModel,
        sight: &Sight,
        tables: &(PriorTable, PriorTable),
    ) -> Result<(Calibration, Calibration), TrainError> {
        let decoder = self.decoder(model, &tables.0, &tables.1);
        let val: Vec<&Sample> = self.val.iter().collect();
        let read = |s: &Sample| sight.read(s);
        let (mut hits, mut presences) = (Vec::new(), Vec::new());
        for level in [TextLevel::Class, TextLevel::Zone] {
            let of_true = score::score_findings((&decoder).into(), &val, level, read)?;
            let of_false = score::signs_of_false_phrases(&decoder, &val, level, &self.drawn, read)?;
            hits.extend(of_true.iter().map(|s| Outcome { signs: s.signs(), is_hit: s.iou >= 0.5 }));
            presences.extend(of_true.iter().map(|s| Outcome { signs: s.signs(), is_hit: true }));
            presences.extend(of_false.into_iter().map(|signs| Outcome { signs, is_hit: false }));
        }
        Ok((Calibration::fit(&hits), Calibration::fit(&presences)))
    }
}

/// The tower's configuration, from the file beside its weights.
pub(crate) fn tower_config(weights: &Path) -> Result<VisionConfig, TrainError> {
    let path = weights.with_extension("config.json");
    let bytes = fs::read(&path).map_err(|e| TrainError::io(e, &path))?;
    serde_json::from_slice(&bytes).map_err(|e| TrainError::Config(format!("{}: {e}", path.display())))
}
