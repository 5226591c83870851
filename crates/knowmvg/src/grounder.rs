//! `GreyImage + phrases -> Grounding`: a loaded model, and a session per image.
//!
//! The image is encoded once per [`Session`]; each further phrase costs milliseconds.

mod course;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use burn::tensor::Device;
use sha2::{Digest, Sha256};

use crate::agreement::{self, Disagreement};
use crate::calibration::{Calibration, Signs};
use crate::decoder::{ANATOMY, Decoder, anatomy_key, identity_thorax};
use crate::geometry::{Box2, Image, Map, Model, Thorax};
use crate::grounding::{
    AnatomyBox, Assertion, Evidence, GroundedPhrase, Grounding, ImageInfo, ModelInfo, PhraseText, Range2, ScoredBox,
    Support,
};
use crate::image::GreyImage;
use crate::image::preprocess::prepare;
use crate::knowledge::{self, Knowledge, KnowledgeBase};
use crate::model::GroundingModel;
use crate::model::adapters::TowerAdapters;
use crate::model::answer::{Answer, Candidate, MIN_PRESENCE};
use crate::model::config::ModelConfig;
use crate::model::encode::encode;
use crate::model::files;
use crate::model::input::{Features, PhraseInput, SeenImage};
use crate::model::params;
use crate::model::sight::Sight;
use crate::model::tokenizer::{NodeTexts, PhraseTokenizer};
use crate::model::trace::TraceMap;
use crate::model::vision::{VisionConfig, VisionTower};
use crate::model::weights::{WeightError, WeightFile, hex};
use crate::prior::Prior;
use crate::prior::frame::model_from_typical;
use crate::prior::table::PriorTable;
use crate::reader::{PhraseReader, ReadPhrase, Seen};
use crate::report::Phrase;

pub use course::{Course, pass_shape};

