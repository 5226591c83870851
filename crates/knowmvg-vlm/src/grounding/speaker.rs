use burn::tensor::{Tensor, TensorData};
use knowmvg::model::input::Features;

use super::adapter::GroundingAdapter;
use super::config::GroundingConfig;
use super::prompt::{Words, prompt};
use super::slot::{Given, Slot, embed, images_alone};
use crate::image::{Patches, Picture};
use crate::model::VisionLanguageModel;
use crate::positions::positions;
use crate::text::{Cache, Position, TextBatch};
use crate::vision::ImageRows;
use crate::{Error, Result};

/// A frozen language model that is asked about images; what it has learnt is given to each call.
pub struct Speaker {
    /// The language model, with its eyes if it has any.
    pub model: VisionLanguageModel,
    /// Sizes and switches.
    pub config: GroundingConfig,
}

/// Images as a language model sees them.
pub struct Look {
    /// Of all images, `[images * tokens, width]`.
    pub tokens: Tensor<2>,
    /// What is added to them after the first layers of the language model; each as `tokens`.
    deeper: Vec<Tensor<2>>,
    /// Tokens of one image.
    pub each: usize,
    /// Patches, where the model has eyes of its own.
    patches: Vec<Patches>,
}

impl Look {
    /// How many images there are.
    fn images(&self) -> usize {
        self.tokens.dims()[0] / self.each.max(1)
    }

    /// One image, seen `times` over.
    pub fn repeated(&self, times: usize) -> Self {
        let patches = (0..times).flat_map(|_| self.patches.iter().cloned()).collect();
        let repeated = |rows: &Tensor<2>| rows.clone().repeat_dim(0, times);
        let deeper = self.deeper.iter().map(repeated).collect();
        Self { tokens: repeated(&self.tokens), deeper, each: self.each, patches }
    }
}

impl Speaker {
    /// Looks at images.
    ///
    /// # Errors
    /// When the model's own tower refuses the size.
    pub fn look(&self, adapter: &GroundingAdapter, images: &[&Features], token_width: usize) -> Result<Look> {
        match &adapter.projector {
            Some(projector) => {
                let side = self.config.image_tokens_side;
                let values: Vec<f32> = images.iter().flat_map(|image| image.tokens.iter().copied()).collect();
                let shape = [images.len(), values.len() / token_width / images.len().max(1), token_width];
                let tokens = Tensor::from_data(TensorData::new(values, shape), &adapter.box_token.device());
                let tokens = projector.forward(tokens, side);
                Ok(Look { tokens, deeper: vec![], each: side * side, patches: vec![] })
            }
            None => {
                let pictures = images.iter().map(|image| picture(image)).collect::<Result<Vec<_>>>()?;
                let patches = self.model.look(&pictures)?;
                let ImageRows { tokens, deeper } = self.model.see_patches(&patches)?;
                Ok(Look { each: tokens.dims()[0] / images.len().max(1), tokens, deeper, patches })
            }
        }
    }

    /// The conversation up to the answer.
    ///
    /// # Errors
    /// When the vocabulary lacks a token of the style.
    pub fn prompt(&self, words: Words, look: &Look) -> Result<Vec<Slot>> {
        prompt(self.model.tokenizer(), self.model.style(), words, look.each)
    }

    /// Rows of any length as a batch, filled up on the right.
    ///
    /// # Errors
    /// When a slot points at what is not there, or the rows show another number of images than were looked at.
    pub fn batch(
        &self,
        adapter: &GroundingAdapter,
        rows: &[Vec<Slot>],
        look: &Look,
        given: Knowledge,
    ) -> Result<TextBatch> {
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
        let is_token: Vec<Vec<bool>> =
            rows.iter().map(|row| (0..longest).map(|place| place < row.len()).collect()).collect();
        let filled: Vec<Vec<Slot>> = rows
            .iter()
            .map(|row| row.iter().copied().chain(std::iter::repeat(Slot::Token(0))).take(longest).collect())
            .collect();
        if look.images() != rows.len() {
            return Err(Error::Input(format!(
                "expected one image for each of {} rows, found {}",
                rows.len(),
                look.images()
            )));
        }
        let positions = self.positions(&filled, &is_token, look)?;
        let embeds = embed(&self.model, &filled, &given.with(look.tokens.clone(), adapter))?;
        let deeper = look.deeper.iter().map(|rows| images_alone(&filled, rows)).collect::<Result<_>>()?;
        Ok(TextBatch { embeds, is_token, positions, deeper })
    }

