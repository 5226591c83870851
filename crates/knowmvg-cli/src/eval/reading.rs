//! How the words of an item are read for a system that looks: by the model's own reader of reports, if it has one.

use knowmvg::grounder::MAX_PHRASES;
use knowmvg::reader::{PhraseReader, ReadPhrase, Seen};
use knowmvg::report::Phrase;
use knowmvg_eval::Task;

use super::asked::{Text, is_groundable};

/// A phrase, with what another reader than the decoder's made of it.
pub type Read = (Phrase, Option<Vec<f32>>);

/// The words of an item as they were read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Phrases that may have boxes.
    pub phrases: Vec<Read>,
    /// The answer to a question, where the reader gives one.
    pub answer: Option<String>,
}

impl Reading {
    /// By rules.
    pub fn by_rules(text: &Text, seen: &Seen) -> Self {
        let phrases = text.phrases(seen.decoder).into_iter().map(|phrase| (phrase, None)).collect();
        Self { phrases, answer: None }
    }

    /// By a reader; by rules where it fails.
    pub fn by(reader: &dyn PhraseReader, text: &Text, seen: &Seen) -> Self {
        let read = match text.task {
            Task::Report => reader.report(seen, text.words).map(|reading| Self::of(reading.phrases, None)),
            Task::Vqa => reader.question(seen, text.words).map(|reply| Self::of(reply.phrases, Some(reply.text))),
            Task::Phrase | Task::Class => {
                let phrases = text.phrases(seen.decoder);
                let embeds = reader.phrases(seen, &phrases);
                embeds.map(|embeds| Self {
                    phrases: phrases.into_iter().zip(embeds.into_iter().map(Some)).collect(),
                    answer: None,
                })
            }
        };
        let Ok(mut reading) = read else { return Self::by_rules(text, seen) };
        reading.phrases.retain(|(phrase, _)| is_groundable(phrase, seen.decoder));
        reading.phrases.truncate(MAX_PHRASES);
        reading
    }

    fn of(read: Vec<ReadPhrase>, answer: Option<String>) -> Self {
        Self { phrases: read.into_iter().map(|read| (read.phrase, Some(read.embed))).collect(), answer }
    }
}
