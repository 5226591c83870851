//! The nearest term by its letters, for words that no term matches.

use std::collections::HashMap;

use super::lexicon::{Entry, Lexicon};
use super::node::NodeKind;
use super::normal::normalize;

/// Letters per gram.
const GRAM: usize = 3;
/// Letters of a text that are compared; terms are shorter.
const MAX_CHARS: usize = 96;

/// A term that resembles a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Similar<'k> {
    /// What the term means.
    pub entry: &'k Entry,
    /// The term.
    pub term: &'k str,
    /// Cosine of the two, in `[0, 1]`.
    pub score: f64,
}

/// Terms as unit vectors of their letter trigrams, rare trigrams weighing more (tf-idf).
#[derive(Debug)]
pub(crate) struct Similarity {
    terms: Vec<(String, Vec<Entry>)>,
    /// By trigram: its rarity, and the terms that hold it with their weights.
    postings: HashMap<Gram, Posting>,
}

type Gram = [char; GRAM];

#[derive(Debug, Default)]
struct Posting {
    rarity: f64,
    terms: Vec<(u32, f64)>,
}

impl Similarity {
    /// Over the findings and places of `lexicon`; modifiers are too short to resemble anything reliably.
    pub(crate) fn new(lexicon: &Lexicon) -> Self {
        let mut terms: Vec<(String, Vec<Entry>)> =
            lexicon.iter().map(|(term, entries)| (term.to_owned(), comparable(entries))).collect();
        terms.retain(|(_, entries)| !entries.is_empty());
        // Maps have no order; ties must fall the same way every time.
        terms.sort_by(|a, b| a.0.cmp(&b.0));
        let mut similarity = Self { terms, postings: HashMap::new() };
        similarity.index();
        similarity
    }

    fn index(&mut self) {
        let counts: Vec<HashMap<Gram, f64>> = self.terms.iter().map(|(term, _)| grams(term)).collect();
        for (i, gram) in counts.iter().enumerate().flat_map(|(i, c)| c.keys().map(move |g| (i as u32, *g))) {
            self.postings.entry(gram).or_default().terms.push((i, 0.0));
        }
        let total = counts.len() as f64;
        for posting in self.postings.values_mut() {
            posting.rarity = (1.0 + total / posting.terms.len() as f64).ln();
        }
        let norms: Vec<f64> = counts.iter().map(|c| self.norm(c)).collect();
        for (gram, posting) in &mut self.postings {
            for (i, weight) in &mut posting.terms {
                let at = *i as usize;
                *weight = counts[at].get(gram).copied().unwrap_or(0.0) * posting.rarity / norms[at];
            }
        }
    }

    fn norm(&self, counts: &HashMap<Gram, f64>) -> f64 {
        // Unknown trigrams weigh as the rarest do, so that a text of strange letters resembles nothing.
        let rarest = (1.0 + self.terms.len() as f64).ln();
        let weight = |gram| self.postings.get(gram).map_or(rarest, |p| p.rarity);
        let mut squares: Vec<f64> = counts.iter().map(|(gram, n)| (n * weight(gram)).powi(2)).collect();
        squares.sort_by(f64::total_cmp);
        squares.iter().sum::<f64>().sqrt()
    }

    /// The term of that kind (`finding`, `place`) that resembles `text` most; `None` if nothing does at all.
    pub(crate) fn nearest(&self, text: &str, kind: NodeKind) -> Option<Similar<'_>> {
        let counts = grams(&normalize(text));
        let norm = self.norm(&counts);
        let mut scores: HashMap<u32, f64> = HashMap::new();
        let mut ordered: Vec<(&Gram, &f64)> = counts.iter().collect();
        ordered.sort_by(|a, b| a.0.cmp(b.0));
        for (gram, n) in ordered {
            for (posting, (i, weight)) in
                self.postings.get(gram).into_iter().flat_map(|p| p.terms.iter().map(move |t| (p, t)))
            {
                *scores.entry(*i).or_default() += n * posting.rarity * weight / norm;
            }
        }
        let candidates = scores.into_iter().filter_map(|(i, score)| {
            let (term, entries) = self.terms.get(i as usize)?;
            let entry = entries.iter().find(|e| e.kind == kind)?;
            Some(Similar { entry, term, score: score.clamp(0.0, 1.0) })
        });
        candidates.max_by(|a, b| a.score.total_cmp(&b.score).then_with(|| b.term.cmp(a.term)))
    }
}

fn comparable(entries: &[Entry]) -> Vec<Entry> {
    entries.iter().filter(|e| !matches!(e.kind, NodeKind::Modifier(_))).cloned().collect()
}

/// Trigrams of a normalized text, with a blank at either end so that beginnings and endings count.
fn grams(normalized: &str) -> HashMap<Gram, f64> {
    let letters: Vec<char> = std::iter::once(' ').chain(normalized.chars().take(MAX_CHARS)).chain([' ']).collect();
    let mut counts = HashMap::new();
    for window in letters.windows(GRAM) {
        *counts.entry([window[0], window[1], window[2]]).or_insert(0.0) += 1.0;
    }
    counts
}
