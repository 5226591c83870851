//! Corrects words that are one edit away from a word of the lexicon.
//!
//! Every word of the lexicon is stored under each of its one-letter deletions; a misspelt word meets it there. So a
//! look-up costs the length of the word and not the size of the lexicon.

use std::collections::{HashMap, HashSet};

/// Shorter words have too many real neighbours.
pub(crate) const MIN_LETTERS: usize = 6;
const MAX_LETTERS: usize = 32;

/// Ordinary words one edit away from a medical one.
const NEVER_TYPOS: [&str; 28] = [
    "patient",
    "patients",
    "plural",
    "lingual",
    "section",
    "sections",
    "region",
    "infusion",
    "intensity",
    "capacity",
    "medical",
    "medially",
    "central",
    "lateral",
    "literal",
    "fraction",
    "frontal",
    "massive",
    "lobular",
    "tubular",
    "calcium",
    "station",
    "changed",
    "visible",
    "present",
    "absence",
    "current",
    "lesson",
];

/// The words that may be meant.
#[derive(Debug, Default)]
pub(crate) struct Corrector {
    words: HashSet<String>,
    by_deletion: HashMap<String, Vec<String>>,
}

impl Corrector {
    /// Words of any length are known; those of [`MIN_LETTERS`] or more may be the correction of another.
    pub(crate) fn new(known: impl IntoIterator<Item = String>, targets: impl IntoIterator<Item = String>) -> Self {
        let mut corrector = Self { words: known.into_iter().collect(), ..Self::default() };
        let targets: std::collections::BTreeSet<String> = targets.into_iter().filter(|w| is_candidate(w)).collect();
        for word in targets {
            for shorter in deletions(&word) {
                corrector.by_deletion.entry(shorter).or_default().push(word.clone());
            }
            corrector.words.insert(word);
        }
        corrector
    }

    /// The word of the lexicon that `word` misspells; `None` if it is a word itself or resembles none.
    pub(crate) fn correct(&self, word: &str) -> Option<&str> {
        if !is_candidate(word) || self.words.contains(word) || NEVER_TYPOS.contains(&word) {
            return None;
        }
        let mut candidates: Vec<&str> = deletions(word)
            .iter()
            .filter_map(|shorter| self.by_deletion.get(shorter))
            .flatten()
            .map(String::as_str)
            .filter(|candidate| is_one_edit(word, candidate))
            .collect();
        // A misspelling rarely changes the first letter; among equals the alphabet decides, so that runs agree.
        candidates.sort_by_key(|candidate| (candidate.as_bytes().first() != word.as_bytes().first(), *candidate));
        candidates.first().copied()
    }
}

fn is_candidate(word: &str) -> bool {
    (MIN_LETTERS..=MAX_LETTERS).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase())
}

/// The word itself and the word without each of its letters.
fn deletions(word: &str) -> Vec<String> {
    let without = |i: usize| format!("{}{}", &word[..i], &word[i + 1..]);
    std::iter::once(word.to_owned()).chain((0..word.len()).map(without)).collect()
}

/// One letter inserted, deleted or replaced, or two neighbours swapped. Both words are ASCII.
fn is_one_edit(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let prefix = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[prefix..], &b[prefix..]);
    let suffix = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    match (&a[..a.len() - suffix], &b[..b.len() - suffix]) {
        ([], [_]) | ([_], []) | ([_], [_]) => true,
        ([x, y], [u, v]) => x == v && y == u,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrector() -> Corrector {
        let words = ["effusion", "pneumothorax", "lingula", "opacity"].map(String::from);
        Corrector::new(words.clone(), words)
    }

    #[test]
    fn corrects_one_edit_of_every_kind() {
        for typo in ["efusion", "efffusion", "effuzion", "effuison"] {
            assert_eq!(corrector().correct(typo), Some("effusion"), "{typo}");
        }
    }

    #[test]
    fn leaves_words_far_words_and_short_words() {
        for word in ["effusion", "infusion", "lingual", "opaque", "effus", "pnuemothroax"] {
            assert_eq!(corrector().correct(word), None, "{word}");
        }
    }
}
