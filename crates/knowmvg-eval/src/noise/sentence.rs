//! Where a text can be taken apart so that its pieces joined are the text again.
//!
//! The reader of reports has rules of its own for this; the protocol must not depend on the system that it examines.

use std::ops::Range;

/// Longer sentences are cut, so that work on one sentence is bounded.
pub(super) const MAX_SENTENCE_BYTES: usize = 2_048;
/// A full stop after these ends no sentence.
const ABBREVIATIONS: [&str; 8] = ["dr", "vs", "approx", "prof", "mr", "mrs", "e.g", "i.e"];

/// Words and punctuation of a sentence, then the white space behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// Without the white space behind it.
    pub text: String,
    /// White space up to the next sentence.
    pub gap: String,
    /// Whether it says something about the target.
    pub is_target: bool,
}

impl Sentence {
    /// A whole sentence that says nothing about the target.
    pub fn new(text: String) -> Self {
        Self { text, gap: String::new(), is_target: false }
    }

    /// Whether a sentence behind it would be read as one of its own.
    pub fn is_closed(&self) -> bool {
        self.text.is_empty() || self.text.ends_with(['.', '!', '?', ':']) || self.gap.contains("\n\n")
    }
}

/// Byte ranges of the sentences, white space behind them included; they cover the text.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = end_of_sentence(text, start);
        found.push(start..end);
        start = end;
    }
    found
}

fn end_of_sentence(text: &str, start: usize) -> usize {
    let limit = cut(text, start);
    let mut letters = text[start..limit].char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let end = start + at + letter.len_utf8();
        if next.is_some_and(char::is_whitespace) && ends_here(text, start, end, letter) {
            return after_white_space(text, end);
        }
    }
    after_white_space(text, limit)
}

/// Where a sentence that finds no end is cut.
fn cut(text: &str, start: usize) -> usize {
    let limit = text.floor_char_boundary(start + MAX_SENTENCE_BYTES);
    if limit == text.len() {
        return limit;
    }
    text[start..limit].rfind(char::is_whitespace).filter(|at| *at > 0).map_or(limit, |at| start + at)
}

/// Whether `letter`, which ends at `end` and is followed by white space, ends the sentence.
fn ends_here(text: &str, start: usize, end: usize, letter: char) -> bool {
    let rest = &text[end..];
    let next = rest.trim_start();
    let gap = &rest[..rest.len() - next.len()];
    let goes_on = next.starts_with(char::is_lowercase);
    match letter {
        '.' => !goes_on && !is_abbreviation(&text[start..end]),
        '!' | '?' => true,
        _ => gap.contains('\n') && !goes_on || gap.matches('\n').count() > 1,
    }
}

fn is_abbreviation(sentence: &str) -> bool {
    let word = sentence.trim_end_matches('.').rsplit(char::is_whitespace).next().unwrap_or_default();
    word.chars().count() == 1 && word.chars().all(char::is_alphabetic)
        || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

fn after_white_space(text: &str, from: usize) -> usize {
    text.len() - text[from..].trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_up(text: &str) -> Vec<&str> {
        ranges(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn sentences_end_at_full_stops_and_line_ends() {
        assert_eq!(cut_up("A 3.5 cm mass. No effusion."), ["A 3.5 cm mass. ", "No effusion."]);
        assert_eq!(cut_up("FINDINGS:\nSmall effusion\nNo mass"), ["FINDINGS:\n", "Small effusion\n", "No mass"]);
        assert_eq!(cut_up("a wrapped\nline. "), ["a wrapped\nline. "]);
        assert_eq!(cut_up("Seen by Dr. Who vs. Others."), ["Seen by Dr. Who vs. Others."]);
    }

    #[test]
    fn endless_sentences_are_cut_on_character_boundaries() {
        let text = "ü".repeat(3 * MAX_SENTENCE_BYTES);
        assert!(
            ranges(&text).iter().all(|range| range.len() <= MAX_SENTENCE_BYTES && text.get(range.clone()).is_some())
        );
        assert_eq!(cut_up(&text).concat(), text);
    }
}
