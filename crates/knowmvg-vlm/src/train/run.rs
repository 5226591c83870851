//! A whole run: features, lungs, epochs, the finished model.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::Device;
use knowmvg::decoder::Decoder;
use knowmvg::grounder::Grounder;
use knowmvg::knowledge::{self, KnowledgeBase};
use knowmvg::model::GroundingModel;
use knowmvg::model::config::ModelConfig;
use knowmvg::model::params;
use knowmvg::prior::estimator::PriorEstimator;
use knowmvg::prior::frame::model_from_typical;
use knowmvg::train::average::WeightAverage;
use knowmvg::train::checkpoint::with_stable_ids;
use knowmvg::train::corpus::{Corpus, Record, Split};
use knowmvg::train::dataset::{self, Asker, LabelMap, Sample};
use knowmvg::train::drawn::Drawn;
use knowmvg::train::features::FeatureCache;
use knowmvg::train::weak;
use knowmvg::train::{Observer, TrainError};
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::batch::{self, Member};
use super::config::{VlmData, VlmTrainConfig};
use super::example::{Example, Named, Subject};
use super::learn::Terms;
use super::made_up::MadeUp;
use super::state::{Learnt, Progress, State};
use super::validate::{Tally, Validator};
use super::workers::{Worker, Workers};
use super::{checkpoint, export, failed};
use crate::VisionLanguageModel;
use crate::grounding::{GroundingAdapter, Speaker, folder};

/// What logs call the only stage.
const STAGE: &str = "language";

/// A run's fixed parts.
pub struct Run {
    config: VlmTrainConfig,
    grounder: Grounder,
    /// Sizes and switches of the decoder; the switches may be another arm's.
    decoder: ModelConfig,
    /// The language model, on every device.
    workers: Workers,
    corpus: Corpus,
    cache: FeatureCache,
    train: Vec<Sample>,
    val: Vec<Sample>,
    labels: BTreeMap<String, String>,
    drawn: Drawn,
    made_up: MadeUp,
}

impl Run {
    /// Reads the corpus, the decoder and the language model; no step is taken yet. All but the image encoder will compute on
    /// `devices`: the parts of a batch side by side on all of them, everything else on the first.
    ///
    /// # Errors
    /// When a file is missing or malformed, a label is unknown, or there is no device.
    pub fn prepare(config: VlmTrainConfig, devices: &[Device]) -> Result<Self, TrainError> {
        let [first, others @ ..] = devices else {
            return Err(TrainError::Config("expected at least one device to train on, found none".into()));
        };
        fs::create_dir_all(&config.output).map_err(|source| TrainError::Io { source, path: config.output.clone() })?;
        let grounder = Grounder::load_on(&config.model, first).map_err(failed)?;
        let mut decoder = grounder.config().clone();
        decoder.switches = config.switches.unwrap_or(decoder.switches);
        let side = decoder.image_side;
        config.reader.check(side / grounder.tower().config().patch_size).map_err(TrainError::Config)?;
        let device = config.learning_device(first);
        let others: Vec<Device> = others.iter().map(|device| config.learning_device(device)).collect();
        let model = VisionLanguageModel::load_as(&config.language, &device, config.mixed_precision.weights())
            .map_err(failed)?;
        let speaker = Speaker { model: model.frozen(), config: config.reader.clone() };
        let root = config.cache.clone().unwrap_or_else(|| config.output.join("features"));
        let cache = FeatureCache::new(&root, grounder.tower(), grounder.tower_sha256(), side);
        let corpus = Corpus::open(&config.corpus)?;
        let mut labels = LabelMap::new(KnowledgeBase::chest());
        let mut samples = |split, config: &VlmTrainConfig| -> Result<Vec<Sample>, TrainError> {
            let records = chosen(&corpus, split, config);
            records.into_iter().map(|r| Sample::new(r, side, &mut labels).map_err(TrainError::Corpus)).collect()
        };
        let mut train = samples(Split::Train, &config)?;
        for sample in &mut train {
            sample.views = (0..=config.data.views).collect();
        }
        let val = spread(samples(Split::Val, &config)?, config.data.val_images);
        if train.is_empty() {
            return Err(TrainError::Corpus(
                "expected images of the training split with boxes, of the tiers that the recipe names, found none"
                    .into(),
            ));
        }
        Ok(Self {
            drawn: Drawn::of(train.iter().chain(&val)),
            made_up: MadeUp::of(&train, config.data.made_up),
            labels: labels.known().clone(),
            workers: Workers::new(Worker { device, speaker }, &others),
            config,
            grounder,
            decoder,
            corpus,
            cache,
            train,
            val,
        })
    }

