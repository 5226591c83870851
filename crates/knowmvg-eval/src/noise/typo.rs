//! Misspelt words. One edit is one word.

use std::ops::Range;

use knowmvg::grounding::{Assertion, Side};
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::report;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::words::{in_case_of, replaced, spans};
use super::{Report, Severity};

/// Shorter words are mostly grammar, and one letter away from each other: `no`, `now`, `on`.
const MIN_LETTERS: usize = 5;
/// Bounds the work on a long text.
const MAX_TYPOS: usize = 64;
/// Neighbours on an English keyboard, row by row.
const KEYBOARD: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// Misspells 3, 6, 12 or 25 of 100 longer words, at least one, at most 64: two letters swapped, one left out or hit beside it.
///
/// A misspelling may hide a finding. One that would make another finding, place, side or denial is not made: the boxes would
/// no longer be the truth of the text.
pub(super) fn misspell(report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
    let mut words: Vec<(usize, Range<usize>)> = Vec::new();
    for (at, sentence) in report.sentences.iter().enumerate() {
        words.extend(eligible(&sentence.text).into_iter().map(|span| (at, span)));
    }
    let count = (words.len() * severity.pick([0, 3, 6, 12, 25])).div_ceil(100).min(MAX_TYPOS);
    words.shuffle(generator);
    // As many tries as typos are wanted and a few more: refusals must not make the work grow with the text.
    let mut changes: Vec<(usize, Range<usize>, String)> = Vec::new();
    for (at, span) in words.into_iter().take(2 * MAX_TYPOS) {
        if changes.len() == count {
            break;
        }
        let typo = typo(&report.sentences[at].text[span.clone()], generator);
        if let Some(typo) = typo.filter(|typo| is_harmless(&report.sentences[at].text, &span, typo)) {
            changes.push((at, span, typo));
        }
    }
    write(report, changes);
}

fn write(report: &mut Report, mut changes: Vec<(usize, Range<usize>, String)>) {
    changes.sort_by_key(|(at, span, _)| (*at, span.start));
    for chunk in changes.chunk_by(|a, b| a.0 == b.0) {
        let sentence = &mut report.sentences[chunk[0].0].text;
        let words: Vec<_> = chunk.iter().map(|(_, span, typo)| (span.clone(), typo.clone())).collect();
        *sentence = replaced(sentence, &words);
    }
    report.note(changes.len(), None);
}

fn eligible(text: &str) -> Vec<Range<usize>> {
    let is_long_and_ascii = |span: &Range<usize>| span.len() >= MIN_LETTERS && text[span.clone()].is_ascii();
    spans(text).into_iter().filter(is_long_and_ascii).collect()
}

/// A misspelling of an ASCII word that keeps its first and its last letter; `None` if it would be the word itself.
fn typo(word: &str, generator: &mut ChaCha8Rng) -> Option<String> {
    let mut letters: Vec<char> = word.to_ascii_lowercase().chars().collect();
    let at = generator.random_range(1..letters.len() - 2);
    match generator.random_range(0..3) {
        0 => letters.swap(at, at + 1),
        1 => drop(letters.remove(at)),
        _ => letters[at] = *neighbours(letters[at]).choose(generator)?,
    }
    let typo: String = letters.into_iter().collect();
    in_case_of(word, &typo).filter(|typo| typo != word)
}

fn neighbours(letter: char) -> Vec<char> {
    let Some(row) = KEYBOARD.iter().find(|row| row.contains(letter)) else { return Vec::new() };
    let at = row.find(letter).expect("the row was chosen for it");
    [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter_map(|near| row[..].chars().nth(near)).collect()
}

/// Whether the sentence says nothing with the misspelling that it did not say before.
///
/// Each word is checked in the sentence without the other misspellings: those were checked alike.
fn is_harmless(sentence: &str, span: &Range<usize>, typo: &str) -> bool {
    let before = Reading::of(sentence);
    let after = Reading::of(&replaced(sentence, &[(span.clone(), typo.to_owned())]));
    after.is_within(&before)
}

/// What a sentence says, to somebody who reads through misspellings.
struct Reading {
    statements: Vec<(Option<String>, Assertion, Option<Side>)>,
    words: Vec<String>,
}

impl Reading {
    fn of(sentence: &str) -> Self {
        let phrases = report::phrases(sentence, KnowledgeBase::chest());
        let words = phrases.iter().flat_map(|phrase| &phrase.mentions).map(|mention| mention.id.clone()).collect();
        let statements = phrases.into_iter().map(|phrase| (phrase.finding, phrase.assertion, phrase.side)).collect();
        Self { statements, words }
    }

    fn is_within(&self, other: &Self) -> bool {
        let told = |(finding, assertion, side): &(Option<String>, Assertion, Option<Side>)| {
            let mut same = other.statements.iter().filter(|(f, a, _)| f == finding && a == assertion);
            same.any(|(_, _, s)| side.is_none() || s == side)
        };
        self.statements.iter().all(told) && self.words.iter().all(|id| other.words.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_typo_is_one_slip() {
        let mut generator = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..200 {
            let Some(typo) = typo("Effusion", &mut generator) else { continue };
            assert!(typo.starts_with('E') && typo.ends_with('n') && typo != "Effusion");
            assert!((7..=8).contains(&typo.len()), "{typo}");
        }
    }

    #[test]
    fn a_typo_that_names_something_else_is_refused() {
        assert!(!is_harmless("A large infusion.", &(8..16), "effusion"));
        assert!(!is_harmless("Lungs without effusion.", &(6..13), "with"), "the denial must not be lost");
        assert!(is_harmless("A large effusion.", &(8..16), "efusion"));
    }
}