/// Most phrases of one report that are grounded; the others are listed without boxes, with a warning.
pub const MAX_PHRASES: usize = 256;
/// Phrases decoded together.
const PHRASES_PER_PASS: usize = 16;
/// Attention this many times denser inside the box than on average speaks for the image.
const ATTENTION_GAIN: f64 = 3.0;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum GrounderError {
    /// A file is missing or unreadable.
    #[error("{source}: {}", path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{problem}: {}", path.display())]
    Format {
        /// What was expected.
        problem: String,
        /// The file.
        path: PathBuf,
    },
    /// Weights don't fit.
    #[error("{source}: {}", path.display())]
    Weights {
        /// What is wrong with them.
        source: WeightError,
        /// The file.
        path: PathBuf,
    },
    /// The image could not be encoded.
    #[error(transparent)]
    Vision(#[from] crate::model::vision::VisionError),
    /// The device computes something else than the CPU.
    #[error(transparent)]
    Device(#[from] Disagreement),
}

/// A loaded model; shared between threads.
pub struct Grounder {
    tower: VisionTower,
    tower_sha256: String,
    model: GroundingModel,
    config: ModelConfig,
    tokenizer: PhraseTokenizer,
    texts: NodeTexts,
    priors: PriorTable,
    anatomy_priors: PriorTable,
    calibration: Calibration,
    presence: Option<Calibration>,
    knowledge: &'static KnowledgeBase,
    device: Device,
    sha256: String,
    reader: Option<Box<dyn PhraseReader>>,
}

impl Grounder {
    /// Loads a model folder, to compute on the CPU.
    ///
    /// # Errors
    /// When a file is missing, malformed or does not fit the others.
    pub fn load(folder: &Path) -> Result<Self, GrounderError> {
        Self::load_on(folder, &Device::flex())
    }

    /// Loads a model folder whose decoder computes on a device; the image encoder computes on the CPU.
    ///
    /// # Errors
    /// As [`Grounder::load`], and when the device finds something else than the CPU.
    pub fn load_on(folder: &Path, device: &Device) -> Result<Self, GrounderError> {
        let tower_path = folder.join(files::TOWER_WEIGHTS);
        let weights = |path: &Path| {
            let path = path.to_owned();
            move |source| GrounderError::Weights { source, path }
        };
        let tower_file = WeightFile::open(&tower_path).map_err(weights(&tower_path))?;
        let tower_config: VisionConfig = read_json(&folder.join(files::TOWER_CONFIG))?;
        let loader = tower_file.loader().map_err(weights(&tower_path))?;
        let tower = VisionTower::load(loader, tower_config).map_err(weights(&tower_path))?;

        let config_path = folder.join(files::CONFIG);
        let config: ModelConfig = read_json(&config_path)?;
        config.check().map_err(|problem| GrounderError::Format { problem, path: config_path.clone() })?;
        let tokenizer_path = folder.join(files::TOKENIZER);
        let tokenizer = PhraseTokenizer::from_json(&read(&tokenizer_path)?)
            .map_err(|e| GrounderError::Format { problem: e.to_string(), path: tokenizer_path })?;

        let path = folder.join(files::WEIGHTS);
        let file = WeightFile::open(&path).map_err(weights(&path))?;
        let metadata = file.metadata();
        let format = |problem: &str| GrounderError::Format { problem: problem.into(), path: path.clone() };
        if metadata.get("tower_sha256") != Some(&tower_file.sha256()) {
            return Err(format("expected the tower that the decoder was trained with"));
        }
        let index =
            |name: &str| metadata.get(name).cloned().ok_or_else(|| format("expected the metadata of a finished model"));
        let mut loader = file.loader().map_err(weights(&path))?;
        let patch_size = tower.config().patch_size;
        let (model, adapters) = params::build(|| {
            let adapters = config.adapters.map(|c| TowerAdapters::init(&c, tower.config(), device).load(&mut loader));
            (params::load(GroundingModel::init(&config, patch_size, device), "decoder.", &mut loader), adapters)
        });
        let priors =
            PriorTable::load(&mut loader, "findings.", &index("findings.prior.index")?).map_err(weights(&path))?;
        let anatomy_priors =
            PriorTable::load(&mut loader, "anatomy.", &index("anatomy.prior.index")?).map_err(weights(&path))?;
        loader.finish().map_err(weights(&path))?;
        let calibration =
            metadata.get("calibration").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let presence = metadata.get("presence").and_then(|text| serde_json::from_str(text).ok());
        let knowledge = KnowledgeBase::chest();
        let texts = NodeTexts::new(knowledge, &tokenizer, config.max_tokens);
        let sha256 = hex(&Sha256::digest(format!("{} {}", tower_file.sha256(), file.sha256())));
        let (tower, tower_sha256) = match adapters {
            // What it gives is this decoder's own: both files together name it.
            Some(adapters) => (adapters.merged_into(&tower), sha256.clone()),
            None => (tower, tower_file.sha256()),
        };
        let grounder = Self {
            tower,
            tower_sha256,
            model,
            config,
            tokenizer,
            texts,
            priors,
            anatomy_priors,
            calibration,
            presence,
            knowledge,
            device: device.clone(),
            sha256,
            reader: None,
        };
        agreement::check(&grounder.decoder())?;
        Ok(grounder)
    }

    /// The same decoder behind another reader.
    pub fn with_reader(self, reader: Box<dyn PhraseReader>) -> Self {
        Self { reader: Some(reader), ..self }
    }

    /// What reads reports and phrases, if it is not the decoder's own reader.
    pub fn reader(&self) -> Option<&dyn PhraseReader> {
        self.reader.as_deref()
    }

    /// What this is, for results and for `knowmvg info`.
    pub fn info(&self) -> ModelInfo {
        let (name, sha256) = match &self.reader {
            Some(reader) => (reader.name(), hex(&Sha256::digest(format!("{} {}", self.sha256, reader.sha256())))),
            None => (self.config.model_type.as_str(), self.sha256.clone()),
        };
        ModelInfo {
            name: name.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            sha256,
            knowledge: self.knowledge.manifest().version.clone(),
        }
    }

    /// Where the decoder computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The image encoder, with the decoder's adapters in its weights if it has any.
    pub fn tower(&self) -> &VisionTower {
        &self.tower
    }

    /// SHA-256 of the image encoder's weights; of all weights, if the decoder's file changes them.
    pub fn tower_sha256(&self) -> &str {
        &self.tower_sha256
    }

    /// Sizes and switches of the decoder.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The decoder with everything it reads.
    pub fn decoder(&self) -> Decoder<'_> {
        Decoder {
            model: &self.model,
            config: &self.config,
            tokenizer: &self.tokenizer,
            texts: &self.texts,
            priors: &self.priors,
            anatomy_priors: &self.anatomy_priors,
            knowledge: self.knowledge,
            patch_size: self.tower.config().patch_size,
            device: &self.device,
        }
    }

    /// How scores become confidences.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Probability that the image shows the phrase of an answer; `None` if the weights were not fitted for that.
    pub fn presence(&self, answer: &Answer, blind: &Box2<Model>) -> Option<f64> {
        let signs = Signs::new(answer, answer.candidates.first()?, blind);
        self.presence.map(|fitted| fitted.probability(&signs))
    }

    /// Encodes an image and finds its lungs.
    ///
    /// # Errors
    /// When the tower refuses the configured side.
    pub fn session(&self, image: &GreyImage) -> Result<Session<'_>, GrounderError> {
        let prepared = prepare(image, self.config.image_side);
        let features = encode(&self.tower, &prepared)?;
        let found = self.decoder().anatomy(&[&features]).remove(0);
        let mut warnings = image.source().warnings.clone();
        if found.model_from_thorax.is_none() {
            warnings.push("no plausible pair of lungs was found; is this a frontal chest radiograph? A typical position was assumed".into());
        }
        let image_from_model = prepared.model_from_image.inverse();
        let bounds = Box2::from_xyxy([0.0, 0.0, f64::from(image.width()), f64::from(image.height())])
            .expect("sides are not negative");
        Ok(Session {
            grounder: self,
            features,
            model_from_thorax: found.model_from_thorax.unwrap_or_else(model_from_typical),
            anatomy: found.answers,
            sight: OnceLock::new(),
            anatomy_sight: OnceLock::new(),
            frame: Frame { image_from_model, bounds },
            info: image.info(),
            warnings,
        })
    }

    /// Grounds a report, and phrases beside it, on an image.
    ///
    /// # Errors
    /// When the tower refuses the configured side.
    pub fn ground(
        &self,
        image: &GreyImage,
        report: Option<&str>,
        phrases: &[String],
    ) -> Result<Grounding, GrounderError> {
        let session = self.session(image)?;
        let asking = session.asked(report, phrases);
        let mut grounding = session.grounding(asking.asked);
        grounding.warnings.extend(asking.warnings);
        Ok(grounding)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, GrounderError> {
    std::fs::read(path).map_err(|source| GrounderError::Io { source, path: path.to_owned() })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, GrounderError> {
    serde_json::from_slice(&read(path)?)
        .map_err(|e| GrounderError::Format { problem: e.to_string(), path: path.to_owned() })
}

/// A phrase to ground and whether its span points into a report.
#[derive(Debug, Clone)]
pub struct Asked {
    phrase: Phrase,
    in_report: bool,
    /// `e_box` of another reader than the decoder's.
    embed: Option<Vec<f32>>,
}

impl Asked {
    /// Its span points into the report.
    pub fn from_report(phrase: Phrase) -> Self {
        Self { phrase, in_report: true, embed: None }
    }

    /// The user typed it.
    pub fn from_user(phrase: Phrase) -> Self {
        Self::typed(phrase, None)
    }

    /// Another reader found it in the report.
    pub fn from_reader(read: ReadPhrase) -> Self {
        Self { phrase: read.phrase, in_report: true, embed: Some(read.embed) }
    }

    /// The user typed it, and another reader may have read it.
    pub(crate) fn typed(phrase: Phrase, embed: Option<Vec<f32>>) -> Self {
        Self { phrase, in_report: false, embed }
    }

    /// Where it starts in the report.
    pub(crate) fn start(&self) -> usize {
        self.phrase.span.start
    }
}

/// How far the decoder has come with the phrases of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Phrases that are decoded.
    pub decoded: usize,
    /// Phrases that are looked for; those without a box, like denied ones, don't count.
    pub wanted: usize,
}

/// One encoded image, ready for any number of phrases.
pub struct Session<'g> {
    grounder: &'g Grounder,
    features: Features,
    model_from_thorax: Map<Model, Thorax>,
    anatomy: Vec<Answer>,
    /// What the decoder makes of the image on the patient's thorax, from the first phrase on.
    sight: OnceLock<Sight>,
    /// The same on the square, from the first question for lungs or heart on.
    anatomy_sight: OnceLock<Sight>,
    frame: Frame,
    info: ImageInfo,
    warnings: Vec<String>,
}

/// Takes boxes from the square to the stored pixels.
struct Frame {
    image_from_model: Map<Image, Model>,
    bounds: Box2<Image>,
}

impl Frame {
    fn in_image(&self, bounds: &Box2<Model>) -> Box2<Image> {
        self.image_from_model.apply(bounds).clamped(&self.bounds)
    }

    /// Laplace scale of the four edges in pixels, from that of centre and size in sizes of the box: an edge is the
    /// centre plus or minus half the size, and independent scales add in squares.
    fn spread(&self, candidate: &Candidate) -> [f64; 4] {
        let bounds = self.image_from_model.apply(&candidate.bounds);
        let [cx, cy, width, height] = candidate.relative_spread;
        let x = cx.hypot(width / 2.0) * bounds.width();
        let y = cy.hypot(height / 2.0) * bounds.height();
        [x, y, x, y]
    }
}

/// Maps of one phrase for `--explain`, each a square over the whole picture that the network saw.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The spatial prior, `[grid * grid]`.
    pub prior: Vec<f32>,
    /// Global attention of the first box, `[grid * grid]`.
    pub global: Vec<f32>,
    /// Local attention of the first box inside its window, `[window * window]`; empty with the local stage off.
    pub local: Vec<f32>,
    /// The window, on the square; `None` for a decoder of one layer, whose windows lie around the prior box.
    pub window: Option<[f64; 4]>,
    /// Patches along one side of `prior` and `global`.
    pub grid: usize,
    /// Samples along one side of `local`.
    pub window_side: usize,
}

