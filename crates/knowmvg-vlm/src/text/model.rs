use burn::module::Module;
use burn::nn::RmsNorm;
use burn::tensor::Tensor;

use super::block::Block;
use super::cache::Cache;
use super::lora::LoraAdapters;
use super::mask::hide;
use super::projection::{Projection, Table};
use super::rotary::{Position, Rotation};
use crate::config::TextConfig;
use crate::weights::{Bias, WeightReader};
use crate::{Error, Result};

/// A decoder-only language model: every token sees itself and those before it.
///
/// # Source
/// `LlamaForCausalLM` and the text parts of `Qwen2_5_VLForConditionalGeneration` and `Qwen3VLForConditionalGeneration`,
/// transformers 5.23.0.
#[derive(Module, Debug)]
pub struct LanguageModel {
    embed_tokens: Table,
    layers: Vec<Block>,
    norm: RmsNorm,
    lm_head: Option<Projection>,
    #[module(skip)]
    config: TextConfig,
}

/// Names before those of the layers.
#[derive(Debug, Clone, Copy)]
pub struct TextNames {
    /// Before `embed_tokens`, `layers` and `norm`.
    pub body: &'static str,
    /// Of the output head.
    pub head: &'static str,
}

/// Rows of embedded tokens, padded on either side to one length.
#[derive(Debug, Clone)]
pub struct TextBatch {
    /// `[batch, tokens, width]`
    pub embeds: Tensor<3>,
    /// Whether a place holds a token and not padding, `[batch, tokens]`.
    pub is_token: Vec<Vec<bool>>,
    /// Where each token stands, `[batch, tokens]`; what padding has does not matter.
    pub positions: Vec<Vec<Position>>,
    /// Added to the rows after each of the first layers, as `embeds` and zero but where an image is: what lower layers of a
    /// vision tower saw (Meng et al. 2024, *DeepStack*).
    pub deeper: Vec<Tensor<3>>,
}

impl LanguageModel {
    /// Reads a model below its names.
    pub fn load(reader: &mut WeightReader, names: TextNames, config: &TextConfig) -> Self {
        let body = names.body;
        let layer = |i| Block::load(reader, &format!("{body}layers.{i}"), config);
        let layers = (0..config.layers).map(layer).collect();
        let head =
            |reader: &mut WeightReader| reader.projection(names.head, [config.width, config.vocab_size], Bias::Absent);
        Self {
            layers,
            embed_tokens: reader.table(&format!("{body}embed_tokens"), [config.vocab_size, config.width]),
            norm: reader.norm(&format!("{body}norm"), config.width, config.norm_eps),
            lm_head: (!config.is_head_tied).then(|| head(reader)),
            config: config.clone(),
        }
    }

    /// Sizes and switches.
    pub fn config(&self) -> &TextConfig {
        &self.config
    }

    /// The embeddings of token ids.
    ///
    /// # Shapes
    /// - `ids`: `[batch, tokens]`; returns `[batch, tokens, width]`
    ///
    /// # Errors
    /// When rows differ in length, or an id is not of the vocabulary.
    pub fn embed(&self, ids: &[Vec<u32>]) -> Result<Tensor<3>> {
        let tokens = ids.first().map_or(0, Vec::len);
        if tokens == 0 || ids.iter().any(|row| row.len() != tokens) {
            return Err(Error::Input("expected rows of one length, at least one token each".into()));
        }
        let vocabulary = self.config.vocab_size;
        if let Some(id) = ids.iter().flatten().find(|id| **id as usize >= vocabulary) {
            return Err(Error::Input(format!("expected token ids below {vocabulary}, found {id}")));
        }
        Ok(self.embed_tokens.select(&ids.concat()).reshape([ids.len(), tokens, self.config.width]))
    }

    /// Hidden states of new tokens, after the final norm; the cache then remembers them.
    ///
    /// # Shapes
    /// - returns `[batch, tokens, width]`
    ///
    /// # Errors
    /// When the parts of the batch differ in size from each other, or its rows from those remembered.
    pub fn hidden_states(&self, batch: TextBatch, cache: &mut Cache) -> Result<Tensor<3>> {
        self.adapted_hidden_states(batch, cache, None)
    }

