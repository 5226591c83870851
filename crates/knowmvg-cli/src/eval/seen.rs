//! One image, encoded once and asked any number of phrases.

use std::cell::RefCell;

use knowmvg::calibration::Signs;
use knowmvg::decoder::{Decoder, identity_thorax};
use knowmvg::geometry::{Box2, Image, Map, Model, Thorax};
use knowmvg::grounder::{Grounder, GrounderError};
use knowmvg::image::GreyImage;
use knowmvg::image::preprocess::{model_from_image, prepare};
use knowmvg::model::answer::{Answer, Candidate};
use knowmvg::model::encode::encode;
use knowmvg::model::input::{Features, ImageInput, PhraseInput, phrase_input};
use knowmvg::prior::frame::model_from_typical;
use knowmvg::reader;
use knowmvg_eval::{Heat, ScoredBox, Task};

use super::asked::{Asked, Text};
use super::reading::Reading;

/// Cells along one side of a heat map.
const HEAT_SIDE: usize = 32;
/// Phrases decoded together.
const PHRASES_PER_PASS: usize = 16;

/// Where the square and the patient's lungs lie on an image.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    image_from_model: Map<Image, Model>,
    model_from_thorax: Map<Model, Thorax>,
    bounds: Box2<Image>,
}

impl Frame {
    /// Of an image of which only the size is known: the thorax is a typical one.
    pub fn typical(size: [u32; 2], side: usize) -> Self {
        let [width, height] = size;
        Self {
            image_from_model: model_from_image(width, height, side).inverse(),
            model_from_thorax: model_from_typical(),
            bounds: whole(size),
        }
    }

    /// A box of the square in pixels of the image.
    pub fn in_image(&self, bounds: &Box2<Model>) -> Box2<Image> {
        self.image_from_model.apply(bounds).clamped(&self.bounds)
    }

    /// The reference box of the prior, on the square.
    pub fn prior_box(&self, asked: &Asked) -> Box2<Model> {
        asked.prior.on_image(&self.thorax(asked.is_structure), 1).reference
    }

    fn thorax(&self, is_structure: bool) -> Map<Model, Thorax> {
        if is_structure { identity_thorax() } else { self.model_from_thorax }
    }

    /// A map over the square, resampled to the image; 255 at its maximum.
    fn heat(&self, map: &[f32], grid: usize) -> Heat {
        let model_from_image = self.image_from_model.inverse();
        let at = |index: usize, length: f64| (index as f64 + 0.5) / HEAT_SIDE as f64 * length;
        let value = |cell: usize| {
            let (x, y) = (at(cell % HEAT_SIDE, self.bounds.width()), at(cell / HEAT_SIDE, self.bounds.height()));
            let [u, v] = model_from_image.apply_point([x, y]).map(|c| (c * grid as f64) as usize);
            map[v.min(grid - 1) * grid + u.min(grid - 1)]
        };
        let values: Vec<f32> = (0..HEAT_SIDE * HEAT_SIDE).map(value).collect();
        let largest = values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let values = values.into_iter().map(|value| (value / largest * 255.0).round() as u8).collect();
        Heat { cols: HEAT_SIDE, rows: HEAT_SIDE, values }
    }
}

fn whole([width, height]: [u32; 2]) -> Box2<Image> {
    Box2::from_xyxy([0.0, 0.0, f64::from(width), f64::from(height)]).expect("sides are not negative")
}

/// An encoded image.
pub struct Seen<'g> {
    grounder: &'g Grounder,
    features: Features,
    /// Where the lungs were found.
    pub frame: Frame,
    /// What was read so far, by task and words: a language model reads slowly, and several systems read the same.
    read: RefCell<Vec<(Task, String, Reading)>>,
}

/// What the model says of one phrase.
pub struct Shown {
    /// In pixels of the image that was looked at, most confident first.
    pub boxes: Vec<ScoredBox>,
    /// Probability of the best query.
    pub presence: f64,
    /// Its global attention.
    pub heat: Heat,
}