    /// Runs all epochs, from a checkpoint if one is wanted and there, and writes the finished model.
    ///
    /// # Errors
    /// When a file cannot be read or written, or an image or its words do not fit the language model.
    pub fn run(mut self, resume: bool, observer: &mut dyn Observer) -> Result<PathBuf, TrainError> {
        self.fill_cache(observer)?;
        self.find_thoraxes(observer)?;
        let mut state = self.first_state()?;
        if resume {
            state = checkpoint::resume(&self.config.output, state)?;
        }
        let stage = self.config.stage.clone();
        let priors = PriorEstimator::new(dataset::finding_prior_boxes(&self.train), KnowledgeBase::chest());
        let total = stage.epochs * self.plan(0).len();
        while state.progress.epoch < stage.taken() {
            let epoch = state.progress.epoch;
            let plan = self.plan(epoch);
            observer.begin(&format!("{STAGE} {}/{}", epoch + 1, stage.epochs), plan.len() as u64);
            let mut sums = Terms::default();
            for (index, members) in plan.iter().enumerate() {
                let shards = self.shards(members, epoch, index, &priors)?;
                let reads = Decoder { config: &self.decoder, ..self.grounder.decoder() };
                let terms = state.step(&shards, total, &self.workers, &reads, &self.config).map_err(failed)?;
                sums.add(&terms, 1.0 / plan.len() as f64);
                observer.advance(1);
            }
            state.progress.epoch += 1;
            let is_scored =
                state.progress.epoch.is_multiple_of(stage.validate_every) || state.progress.epoch == stage.taken();
            let scores = if is_scored { Some(self.validate(&mut state, observer)?) } else { None };
            observer.epoch(STAGE, state.progress.epoch, &sums.named(), scores.as_ref());
            checkpoint::save(&self.config.output, &state)?;
        }
        self.export(&state)
    }

    fn first_state(&self) -> Result<State, TrainError> {
        let Worker { device, speaker } = self.workers.first();
        let own = self.grounder.decoder();
        let (adapter, decoder) = params::build(|| {
            device.seed(self.config.seed);
            let adapter = GroundingAdapter::init(&self.config.reader, &speaker.model, &self.decoder, device);
            let decoder = GroundingModel::init(&self.decoder, own.patch_size, device);
            (with_stable_ids(adapter), with_stable_ids(decoder))
        });
        let adapter = match &self.config.init {
            Some(folder) => {
                let Speaker { model, config } = speaker;
                let learnt = folder::read_learnt_for(folder, &self.config.language, config, model, &self.decoder);
                WeightAverage::new(&learnt.map_err(failed)?).applied_to(adapter)
            }
            None => adapter,
        };
        let decoder = WeightAverage::new(own.model).applied_to(decoder);
        let decoder = if self.config.decoder_rate > 0.0 { decoder } else { decoder.no_grad() };
        Ok(State {
            adapter: Learnt::new(adapter, &self.config.stage),
            decoder: Learnt::new(decoder, &self.config.stage),
            progress: Progress::default(),
        })
    }

