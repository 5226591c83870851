//! A model with its tokenizer: from a path to answers.

mod answer;
mod load;
mod prompt;

pub use load::LoadOptions;
pub(crate) use load::{NEWER_NAMES, PUBLISHED_NAMES, sees, text_names};

use burn::module::Module;
use burn::tensor::Device;

use crate::chat::ChatStyle;
use crate::config::ImageTokens;
use crate::image::PreprocessorConfig;
use crate::text::LanguageModel;
use crate::tokenizer::TextTokenizer;
use crate::vision::VisionTower;

/// A language model with its words, and with eyes where its family has them.
#[derive(Clone)]
pub struct VisionLanguageModel {
    language: LanguageModel,
    sight: Option<Sight>,
    tokenizer: TextTokenizer,
    style: ChatStyle,
    stop_ids: Vec<u32>,
    device: Device,
}

/// What a model needs to see.
#[derive(Clone)]
struct Sight {
    tower: VisionTower,
    preprocessor: PreprocessorConfig,
    tokens: ImageTokens,
}

impl VisionLanguageModel {
    /// The language model.
    pub fn language(&self) -> &LanguageModel {
        &self.language
    }

    /// The vision tower, where there is one.
    pub fn vision(&self) -> Option<&VisionTower> {
        self.sight.as_ref().map(|sight| &sight.tower)
    }

    /// Words to ids and back.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// How conversations are written.
    pub fn style(&self) -> ChatStyle {
        self.style
    }

    /// Tokens that end an answer.
    pub fn stop_ids(&self) -> &[u32] {
        &self.stop_ids
    }

    /// The same model whose weights take no part in any gradient.
    pub fn frozen(self) -> Self {
        let sight = self.sight.map(|sight| Sight { tower: sight.tower.no_grad(), ..sight });
        Self { language: self.language.no_grad(), sight, ..self }
    }

    /// A copy of the weights on another device, with a graph of its own.
    pub fn on(&self, device: &Device) -> Self {
        let fork = |sight: Sight| Sight { tower: sight.tower.fork(device), ..sight };
        let sight = self.sight.clone().map(fork);
        Self { language: self.language.clone().fork(device), sight, device: device.clone(), ..self.clone() }
    }

    /// The same weights, off the graph that gradients are taken on.
    pub fn valid(&self) -> Self {
        let sight = self.sight.as_ref().map(|sight| Sight { tower: sight.tower.valid(), ..sight.clone() });
        let device = self.language.valid().embed(&[vec![0]]).map_or_else(|_| self.device.clone(), |row| row.device());
        Self { language: self.language.valid(), sight, device, ..self.clone() }
    }

    /// Where the weights lie.
    pub fn device(&self) -> &Device {
        &self.device
    }
}
