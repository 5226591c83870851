//! Words and image → phrases with `e_box`, read by something else than rules: a language model that sees.
//!
//! The decoder has a reader of its own, two layers over the words of one phrase, for which [`report`](crate::report) finds the
//! phrases by rules. A [`PhraseReader`] takes the place of both.

use crate::decoder::Decoder;
use crate::geometry::{Map, Model, Thorax};
use crate::model::input::Features;
use crate::report::Phrase;

/// What a reader may look at.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The image.
    pub features: &'a Features,
    /// Where its lungs are.
    pub model_from_thorax: &'a Map<Model, Thorax>,
    /// The decoder that will ground what is read.
    pub decoder: &'a Decoder<'a>,
}

/// A phrase as a reader understood it.
#[derive(Debug, Clone)]
pub struct ReadPhrase {
    /// Words, and where they stand in the report.
    pub phrase: Phrase,
    /// `e_box`, `[width]` of the decoder.
    pub embed: Vec<f32>,
}

/// What a reader made of a report.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// In the order in which they were named.
    pub phrases: Vec<ReadPhrase>,
    /// What went wrong on the way, without words of the report.
    pub warnings: Vec<String>,
}

/// An answer to a question about an image.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// In words.
    pub text: String,
    /// What the answer points at.
    pub phrases: Vec<ReadPhrase>,
    /// What should be known of how it came about.
    pub warnings: Vec<String>,
}

/// Finds the phrases of a report and reads them for the decoder.
pub trait PhraseReader: Send + Sync {
    /// Name of the model family that the reader makes of the decoder.
    fn name(&self) -> &str;

    /// SHA-256 of all its weights.
    fn sha256(&self) -> &str;

    /// The phrases of a report.
    ///
    /// # Errors
    /// Why it cannot be read, without words of the report.
    fn report(&self, seen: &Seen, report: &str) -> Result<Reading, String>;

    /// `e_box` of phrases that somebody typed, in their order.
    ///
    /// # Errors
    /// Why they cannot be read, without their words.
    fn phrases(&self, seen: &Seen, phrases: &[Phrase]) -> Result<Vec<Vec<f32>>, String>;

    /// Answers a question.
    ///
    /// # Errors
    /// Why it cannot be read, without its words.
    fn question(&self, seen: &Seen, question: &str) -> Result<Reply, String>;
}