    /// A row that goes on after what the cache remembers; it shows no further image.
    ///
    /// # Errors
    /// When a slot points at what is not there.
    pub fn continued(
        &self,
        adapter: &GroundingAdapter,
        row: Vec<Slot>,
        knowledge: Knowledge,
        cache: &Cache,
    ) -> Result<TextBatch> {
        let count = row.len();
        let none = Tensor::zeros([0, self.model.language().config().width], &adapter.box_token.device());
        let embeds = embed(&self.model, &[row], &knowledge.with(none, adapter))?;
        Ok(TextBatch::without_images(embeds, vec![vec![true; count]], cache.continued(count)))
    }

    /// Hidden states of a batch, with what was learnt.
    ///
    /// # Errors
    /// As [`crate::text::LanguageModel::hidden_states`].
    pub fn hidden_states(&self, adapter: &GroundingAdapter, batch: TextBatch, cache: &mut Cache) -> Result<Tensor<3>> {
        self.model.language().adapted_hidden_states(batch, cache, adapter.lora.as_ref())
    }

    /// Logits of the vocabulary and, last, of `[BOX]`.
    ///
    /// # Shapes
    /// - `hidden`: `[rows, width]`; returns `[rows, vocabulary + 1]`
    pub fn logits(&self, adapter: &GroundingAdapter, hidden: Tensor<2>) -> Tensor<2> {
        let [rows, width] = hidden.dims();
        let language = self.model.language();
        let words = language.logits(hidden.clone().reshape([1, rows, width]));
        let words = words.reshape([rows, language.config().vocab_size]);
        Tensor::cat(vec![words, hidden.matmul(adapter.box_head().transpose())], 1)
    }

    /// What `[BOX]` is among [`Speaker::logits`].
    pub fn box_index(&self) -> usize {
        self.model.language().config().vocab_size
    }

    fn positions(&self, rows: &[Vec<Slot>], is_token: &[Vec<bool>], look: &Look) -> Result<Vec<Vec<Position>>> {
        let Some((tokens, merge)) = self.model.image_ids() else {
            return Ok(is_token.iter().map(|row| (0..row.len() as i64).map(|place| [place; 3]).collect()).collect());
        };
        let ids: Vec<Vec<u32>> =
            rows.iter().map(|row| row.iter().map(|slot| slot.id(tokens.image)).collect()).collect();
        let grids: Vec<_> = look.patches.iter().map(|patches| patches.grid).collect();
        positions(&ids, is_token, &grids, merge, tokens)
    }
}

/// Knowledge tokens of a batch.
pub struct Knowledge {
    /// `[rows * phrases * tokens, width]`; `None` if the language model is told none.
    pub tokens: Option<Tensor<2>>,
    /// Phrases of a row, padded, and knowledge tokens of a phrase.
    pub phrases: [usize; 2],
}

impl Knowledge {
    /// The language model is told nothing.
    pub fn none() -> Self {
        Self { tokens: None, phrases: [0, 0] }
    }

    fn with(self, images: Tensor<2>, adapter: &GroundingAdapter) -> Given {
        Given { images, knowledge: self.tokens, phrases: self.phrases, box_token: adapter.box_token.val() }
    }
}

/// The square that the decoder sees, as a picture.
fn picture(features: &Features) -> Result<Picture> {
    let bytes: Vec<u8> =
        features.pixels.iter().flat_map(|grey| [(grey.clamp(0.0, 1.0) * 255.0).round() as u8; 3]).collect();
    Picture::from_rgb(features.side, features.side, &bytes)
}
