use super::slot::Slot;
use crate::Result;
use crate::chat::{ChatStyle, Piece, Turn};
use crate::tokenizer::TextTokenizer;

/// What is asked about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words<'a> {
    /// Find the phrases of a report.
    Report(&'a str),
    /// Find one phrase, or what bears a name.
    Phrase(&'a str),
    /// Answer, and point at what is named.
    Question(&'a str),
}

impl Words<'_> {
    /// What is asked, with the request.
    ///
    /// # Source
    /// uMedGround's request at test time, for a report and for a phrase alike.
    fn request(self) -> String {
        match self {
            Self::Report(text) | Self::Phrase(text) => {
                format!("{text} Please divide this report into phrases and output bounding boxes.")
            }
            Self::Question(text) => format!("{text} Please answer, and output bounding boxes of what you name."),
        }
    }
}

/// The conversation up to the answer, with places for `image_tokens`.
///
/// # Errors
/// When the vocabulary lacks a token of the style.
pub fn prompt(tokenizer: &TextTokenizer, style: ChatStyle, words: Words, image_tokens: usize) -> Result<Vec<Slot>> {
    let mut slots = vec![];
    for piece in style.prompt(&[Turn::user_with_picture(words.request())]) {
        match piece {
            Piece::Special(token) => slots.push(Slot::Token(tokenizer.id(token)?)),
            Piece::Text(text) => slots.extend(tokenizer.encode(&text)?.into_iter().map(Slot::Token)),
            Piece::Picture => slots.extend((0..image_tokens).map(Slot::Image)),
        }
    }
    Ok(slots)
}