impl Session<'_> {
    /// What reads for this session, if it is not the decoder's own reader.
    pub(crate) fn reader(&self) -> Option<&dyn PhraseReader> {
        self.grounder.reader()
    }

    /// Lets a reader look.
    pub fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        let decoder = self.grounder.decoder();
        look(&Seen { features: &self.features, model_from_thorax: &self.model_from_thorax, decoder: &decoder })
    }

    /// Lungs and heart in pixels of the stored image.
    pub fn anatomy(&self) -> Vec<AnatomyBox> {
        let decoder = self.grounder.decoder();
        let boxes = ANATOMY.iter().zip(&self.anatomy);
        boxes
            .map(|(name, answer)| {
                let first = &answer.candidates[0];
                let blind = decoder.anatomy_prior(name).on_image(&identity_thorax(), 1).reference;
                let confidence = self.grounder.calibration.probability(&Signs::new(answer, first, &blind));
                AnatomyBox { name: (*name).into(), box_in_image: self.frame.in_image(&first.bounds), confidence }
            })
            .collect()
    }

    /// Grounds phrases that were asked for.
    pub fn grounding(&self, asked: Vec<Asked>) -> Grounding {
        self.grounding_while(asked, &mut |_| true).expect("nothing stops it")
    }

    /// Like [`grounding`](Self::grounding), but asks after every pass of the decoder whether to go on; `None` if not.
    pub fn grounding_while(&self, asked: Vec<Asked>, go_on: &mut dyn FnMut(Passed) -> bool) -> Option<Grounding> {
        let mut course = self.course(asked);
        while !course.is_done() {
            self.grounder.pass(&mut [(self, &mut course)]);
            if !go_on(course.passed()) {
                return None;
            }
        }
        Some(self.finish(course))
    }

    fn prepare(&self, phrase: &Phrase) -> Prepared {
        let linked = knowledge::link(phrase, self.grounder.knowledge);
        let decoder = self.grounder.decoder();
        match structure(&linked) {
            Some(name) => {
                Prepared { prior: decoder.anatomy_prior(name), linked, frame: self.frame_of(true), is_anatomy: true }
            }
            None => {
                let prior = decoder.prior(phrase, &linked);
                Prepared { linked, prior, frame: self.frame_of(false), is_anatomy: false }
            }
        }
    }

    /// Where priors lie: those of lungs and heart, which carry the patient's frame, on the square.
    fn frame_of(&self, is_anatomy: bool) -> Map<Model, Thorax> {
        if is_anatomy { identity_thorax() } else { self.model_from_thorax }
    }

    /// What the decoder makes of the image in one of these frames.
    fn sight(&self, is_anatomy: bool) -> &Sight {
        let sight = if is_anatomy { &self.anatomy_sight } else { &self.sight };
        sight.get_or_init(|| self.grounder.decoder().see(&self.features, &self.frame_of(is_anatomy)))
    }

    /// A denied finding has no box; nor has one that the knowledge base says can't be boxed.
    fn is_groundable(&self, phrase: &Phrase, linked: &Knowledge) -> bool {
        let finding = linked.finding.as_deref().and_then(|id| self.grounder.knowledge.finding(id));
        phrase.assertion != Assertion::Absent && finding.is_none_or(|f| f.groundable)
    }

    /// What the decoder reads of a phrase.
    fn input(&self, asked: &Asked, prepared: &Prepared) -> PhraseInput {
        let decoder = self.grounder.decoder();
        PhraseInput {
            embed: asked.embed.clone(),
            ..decoder.input(&asked.phrase, &prepared.prior, &prepared.frame, self.features.grid)
        }
    }

    fn decode(&self, asked: &Asked, prepared: &Prepared, trace: &mut impl crate::model::trace::Trace) -> Answer {
        let image = SeenImage { sight: self.sight(prepared.is_anatomy), phrases: vec![self.input(asked, prepared)] };
        self.grounder.decoder().answers_seen(&[image], trace).remove(0).remove(0)
    }

    fn grounded(&self, asked: &Asked, prepared: &Prepared, answer: Option<&Answer>) -> GroundedPhrase {
        let phrase = &asked.phrase;
        let kept = answer.map(Answer::separate).unwrap_or_default();
        let blind = prepared.prior.on_image(&prepared.frame, 1).reference;
        let scored = |answer: &Answer, c: &Candidate| ScoredBox {
            box_in_image: self.frame.in_image(&c.bounds),
            confidence: self.grounder.calibration.probability(&Signs::new(answer, c, &blind)),
            spread: self.frame.spread(c),
            by_person: false,
        };
        let mut boxes: Vec<ScoredBox> =
            answer.map(|answer| kept.iter().map(|c| scored(answer, c)).collect()).unwrap_or_default();
        boxes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let first = kept.first();
        let attention = answer.zip(first).map(|(a, c)| share_inside(&a.global_map, self.features.grid, &c.bounds));
        GroundedPhrase {
            phrase: PhraseText {
                text: phrase.text.clone(),
                span: asked.in_report.then(|| Range2::from(phrase.span.clone())),
            },
            assertion: phrase.assertion,
            finding: prepared.linked.finding.clone(),
            side: phrase.side.or(prepared.linked.side),
            presence: answer.and_then(|answer| self.grounder.presence(answer, &blind)),
            boxes,
            evidence: Evidence {
                knowledge: prepared.linked.matches.clone(),
                prior_box: answer.map(|_| self.frame.in_image(&blind)),
                prior_source: answer.map(|_| prepared.prior.source.clone()),
                support: first.zip(attention).map_or(Support::None, |(c, inside)| support(c, inside)),
                attention_in_box: attention,
                knowledge_gate: answer.map(|a| a.knowledge_gate),
            },
        }
    }

    /// The maps behind one phrase's first box; `None` if it is not groundable.
    pub fn explain(&self, asked: &Asked) -> Option<Explanation> {
        let prepared = self.prepare(&asked.phrase);
        if !self.is_groundable(&asked.phrase, &prepared.linked) {
            return None;
        }
        let mut trace = TraceMap::default();
        let answer = self.decode(asked, &prepared, &mut trace);
        let grid = self.features.grid;
        let (query, last) = (answer.candidates[0].query, self.grounder.config.layers - 1);
        let window_side = self.grounder.config.window;
        let local = trace.entries.get(&format!("layers.{last}.local_map"));
        let local =
            local.map(|(_, values)| values[query * window_side * window_side..][..window_side * window_side].to_vec());
        let entered = last.checked_sub(1).and_then(|layer| trace.entries.get(&format!("layers.{layer}.boxes")));
        let window = entered.map(|(_, values)| {
            let scale = self.grounder.config.window_scale;
            let b: [f64; 4] = std::array::from_fn(|i| f64::from(values[query * 4 + i]));
            [b[0] - b[2] * scale / 2.0, b[1] - b[3] * scale / 2.0, b[0] + b[2] * scale / 2.0, b[1] + b[3] * scale / 2.0]
        });
        Some(Explanation {
            prior: prepared.prior.on_image(&prepared.frame, grid).map,
            global: answer.global_map,
            local: local.unwrap_or_default(),
            window,
            grid,
            window_side,
        })
    }

    /// A map over the square, cut to the part that the stored image covers and resampled to `cols x rows`.
    pub fn map_on_image(
        &self,
        map: &[f32],
        side: usize,
        window: Option<[f64; 4]>,
        [cols, rows]: [usize; 2],
    ) -> Vec<f32> {
        let model_from_image = self.frame.image_from_model.inverse();
        let [x0, y0, x1, y1] = window.unwrap_or([0.0, 0.0, 1.0, 1.0]);
        let (width, height) = (self.frame.bounds.width(), self.frame.bounds.height());
        let value = |col: usize, row: usize| {
            let [x, y] = model_from_image
                .apply_point([(col as f64 + 0.5) / cols as f64 * width, (row as f64 + 0.5) / rows as f64 * height]);
            let (u, v) = ((x - x0) / (x1 - x0), (y - y0) / (y1 - y0));
            let is_inside = (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v);
            if is_inside { map[(v * side as f64) as usize * side + (u * side as f64) as usize] } else { 0.0 }
        };
        (0..rows).flat_map(|row| (0..cols).map(move |col| (col, row))).map(|(col, row)| value(col, row)).collect()
    }
}

