//! A report that knows which of its sentences are about the target.

use std::collections::BTreeSet;
use std::ops::Range;

use knowmvg::knowledge::KnowledgeBase;
use knowmvg::report;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::sentence::{Sentence, ranges};
use super::words;

/// Longer reports are refused.
pub const MAX_REPORT_BYTES: usize = 64 * 1024;
/// A corruption adds at most so many bytes; capitals may then make a text three times as long.
pub const MAX_ADDED_BYTES: usize = 16 * 1024;
/// Longer names of findings around the target are not used.
const MAX_NAME_BYTES: usize = 200;
/// Shorter words say nothing about whether two findings may be one.
const TELLING_LETTERS: usize = 4;

/// What a corruption did to the truth of a text; the boxes are never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The text states something about other findings, or a size, that nobody saw.
    Invents,
    /// The text says less about where the target is.
    Vague,
    /// The text says that the target is where it is not.
    Misleads,
}

/// What is known about an image besides the target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Other names of the target: nothing that shares a word with them is added.
    pub target: Vec<String>,
    /// Statements about other findings that the image shows, in words.
    pub elsewhere: Vec<String>,
    /// Names of findings that somebody looked for and that the image does not show.
    pub absent: Vec<String>,
}

/// A text, the sentences that are about the target, and how it was damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub(super) sentences: Vec<Sentence>,
    pub(super) surroundings: Surroundings,
    edits: usize,
    effects: BTreeSet<Effect>,
}

/// Why a text is not taken as a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The text is too long.
    #[error("expected a report of at most {MAX_REPORT_BYTES} bytes, found {0}")]
    TooLong(usize),
    /// A target lies outside of the text or begins or ends inside of a character.
    #[error("expected a target on character boundaries of a text of {bytes} bytes, found bytes {target:?}")]
    NoSuchText {
        /// The target.
        target: Range<usize>,
        /// Length of the text.
        bytes: usize,
    },
}

impl Report {
    /// A text whose targets are at the given bytes; a sentence that shares a byte with one is about it.
    ///
    /// # Errors
    /// When the text is longer than [`MAX_REPORT_BYTES`] or a target is no part of it.
    pub fn new(text: &str, targets: &[Range<usize>]) -> Result<Self, ReportError> {
        if text.len() > MAX_REPORT_BYTES {
            return Err(ReportError::TooLong(text.len()));
        }
        if let Some(target) = targets.iter().find(|target| text.get((*target).clone()).is_none()) {
            return Err(ReportError::NoSuchText { target: target.clone(), bytes: text.len() });
        }
        let sentence = |range: Range<usize>| sentence(text, range, targets);
        let sentences = ranges(text).into_iter().map(sentence).collect();
        Ok(Self { sentences, surroundings: Surroundings::default(), edits: 0, effects: BTreeSet::new() })
    }

    /// A text whose targets are the places, if any, where it says one of the phrases; the case of ASCII letters is ignored.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn about(text: &str, phrases: &[&str]) -> Result<Self, ReportError> {
        let folded = text.to_ascii_lowercase();
        let of_phrase = |phrase: &&str| {
            let phrase = phrase.trim().trim_end_matches('.').to_ascii_lowercase();
            let found = if phrase.is_empty() { None } else { folded.find(&phrase) };
            found.map(|at| at..at + phrase.len())
        };
        let targets: Vec<_> = phrases.iter().filter_map(of_phrase).collect();
        Self::new(text, &targets)
    }

    /// The same report with what is known about the image.
    pub fn with_surroundings(self, surroundings: Surroundings) -> Self {
        Self { surroundings, ..self }
    }

    /// The text.
    pub fn text(&self) -> String {
        self.sentences.iter().flat_map(|sentence| [sentence.text.as_str(), &sentence.gap]).collect()
    }

    /// The sentences that are about the target, in their order.
    pub fn target_sentences(&self) -> impl Iterator<Item = &str> {
        self.sentences.iter().filter(|sentence| sentence.is_target).map(|sentence| sentence.text.as_str())
    }

    /// Changes made so far; what counts as one is said by each corruption.
    pub fn edits(&self) -> usize {
        self.edits
    }

    /// What the changes did to the truth of the text.
    pub fn effects(&self) -> &BTreeSet<Effect> {
        &self.effects
    }

    /// Notes `edits` changes with this effect; without changes there is no effect.
    pub(super) fn note(&mut self, edits: usize, effect: Option<Effect>) {
        self.edits += edits;
        self.effects.extend(effect.filter(|_| edits > 0));
    }

    /// Puts a sentence somewhere between those that are there.
    pub(super) fn insert_anywhere(&mut self, text: String, generator: &mut ChaCha8Rng) {
        let at = generator.random_range(0..=self.sentences.len());
        self.insert(at, text);
    }

    /// Puts a sentence before the sentence `at`, so that neither of its neighbours reads as a part of it.
    pub(super) fn insert(&mut self, at: usize, text: String) {
        let mut sentence = Sentence::new(text);
        sentence.gap = if at < self.sentences.len() { " ".into() } else { String::new() };
        if let Some(before) = at.checked_sub(1).map(|before| &mut self.sentences[before]) {
            if !before.is_closed() {
                before.gap = "\n\n".into();
            } else if before.gap.is_empty() {
                before.gap = " ".into();
            }
        }
        self.sentences.insert(at, sentence);
    }

    /// Whether a finding may be added without saying anything about the target or what else the image shows.
    pub(super) fn is_foreign(&self, name: &str) -> bool {
        let around = [&self.surroundings.target, &self.surroundings.elsewhere];
        let known = self.target_sentences().chain(around.into_iter().flatten().map(String::as_str));
        known.into_iter().all(|text| !share_a_word(name, text) && !name_one_finding(name, text))
    }
}