    /// As [`LanguageModel::hidden_states`], with changes that were learnt.
    ///
    /// # Errors
    /// As [`LanguageModel::hidden_states`], or when the changes are of a model with fewer layers.
    pub fn adapted_hidden_states(
        &self,
        batch: TextBatch,
        cache: &mut Cache,
        lora: Option<&LoraAdapters>,
    ) -> Result<Tensor<3>> {
        batch.check(cache, self.layers.len())?;
        let changes = lora.map_or(&[][..], LoraAdapters::layers);
        if lora.is_some() && changes.len() != self.layers.len() {
            let (expected, found) = (self.layers.len(), changes.len());
            return Err(Error::Input(format!("expected changes of {expected} layers, found {found}")));
        }
        cache.admit(&batch, self.layers.len());
        let [_, tokens, _] = batch.embeds.dims();
        let device = batch.embeds.device();
        let rotation = Rotation::of_text(&self.config.rope, self.config.head_width, &batch.positions, &device);
        let hidden = hide(&cache.is_token, tokens, &device);
        let work = || {
            let mut rows = batch.embeds;
            for (index, (layer, memory)) in self.layers.iter().zip(&mut cache.layers).enumerate() {
                rows = layer.forward(rows, &rotation, hidden.as_ref(), memory, changes.get(index));
                if let Some(deeper) = batch.deeper.get(index) {
                    rows = rows + deeper.clone();
                }
            }
            self.norm.forward(rows)
        };
        Ok(self.in_pool(work))
    }

    /// Quantised products are short, and there are hundreds of them for a token: one by one, each would have to wake the
    /// pool, so all are run inside of it.
    fn in_pool<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self.layers.iter().all(Block::is_quantized) {
            true => rayon::scope(|_| work()),
            false => work(),
        }
    }

    /// What the next token may be, before the softmax.
    ///
    /// # Shapes
    /// - `hidden_states`: `[batch, tokens, width]`; returns `[batch, tokens, vocabulary]`
    pub fn logits(&self, hidden_states: Tensor<3>) -> Tensor<3> {
        match &self.lm_head {
            Some(head) => head.forward(hidden_states),
            None => {
                let [batch, tokens, width] = hidden_states.dims();
                // As matrices: of a batch of them, Burn would copy the turned table.
                let scores = self.embed_tokens.scores(hidden_states.reshape([batch * tokens, width]));
                scores.reshape([batch, tokens, self.config.vocab_size])
            }
        }
    }
}

impl TextBatch {
    /// Text alone: each row's tokens stand at 0, 1, 2, .., wherever its padding lies.
    ///
    /// # Errors
    /// As [`LanguageModel::embed`], or when ids and `is_token` differ in size.
    pub fn of_text(model: &LanguageModel, ids: &[Vec<u32>], is_token: Vec<Vec<bool>>) -> Result<Self> {
        let positions = is_token.iter().map(|row| counted(row)).collect();
        Ok(Self::without_images(model.embed(ids)?, is_token, positions))
    }

    /// Rows that show no image, or nothing of one but its tokens.
    pub fn without_images(embeds: Tensor<3>, is_token: Vec<Vec<bool>>, positions: Vec<Vec<Position>>) -> Self {
        Self { embeds, is_token, positions, deeper: vec![] }
    }

    fn check(&self, cache: &Cache, layers: usize) -> Result<()> {
        let [rows, tokens, _] = self.embeds.dims();
        let fits = |lens: Vec<usize>| lens.len() == rows && lens.iter().all(|len| *len == tokens);
        let are_equal =
            fits(self.is_token.iter().map(Vec::len).collect()) && fits(self.positions.iter().map(Vec::len).collect());
        if !are_equal {
            return Err(Error::Input(format!("expected masks and positions of {rows} rows of {tokens} tokens")));
        }
        if self.deeper.len() > layers || self.deeper.iter().any(|deeper| deeper.dims() != self.embeds.dims()) {
            return Err(Error::Input(format!(
                "expected what is added to {layers} layers at most in the size of the rows"
            )));
        }
        if !cache.is_empty() && cache.is_token.len() != rows {
            let known = cache.is_token.len();
            return Err(Error::Input(format!("expected {known} rows as in the cache, found {rows}")));
        }
        Ok(())
    }
}

/// Numbers the tokens and gives padding the number of the token that follows.
fn counted(is_token: &[bool]) -> Vec<Position> {
    let before = is_token.iter().scan(0, |count, is_token| {
        let place = *count;
        *count += i64::from(*is_token);
        Some([place; 3])
    });
    before.collect()
}
