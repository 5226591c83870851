use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig, RmsNorm};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};
use knowmvg::model::config::ModelConfig;

use super::config::GroundingConfig;
use super::projector::{Projector, sized_norm};
use crate::model::VisionLanguageModel;
use crate::text::LoraAdapters;

/// All that is learnt beside a frozen language model.
#[derive(Module, Debug)]
pub struct GroundingAdapter {
    /// Changes of the language model.
    pub lora: Option<LoraAdapters>,
    /// Image tokens for a language model without eyes of its own.
    pub projector: Option<Projector>,
    /// The embedding of `[BOX]`, `[1, width]`; its row of the output head as well, where the model ties both.
    pub box_token: Param<Tensor<2>>,
    /// Its row of the output head, where that is a table of its own, `[1, width]`.
    pub box_head: Option<Param<Tensor<2>>>,
    /// Knowledge tokens of the decoder to tokens of the language model.
    pub from_knowledge: Linear,
    /// Gives them the size of words.
    pub knowledge_norm: RmsNorm,
    /// First map of the hidden state of `[BOX]`.
    pub to_box_inner: Linear,
    /// To `e_box`.
    pub to_box: Linear,
}

impl GroundingAdapter {
    /// Nothing learnt yet: the language model is as it was, and `[BOX]` is the average word.
    pub fn init(config: &GroundingConfig, model: &VisionLanguageModel, decoder: &ModelConfig, device: &Device) -> Self {
        let text = model.language().config();
        let (mean, rms) = average_word(model);
        let mean = mean.into_data();
        let average = || Param::from_tensor(Tensor::<2>::from_data(mean.clone(), device));
        let sees = model.vision().is_some();
        Self {
            lora: config.lora.as_ref().map(|lora| LoraAdapters::init(lora, text, device)),
            projector: (!sees).then(|| Projector::init([decoder.token_width, text.width], rms, device)),
            box_token: average(),
            box_head: (!text.is_head_tied).then(average),
            from_knowledge: LinearConfig::new(decoder.width, text.width).init(device),
            knowledge_norm: sized_norm(text.width, rms, device),
            to_box_inner: LinearConfig::new(text.width, text.width).init(device),
            to_box: LinearConfig::new(text.width, decoder.width).init(device),
        }
    }

    /// The row of the output head that says `[BOX]`, `[1, width]`.
    pub fn box_head(&self) -> Tensor<2> {
        self.box_head.as_ref().unwrap_or(&self.box_token).val()
    }

    /// Knowledge tokens as the language model reads them.
    ///
    /// # Shapes
    /// - `tokens`: `[phrases, prompt_tokens, decoder width]`; returns `[phrases * prompt_tokens, width]`
    pub fn knowledge(&self, tokens: Tensor<3>) -> Tensor<2> {
        let [phrases, count, width] = tokens.dims();
        self.knowledge_norm.forward(self.from_knowledge.forward(tokens.reshape([phrases * count, width])))
    }

    /// `e_box` of hidden states of `[BOX]`.
    ///
    /// # Shapes
    /// - `hidden`: `[boxes, width]`; returns `[boxes, decoder width]`
    ///
    /// # Source
    /// uMedGround: `e_box = W2 relu(W1 h)`; gelu here.
    pub fn phrase_embeds(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.to_box.forward(gelu(self.to_box_inner.forward(hidden)))
    }
}

/// The mean of the words' embeddings, `[1, width]`, and the root mean square of their numbers.
fn average_word(model: &VisionLanguageModel) -> (Tensor<2>, f32) {
    const SAMPLE: u32 = 2000;
    let count = SAMPLE.min(u32::try_from(model.language().config().vocab_size).unwrap_or(SAMPLE));
    let words = model.language().embed(&[(0..count).collect()]).expect("ids of the vocabulary");
    let [_, _, width] = words.dims();
    let words = words.detach().reshape([count as usize, width]);
    let rms = knowmvg::model::trace::values(&words.clone().powi_scalar(2).mean())[0].sqrt();
    (words.mean_dim(0), rms)
}
