//! `Phrase + Features -> Answer`: the decoder with the words, the knowledge and the priors that it reads.

use burn::tensor::Device;

use crate::geometry::{Box2, Map, Model, Thorax};
use crate::knowledge::{self, KnowledgeBase};
use crate::model::GroundingModel;
use crate::model::answer::{Answer, answer, answer_seen};
use crate::model::config::{ModelConfig, PriorSwitch};
use crate::model::input::{Features, ImageInput, PhraseInput, SeenImage, collate_images, phrase_input};
use crate::model::sight::Sight;
use crate::model::tokenizer::{NodeTexts, PhraseTokenizer};
use crate::model::trace::Trace;
use crate::prior::frame::{model_from_lungs, model_from_typical};
use crate::prior::table::PriorTable;
use crate::prior::{Location, Prior};
use crate::report::{self, Phrase};

/// Structures that are grounded first: they carry the frame of everything else.
pub const ANATOMY: [&str; 3] = ["left lung", "right lung", "heart"];

/// Key of a structure among priors.
pub fn anatomy_key(name: &str) -> String {
    name.replace(' ', "_")
}

/// Everything that inference needs beside the tower.
pub struct Decoder<'a> {
    /// Weights.
    pub model: &'a GroundingModel,
    /// Sizes.
    pub config: &'a ModelConfig,
    /// Words.
    pub tokenizer: &'a PhraseTokenizer,
    /// Words of the knowledge base.
    pub texts: &'a NodeTexts,
    /// Priors of findings.
    pub priors: &'a PriorTable,
    /// Priors of lungs and heart, on the square.
    pub anatomy_priors: &'a PriorTable,
    /// The knowledge base.
    pub knowledge: &'static KnowledgeBase,
    /// The tower's.
    pub patch_size: usize,
    /// Where it runs.
    pub device: &'a Device,
}

/// Lungs and heart of one image.
#[derive(Debug, Clone)]
pub struct Anatomy {
    /// In the order of [`ANATOMY`].
    pub answers: Vec<Answer>,
    /// From the lungs; `None` if they are implausible.
    pub model_from_thorax: Option<Map<Model, Thorax>>,
}

impl Decoder<'_> {
    /// Grounds the phrases of every image.
    pub fn answers(&self, images: &[ImageInput], trace: &mut impl Trace) -> Vec<Vec<Answer>> {
        answer(self.model, self.config, images, self.texts, self.patch_size, self.device, trace)
    }

    /// What the decoder makes of one image, whatever will be asked about it.
    pub fn see(&self, features: &Features, model_from_thorax: &Map<Model, Thorax>) -> Sight {
        let image = collate_images(&[(features, model_from_thorax)], self.config, self.patch_size, self.device);
        self.model.see(image, &mut ())
    }

    /// Grounds the phrases of every image, each seen before.
    pub fn answers_seen(&self, images: &[SeenImage], trace: &mut impl Trace) -> Vec<Vec<Answer>> {
        answer_seen(self.model, self.config, images, self.texts, self.device, trace)
    }

    /// Grounds lungs and heart on images whose thorax is not yet known.
    pub fn anatomy(&self, images: &[&Features]) -> Vec<Anatomy> {
        let identity = identity_thorax();
        let inputs: Vec<ImageInput> = images
            .iter()
            .map(|features| ImageInput {
                features,
                model_from_thorax: identity,
                phrases: ANATOMY.iter().map(|name| self.anatomy_input(name, features.grid)).collect(),
            })
            .collect();
        self.answers(&inputs, &mut ())
            .into_iter()
            .map(|answers| {
                let first = |i: usize| answers[i].candidates[0].bounds;
                Anatomy { model_from_thorax: model_from_lungs(&first(0), &first(1)), answers }
            })
            .collect()
    }

    /// Where the lungs of one image are; at a typical position if they are implausible.
    pub fn thorax(&self, features: &Features) -> Map<Model, Thorax> {
        self.anatomy(&[features])[0].model_from_thorax.unwrap_or_else(model_from_typical)
    }

    fn anatomy_input(&self, name: &str, grid: usize) -> PhraseInput {
        let phrase = report::query(name, self.knowledge);
        self.input(&phrase, &self.anatomy_prior(name), &identity_thorax(), grid)
    }

    /// The prior of one of [`ANATOMY`], on the square.
    pub fn anatomy_prior(&self, name: &str) -> Prior {
        self.anatomy_priors.get(Some(&anatomy_key(name)), Location { side: None, zone: None }, self.knowledge)
    }

    /// The prior of a phrase: table, narrowed to the places that it names.
    pub fn prior(&self, phrase: &Phrase, linked: &knowledge::Knowledge) -> Prior {
        if self.config.switches.prior == PriorSwitch::Off {
            return Prior::flat();
        }
        let finding = phrase.finding.as_deref().or(linked.finding.as_deref());
        let location = Location { side: phrase.side.or(linked.side), zone: phrase.zone.or(linked.zone) };
        let places = place_regions(&linked.places, self.knowledge);
        self.priors.get(finding, location, self.knowledge).refined_by(&places)
    }

    /// The decoder's input for a phrase.
    pub fn input(
        &self,
        phrase: &Phrase,
        prior: &Prior,
        model_from_thorax: &Map<Model, Thorax>,
        grid: usize,
    ) -> PhraseInput {
        let linked = knowledge::link(phrase, self.knowledge);
        let prior = prior.on_image(model_from_thorax, grid);
        phrase_input(phrase, &linked, self.knowledge, self.tokenizer, model_from_thorax, prior, self.config)
    }
}

/// Regions of places by name.
pub fn place_regions(places: &[String], knowledge: &KnowledgeBase) -> Vec<(String, Box2<Thorax>)> {
    places.iter().filter_map(|id| knowledge.place(id)).map(|place| (place.name.clone(), place.region)).collect()
}

/// The frame of anatomy itself: the square stands for the thorax.
pub fn identity_thorax() -> Map<Model, Thorax> {
    Map::new([1.0; 2], [0.0; 2]).expect("the identity")
}