    fn fill_cache(&self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let views = self.train.iter().flat_map(|s| s.views.iter().map(move |v| (&s.record, *v, s.mirror_allowed)));
        let all = views.chain(self.val.iter().map(|s| (&s.record, 0, s.mirror_allowed)));
        let wanted: Vec<(&Record, usize, bool)> =
            all.filter(|(record, view, _)| !self.cache.has(&record.id, *view)).collect();
        observer.begin("features", wanted.len() as u64);
        let observer = std::sync::Mutex::new(observer);
        self.cache.fill::<TrainError>(
            self.grounder.tower(),
            &wanted,
            |record| Ok(self.corpus.read_image(record)?),
            || observer.lock().expect("no panic while reporting").advance(1),
        )
    }

    /// Places every patient's thorax on the lungs that the decoder finds.
    fn find_thoraxes(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        observer.begin("thorax", (self.train.len() + self.val.len()) as u64);
        let decoder = self.grounder.decoder();
        for sample in self.train.iter_mut().chain(&mut self.val) {
            let features = self.cache.read(&sample.record.id, 0)?;
            sample.model_from_thorax = Some(decoder.thorax(&features));
            observer.advance(1);
        }
        Ok(())
    }

    /// Which image, in which view, stands in which batch of an epoch; a function of the seed and the epoch alone.
    fn plan(&self, epoch: usize) -> Vec<Vec<(usize, usize)>> {
        let mut rng = self.rng(&format!("plan {epoch}"));
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        order.shuffle(&mut rng);
        let members =
            order.into_iter().map(|index| (index, *self.train[index].views.choose(&mut rng).expect("view 0")));
        members.collect::<Vec<_>>().chunks(self.config.stage.batch).map(<[_]>::to_vec).collect()
    }

    fn shards(
        &self,
        members: &[(usize, usize)],
        epoch: usize,
        index: usize,
        priors: &PriorEstimator<'static>,
    ) -> Result<Vec<Vec<Member>>, TrainError> {
        let mut rng = self.rng(&format!("{epoch} {index}"));
        let members = members.iter().map(|(sample, view)| self.member(&self.train[*sample], *view, priors, &mut rng));
        let members = members.collect::<Result<Vec<Member>, TrainError>>()?;
        let even = members.len().div_ceil(self.workers.at_once(self.config.data.shards));
        let size = self.config.data.micro_batch.map_or(even, |most| even.min(most.max(1)));
        let mut shards: Vec<Vec<Member>> = vec![];
        for member in members {
            match shards.last_mut() {
                Some(last) if last.len() < size => last.push(member),
                _ => shards.push(vec![member]),
            }
        }
        Ok(shards)
    }

    fn member(
        &self,
        sample: &Sample,
        view: usize,
        priors: &PriorEstimator<'static>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Member, TrainError> {
        let mut features = self.cache.read(&sample.record.id, view)?;
        features.blank_patches(self.config.data.patch_dropout, rng);
        let seen = sample.seen(view, features.side);
        let stored = sample.model_from_thorax.unwrap_or_else(model_from_typical);
        let frame = seen.thorax(&stored);
        let absent = self.drawn.absent(sample, rng);
        let subject = Subject { sample, seen: &seen, absent: &absent, made_up: &self.made_up };
        let example = Example::draw(&subject, &self.config.data, rng);
        let decoder = Decoder { config: &self.decoder, ..self.grounder.decoder() };
        let asker = self.asker(priors);
        let patient = sample.record.patient_key();
        let knows_boxes = self.train.iter().any(|sample| !sample.findings.is_empty());
        let prior = |named: &Named| match knows_boxes {
            true => asker.prior(&named.question, patient),
            // Without boxes of its own a run has the decoder's priors, which know none of its patients.
            false => decoder.prior(&named.question.phrase, &knowledge::link(&named.question.phrase, decoder.knowledge)),
        };
        let read = |named: &Named| batch::read(named, prior(named), &frame, &decoder);
        let phrases = example.named.iter().map(read).collect();
        Ok(Member { features, model_from_thorax: frame, example, phrases })
    }

