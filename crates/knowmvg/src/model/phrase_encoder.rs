//! `token ids -> phrase embeddings`: a small transformer over the words of a phrase, and of a knowledge node.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Embedding, EmbeddingConfig, Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Int, Tensor};

use super::config::ModelConfig;
use super::layers::{Attention, FeedForward};

/// Added to the score of a key that may not be attended to; large, yet finite in every float type.
const HIDDEN_SCORE: f64 = -1e4;

/// Words to one vector.
#[derive(Module, Debug)]
pub struct PhraseEncoder {
    tokens: Embedding,
    positions: Param<Tensor<2>>,
    layers: Vec<EncoderLayer>,
    norm: LayerNorm,
    dropout: Dropout,
}

#[derive(Module, Debug)]
struct EncoderLayer {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    feed_forward: FeedForward,
}

impl PhraseEncoder {
    /// Randomly initialised.
    pub fn init(config: &ModelConfig, device: &Device) -> Self {
        let width = config.width;
        let small = Initializer::Normal { mean: 0.0, std: 0.02 };
        let layer = |_| EncoderLayer {
            norm1: LayerNormConfig::new(width).init(device),
            attention: Attention::init(width, config.heads, device),
            norm2: LayerNormConfig::new(width).init(device),
            feed_forward: FeedForward::init([width, 2 * width, width], device),
        };
        Self {
            tokens: EmbeddingConfig::new(config.vocab_size, width).with_initializer(small.clone()).init(device),
            positions: small.init([config.max_tokens, width], device),
            layers: (0..config.text_layers).map(layer).collect(),
            norm: LayerNormConfig::new(width).init(device),
            dropout: DropoutConfig::new(config.dropout).init(),
        }
    }

    /// Encodes phrases to the mean of their words' states.
    ///
    /// # Shapes
    /// - `token_ids`: `[phrases, tokens]`
    /// - `is_word`: `[phrases, tokens]`, 1 for a word, 0 for padding
    /// - returns `[phrases, width]`
    pub fn forward(&self, token_ids: Tensor<2, Int>, is_word: Tensor<2>) -> Tensor<2> {
        let [_, count] = token_ids.dims();
        let positions = self.positions.val().narrow(0, 0, count).unsqueeze_dim::<3>(0);
        let mut states = self.dropout.forward(self.tokens.forward(token_ids) + positions);
        let hide_padding = (is_word.clone() - 1.0) * -HIDDEN_SCORE; // 0 for a word, HIDDEN_SCORE for padding
        let bias: Tensor<4> = hide_padding.unsqueeze_dims(&[1, 2]);
        for layer in &self.layers {
            let normed = layer.norm1.forward(states.clone());
            states = states
                + self.dropout.forward(layer.attention.forward(normed.clone(), normed, Some(bias.clone())).context);
            states = states.clone() + self.dropout.forward(layer.feed_forward.forward(layer.norm2.forward(states)));
        }
        let mask = is_word.unsqueeze_dim::<3>(2);
        let total = (self.norm.forward(states) * mask.clone()).sum_dim(1);
        let words = mask.sum_dim(1).clamp_min(1.0);
        (total / words).squeeze_dim(1)
    }
}