impl<'g> Seen<'g> {
    /// Encodes an image and finds its lungs.
    ///
    /// # Errors
    /// When the tower refuses the configured side.
    pub fn new(grounder: &'g Grounder, image: &GreyImage) -> Result<Self, GrounderError> {
        let prepared = prepare(image, grounder.config().image_side);
        let features = encode(grounder.tower(), &prepared)?;
        let frame = Frame {
            image_from_model: prepared.model_from_image.inverse(),
            model_from_thorax: grounder.decoder().thorax(&features),
            bounds: whole([image.width(), image.height()]),
        };
        Ok(Self { grounder, features, frame, read: RefCell::default() })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [u32; 2] {
        [self.frame.bounds.width(), self.frame.bounds.height()].map(|length| length as u32)
    }

    /// Reads the words of an item, with the model's reader if it has one.
    pub fn read(&self, text: &Text) -> Reading {
        let known =
            self.read.borrow().iter().find(|(task, words, _)| *task == text.task && words == text.words).cloned();
        if let Some((_, _, reading)) = known {
            return reading;
        }
        let decoder = self.grounder.decoder();
        let thorax = &self.frame.model_from_thorax;
        let seen = reader::Seen { features: &self.features, model_from_thorax: thorax, decoder: &decoder };
        let reading = match self.grounder.reader() {
            Some(reader) => Reading::by(reader, text, &seen),
            None => Reading::by_rules(text, &seen),
        };
        self.read.borrow_mut().push((text.task, text.words.to_owned(), reading.clone()));
        reading
    }

    /// Grounds phrases; the answers are in their order.
    pub fn ground(&self, asked: &[&Asked]) -> Vec<Shown> {
        let mut shown: Vec<Option<Shown>> = asked.iter().map(|_| None).collect();
        // Phrases that are decoded together share the frame of their priors.
        let (structures, findings): (Vec<usize>, Vec<usize>) =
            (0..asked.len()).partition(|index| asked[*index].is_structure);
        for chunk in structures.chunks(PHRASES_PER_PASS).chain(findings.chunks(PHRASES_PER_PASS)) {
            let thorax = self.frame.thorax(asked[chunk[0]].is_structure);
            let answers = self.decode(chunk.iter().map(|index| asked[*index]), thorax);
            for (index, answer) in chunk.iter().zip(answers) {
                let blind = asked[*index].prior.on_image(&thorax, 1).reference;
                shown[*index] = Some(self.shown(&answer, &blind));
            }
        }
        shown.into_iter().map(|answer| answer.expect("every phrase is in one chunk")).collect()
    }

    fn decode<'a>(&self, asked: impl Iterator<Item = &'a Asked>, thorax: Map<Model, Thorax>) -> Vec<Answer> {
        let decoder = self.grounder.decoder();
        let phrases = asked.map(|asked| input(asked, &decoder, &thorax, self.features.grid)).collect();
        let image = ImageInput { features: &self.features, model_from_thorax: thorax, phrases };
        decoder.answers(&[image], &mut ()).remove(0)
    }

    fn shown(&self, answer: &Answer, blind: &Box2<Model>) -> Shown {
        let calibration = self.grounder.calibration();
        let scored = |candidate: &&Candidate| ScoredBox {
            bounds: self.frame.in_image(&candidate.bounds),
            confidence: calibration.probability(&Signs::new(answer, candidate, blind)),
        };
        Shown {
            boxes: answer.separate().iter().map(scored).collect(),
            presence: self.grounder.presence(answer, blind).unwrap_or(answer.candidates[0].presence),
            heat: self.frame.heat(&answer.global_map, self.features.grid),
        }
    }
}

/// The decoder's input, with the knowledge and the prior that the phrase was given.
fn input(asked: &Asked, decoder: &Decoder, thorax: &Map<Model, Thorax>, grid: usize) -> PhraseInput {
    let prior = asked.prior.on_image(thorax, grid);
    let Decoder { knowledge, tokenizer, config, .. } = decoder;
    let input = phrase_input(&asked.phrase, &asked.linked, knowledge, tokenizer, thorax, prior, config);
    PhraseInput { embed: asked.embed.clone(), ..input }
}
