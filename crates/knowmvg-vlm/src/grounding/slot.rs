use burn::tensor::{Int, Tensor};

use crate::model::VisionLanguageModel;
use crate::{Error, Result};

/// What stands at one place of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// A token of the vocabulary.
    Token(u32),
    /// One of the image's tokens.
    Image(usize),
    /// One of the knowledge tokens of a phrase.
    Knowledge {
        /// Which phrase of the row.
        phrase: usize,
        /// Which of its tokens.
        index: usize,
    },
    /// `[BOX]`.
    Box,
}

/// What stands in slots that are no tokens of the vocabulary.
pub struct Given {
    /// Image tokens of all rows, `[rows * image tokens, width]`.
    pub images: Tensor<2>,
    /// Knowledge tokens of all rows, `[rows * phrases * prompt_tokens, width]`.
    pub knowledge: Option<Tensor<2>>,
    /// Phrases of a row, padded, and knowledge tokens of a phrase.
    pub phrases: [usize; 2],
    /// `[1, width]`
    pub box_token: Tensor<2>,
}

/// Embeds rows of one length.
///
/// # Shapes
/// - returns `[rows, slots, width]`; a gradient reaches everything that is given
///
/// # Errors
/// When rows differ in length, or a slot points at what is not there.
pub fn embed(model: &VisionLanguageModel, rows: &[Vec<Slot>], given: &Given) -> Result<Tensor<3>> {
    let ids: Vec<Vec<u32>> = rows.iter().map(|row| row.iter().map(|slot| slot.id(0)).collect()).collect();
    let words = model.language().embed(&ids)?;
    let [count, slots, width] = words.dims();
    let [images, width_given] = given.images.dims();
    if width_given != width {
        return Err(Error::Input(format!("expected image tokens of width {width}, found {width_given}")));
    }
    let knowledge = given.knowledge.as_ref().map_or(0, |tokens| tokens.dims()[0]);
    let first = Firsts { images: count * slots, knowledge: count * slots + images };
    let last = first.knowledge + knowledge;
    let mut sources = Vec::with_capacity(count * slots);
    for (index, row) in rows.iter().enumerate() {
        for (at, slot) in row.iter().enumerate() {
            sources.push(match *slot {
                Slot::Token(_) => index * slots + at,
                Slot::Image(image) => first.images + within(index * (images / count) + image, images)?,
                Slot::Knowledge { phrase, index: token } => {
                    let [phrases, tokens] = given.phrases;
                    first.knowledge + within((index * phrases + phrase) * tokens + token, knowledge)?
                }
                Slot::Box => last,
            } as i32);
        }
    }
    let sources = Tensor::<1, Int>::from_data(sources.as_slice(), &words.device());
    let mut all = vec![words.reshape([count * slots, width]), given.images.clone()];
    all.extend(given.knowledge.clone());
    all.push(given.box_token.clone());
    Ok(Tensor::cat(all, 0).select(0, sources).reshape([count, slots, width]))
}

/// What belongs to image tokens, where they stand among the slots; zeros elsewhere.
///
/// # Shapes
/// - `images`: of all rows, `[rows * image tokens, width]`; returns `[rows, slots, width]`
///
/// # Errors
/// When a slot points at what is not there.
pub(super) fn images_alone(rows: &[Vec<Slot>], images: &Tensor<2>) -> Result<Tensor<3>> {
    let (count, slots) = (rows.len(), rows.first().map_or(0, Vec::len));
    let [tokens, width] = images.dims();
    let mut sources = Vec::with_capacity(count * slots);
    for (index, row) in rows.iter().enumerate() {
        for slot in row {
            sources.push(match *slot {
                Slot::Image(image) => within(index * (tokens / count) + image, tokens)? as i32 + 1,
                _ => 0,
            });
        }
    }
    let device = images.device();
    let sources = Tensor::<1, Int>::from_data(sources.as_slice(), &device);
    let all = Tensor::cat(vec![Tensor::zeros([1, width], &device), images.clone()], 0);
    Ok(all.select(0, sources).reshape([count, slots, width]))
}

/// Where each kind begins among all rows that are chosen from.
struct Firsts {
    images: usize,
    knowledge: usize,
}

fn within(index: usize, count: usize) -> Result<usize> {
    if index < count { Ok(index) } else { Err(Error::Input(format!("expected a slot below {count}, found {index}"))) }
}

impl Slot {
    /// Its id, or what stands for it where an id has to be: `image` of image tokens, else 0.
    pub fn id(self, image: u32) -> u32 {
        match self {
            Self::Token(id) => id,
            Self::Image(_) => image,
            Self::Knowledge { .. } | Self::Box => 0,
        }
    }
}