    /// Only its priors are asked.
    fn asker<'a>(&'a self, priors: &'a PriorEstimator<'static>) -> Asker<'a> {
        const NO_WEIGHTS: &BTreeMap<String, f32> = &BTreeMap::new();
        Asker {
            knowledge: KnowledgeBase::chest(),
            priors,
            anatomy_priors: priors,
            class_weights: NO_WEIGHTS,
            labels: &self.labels,
            drawn: &self.drawn,
            prior_switch: self.decoder.switches.prior,
            phrases_per_image: self.config.data.phrases_per_image,
        }
    }

    fn validate(&self, state: &mut State, observer: &mut dyn Observer) -> Result<BTreeMap<String, f64>, TrainError> {
        let (adapter, model) = (state.adapter.averaged(), state.decoder.averaged());
        let decoder = Decoder { model: &model, config: &self.decoder, ..self.grounder.decoder() };
        let speaker = Speaker { model: self.workers.first().speaker.model.valid(), config: self.config.reader.clone() };
        let validator = Validator {
            speaker: &speaker,
            adapter: &adapter,
            decoder: &decoder,
            drawn: &self.drawn,
            made_up: &self.made_up,
            seed: self.config.seed,
        };
        let mut tally = Tally::default();
        observer.begin("val", self.val.len() as u64);
        for sample in &self.val {
            validator.score(sample, &self.cache.read(&sample.record.id, 0)?, &mut tally).map_err(failed)?;
            observer.advance(1);
        }
        let (scores, score) = tally.scores();
        state.note_score(score);
        Ok(scores)
    }

    fn export(&self, state: &State) -> Result<PathBuf, TrainError> {
        let folder = self.config.output.join("model");
        let adapter = params::collect(&state.adapter.best());
        let decoder = (self.config.decoder_rate > 0.0).then(|| params::collect(&state.decoder.best()));
        let finished = export::Finished {
            adapter: &adapter,
            decoder: decoder.as_deref(),
            decoder_config: &self.decoder,
            config: &self.config,
        };
        export::export(&folder, &finished)?;
        Ok(folder)
    }

    fn rng(&self, what: &str) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(Sha256::digest(format!("{} {what}", self.config.seed)).into())
    }
}

/// Images with boxes; to learn from, also some of those on which all findings were looked for in vain, or that have labels alone.
fn chosen<'a>(corpus: &'a Corpus, split: Split, config: &VlmTrainConfig) -> Vec<&'a Record> {
    let VlmData { tiers, most, negatives, weak, .. } = &config.data;
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let mut room = Room { negatives: *negatives, weak: *weak };
    let records = corpus.records.iter().filter(|r| tiers.contains(&r.tier) && r.split == split);
    let wanted = records.filter(|r| {
        if r.findings.is_empty() && r.phrases.is_empty() {
            return split == Split::Train && room.takes(r);
        }
        let count = taken.entry(&r.source).or_default();
        *count += 1;
        most.get(&r.source).is_none_or(|most| *count <= *most)
    });
    wanted.collect()
}

/// How many more images without a box are taken.
struct Room {
    negatives: usize,
    weak: usize,
}

impl Room {
    fn takes(&mut self, record: &Record) -> bool {
        let shows_something = || record.image_labels.iter().any(|label| label != "No Finding");
        let left = match () {
            () if record.findings_annotated => &mut self.negatives,
            () if weak::is_weak(record) && shows_something() => &mut self.weak,
            () => return false,
        };
        let is_left = *left > 0;
        *left = left.saturating_sub(1);
        is_left
    }
}

/// At most so many, evenly from the whole.
fn spread(samples: Vec<Sample>, most: usize) -> Vec<Sample> {
    let step = samples.len().div_ceil(most.max(1)).max(1);
    samples.into_iter().step_by(step).collect()
}