/// What is known about a phrase before the image is looked at.
struct Prepared {
    linked: Knowledge,
    prior: Prior,
    /// Where the prior lies: on the patient's thorax, or, for lungs and heart, which carry that frame, on the square.
    frame: Map<Model, Thorax>,
    is_anatomy: bool,
}

/// The lung or the heart, if the phrase is about nothing else.
fn structure(linked: &Knowledge) -> Option<&'static str> {
    let is_it = |name: &&&str| linked.finding.is_none() && linked.places == [anatomy_key(name)];
    ANATOMY.iter().find(is_it).copied()
}

/// Share of a distribution over patches whose centres lie inside a box.
fn share_inside(map: &[f32], grid: usize, bounds: &Box2<Model>) -> f64 {
    let centre = |i: usize| (i as f64 + 0.5) / grid as f64;
    let inside = map.iter().enumerate().filter(|(i, _)| bounds.contains([centre(i % grid), centre(i / grid)]));
    inside.map(|(_, v)| f64::from(*v)).sum::<f64>().clamp(0.0, 1.0)
}

/// The image speaks for a box that is present and gathers the attention; otherwise the prior alone does.
fn support(candidate: &Candidate, attention_inside: f64) -> Support {
    let gathered = attention_inside >= (ATTENTION_GAIN * candidate.bounds.area()).min(0.9);
    let is_present = candidate.presence >= MIN_PRESENCE;
    if is_present && gathered { Support::Image } else { Support::Prior }
}