fn sentence(text: &str, range: Range<usize>, targets: &[Range<usize>]) -> Sentence {
    let content = text[range.clone()].trim_end();
    let end = range.start + content.len();
    Sentence {
        text: content.to_owned(),
        gap: text[end..range.end].to_owned(),
        is_target: targets.iter().any(|target| target.start < end && target.end > range.start),
    }
}

/// Names of a length that may be added to a text.
pub(super) fn usable(names: &[String]) -> impl Iterator<Item = &String> {
    names.iter().filter(|name| !name.trim().is_empty() && name.len() <= MAX_NAME_BYTES)
}

/// Endings of the plural and of the singular that it replaces.
const ENDINGS: [&str; 5] = ["ies", "es", "is", "s", "y"];

/// `opacity` and `opacities` share one, `atelectasis` and `atelectases` too.
fn share_a_word(name: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    let name = name.to_lowercase();
    let is_telling = |word: &&str| word.chars().count() >= TELLING_LETTERS;
    let mut words = words::spans(&name).into_iter().map(|span| &name[span]).filter(is_telling);
    words.any(|word| {
        let stem = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending)).filter(is_telling);
        text.contains(stem.unwrap_or(word))
    })
}

fn name_one_finding(name: &str, text: &str) -> bool {
    let knowledge = KnowledgeBase::chest();
    let Some(id) = report::query(name, knowledge).finding else { return false };
    let related = |other: &str| {
        other == id || knowledge.ancestors(other).contains(&id.as_str()) || knowledge.ancestors(&id).contains(&other)
    };
    report::query(text, knowledge).finding.is_some_and(|other| related(&other))
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    #[test]
    fn the_parts_joined_are_the_text() {
        let text = "  FINDINGS:\n\nSmall left effusion. No mass.\n";
        let report = Report::about(text, &["small LEFT effusion."]).unwrap();
        assert_eq!(report.text(), text);
        assert_eq!(report.target_sentences().collect::<Vec<_>>(), ["Small left effusion."]);
    }

    #[test]
    fn what_is_no_part_of_the_text_is_refused() {
        assert!(matches!(Report::new("ü", from_ref(&(0..1))), Err(ReportError::NoSuchText { .. })));
        assert!(matches!(Report::new("ab", from_ref(&(1..9))), Err(ReportError::NoSuchText { .. })));
        assert_eq!(
            Report::new(&"a".repeat(MAX_REPORT_BYTES + 1), &[]),
            Err(ReportError::TooLong(MAX_REPORT_BYTES + 1))
        );
    }

    #[test]
    fn a_sentence_without_a_full_stop_does_not_swallow_the_next() {
        let mut report = Report::about("Small effusion", &["small effusion"]).unwrap();
        report.insert(1, "No mass.".into());
        assert_eq!(report.text(), "Small effusion\n\nNo mass.");
    }

    #[test]
    fn relatives_of_the_target_are_not_foreign() {
        let report = Report::about("Bibasilar atelectasis is seen.", &["atelectasis"]).unwrap();
        assert!(!report.is_foreign("atelectases") && !report.is_foreign("lobar collapse"));
        assert!(report.is_foreign("pneumothorax"));
    }
}
