//! Finds the words of a sentence that name something in the knowledge base.

use std::collections::HashMap;
use std::ops::Range;

use super::index::{Index, PlaceFacts, is_written_as_abbreviation};
use super::lexicon::{Lexicon, is_word};
use super::measurement::measurements;
use super::token::Token;

/// What a term names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Finding,
    Place,
    Side,
    Zone,
    Severity,
    Size,
    Number,
    Change,
    Certainty,
}

/// A node of the knowledge base and how its term names it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meaning {
    pub id: String,
    pub kind: Kind,
    /// `exact`, `synonym` or `abbreviation`.
    pub how: &'static str,
}

/// Words of a sentence that name a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hit {
    /// Tokens of the sentence.
    pub range: Range<usize>,
    pub id: String,
    pub kind: Kind,
    pub how: &'static str,
    pub score: f64,
    /// Other words stand between its words.
    pub is_apart: bool,
}

/// Id of a size in millimetres or centimetres.
pub(crate) const MEASUREMENT: &str = "measurement";

/// A finding whose words stand apart is looked for in this many tokens.
const WINDOW: usize = 9;

/// Words that may stand between the words of one finding, as in `heart is moderately enlarged`.
const FILLERS: [&str; 40] = [
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "being",
    "appear",
    "appearing",
    "appeared",
    "remain",
    "seem",
    "look",
    "the",
    "a",
    "an",
    "of",
    "in",
    "to",
    "at",
    "within",
    "as",
    "size",
    "again",
    "now",
    "more",
    "most",
    "not",
    "no",
    "has",
    "have",
    "become",
    "with",
    "also",
    "still",
    "both",
    "than",
    "some",
    "which",
    "this",
];

/// Words of a term that need not be there when its words stand apart.
const EMPTY: [&str; 10] = ["is", "are", "the", "a", "an", "of", "in", "to", "on", "with"];

/// Terms of several words that may also be matched with other words between them.
#[derive(Debug, Default)]
pub(crate) struct LooseTerms {
    /// By each of its words.
    by_word: HashMap<String, Vec<(Vec<String>, Meaning)>>,
}

impl LooseTerms {
    /// The terms of two or three words that name findings.
    pub(crate) fn new(lexicon: &Lexicon<Meaning>) -> Self {
        let mut loose = Self::default();
        for (words, meanings) in lexicon.terms() {
            let mut content: Vec<String> = words.iter().filter(|w| !EMPTY.contains(&w.as_str())).cloned().collect();
            content.sort();
            content.dedup();
            let finding = meanings.iter().find(|m| m.kind == Kind::Finding && m.how != "abbreviation");
            if let Some(meaning) = finding.filter(|_| (2..=3).contains(&content.len())) {
                for word in &content {
                    loose.by_word.entry(word.clone()).or_default().push((content.clone(), meaning.clone()));
                }
            }
        }
        for terms in loose.by_word.values_mut() {
            terms.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
            terms.dedup_by(|a, b| a.0 == b.0 && a.1.id == b.1.id);
        }
        loose
    }
}

/// Everything that a sentence names, in the order of the text.
pub(crate) fn hits(tokens: &[Token], index: &Index) -> Vec<Hit> {
    let mut hits = contiguous(tokens, index);
    hits.extend(measurements(tokens).into_iter().map(measurement));
    add_loose(tokens, index.loose_terms(), &mut hits);
    hits.sort_by_key(|h| (h.range.start, h.range.end));
    hits
}

fn measurement(range: Range<usize>) -> Hit {
    Hit { range, id: MEASUREMENT.to_owned(), kind: Kind::Size, how: "exact", score: 1.0, is_apart: false }
}

fn contiguous(tokens: &[Token], index: &Index) -> Vec<Hit> {
    let mut out = Vec::new();
    for (range, meanings) in index.terms().matches(tokens) {
        out.extend(hit(tokens, range.clone(), meanings));
        out.extend(nested(tokens, &range, meanings, index));
    }
    out
}

fn hit(tokens: &[Token], range: Range<usize>, meanings: &[Meaning]) -> Option<Hit> {
    // A term with several meanings names a finding first, then a place.
    let may_mean = |m: &&Meaning| m.how != "abbreviation" || is_written_as_abbreviation(&tokens[range.start]);
    let meaning = meanings.iter().filter(may_mean).min_by_key(|m| m.kind as usize)?;
    let is_corrected = tokens[range.clone()].iter().any(|t| t.corrected);
    let how = if is_corrected { "typo" } else { meaning.how };
    Some(Hit { range, id: meaning.id.clone(), kind: meaning.kind, how, score: score(how), is_apart: false })
}

/// How sure a match is.
fn score(how: &str) -> f64 {
    match how {
        "exact" => 1.0,
        "synonym" => 0.95,
        "abbreviation" => 0.9,
        "apart" => 0.85,
        _ => 0.8,
    }
}

/// What places or grades a finding within its own term, as `apical` in `apical pneumothorax`.
fn nested(tokens: &[Token], range: &Range<usize>, meanings: &[Meaning], index: &Index) -> Vec<Hit> {
    if range.len() < 2 || !meanings.iter().any(|m| m.kind == Kind::Finding) {
        return Vec::new();
    }
    // `pleural` in `pleural effusion` places nothing.
    let tells = |h: &Hit| match h.kind {
        Kind::Side | Kind::Zone | Kind::Severity => true,
        Kind::Place => index.place(&h.id) != PlaceFacts::default(),
        _ => false,
    };
    let inner = |i: usize| hit(tokens, i..i + 1, index.terms().exact(&[&tokens[i].norm])).filter(tells);
    range.clone().filter_map(inner).collect()
}

fn add_loose(tokens: &[Token], loose: &LooseTerms, hits: &mut Vec<Hit>) {
    let mut i = 0;
    while i < tokens.len() {
        let found = loose_at(tokens, loose, hits, i);
        i = found.as_ref().map_or(i + 1, |h| h.range.end);
        if let Some(hit) = found {
            hits.retain(|h| !(h.kind == Kind::Finding && is_inside(&h.range, &hit.range)));
            hits.push(hit);
        }
    }
}

fn is_inside(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn loose_at(tokens: &[Token], loose: &LooseTerms, hits: &[Hit], start: usize) -> Option<Hit> {
    let terms = loose.by_word.get(&tokens[start].norm)?;
    let (range, meaning) = terms.iter().find_map(|(words, m)| Some((window(tokens, hits, start, words)?, m)))?;
    // A finding that is already named there, or that reaches beyond these words, is left alone.
    let clashes = |h: &Hit| {
        let overlaps = h.range.start < range.end && range.start < h.range.end;
        h.kind == Kind::Finding && overlaps && (h.id == meaning.id || !is_inside(&h.range, &range) || h.range.len() > 1)
    };
    if hits.iter().any(clashes) {
        return None;
    }
    let (id, score) = (meaning.id.clone(), score("apart"));
    Some(Hit { range, id, kind: Kind::Finding, how: "synonym", score, is_apart: true })
}

/// The tokens from `start` on that hold all of `words` in any order with nothing but fillers between.
fn window(tokens: &[Token], hits: &[Hit], start: usize, words: &[String]) -> Option<Range<usize>> {
    let mut missing: Vec<&String> = words.iter().collect();
    for (i, token) in tokens.iter().enumerate().skip(start).take(WINDOW) {
        if let Some(at) = missing.iter().position(|w| **w == token.norm) {
            missing.swap_remove(at);
            if missing.is_empty() {
                return Some(start..i + 1);
            }
        } else if !may_stand_between(token, hits, i) {
            return None;
        }
    }
    None
}

fn may_stand_between(token: &Token, hits: &[Hit], i: usize) -> bool {
    let is_modifier = |h: &Hit| h.range.contains(&i) && !matches!(h.kind, Kind::Finding | Kind::Place);
    let is_filler = FILLERS.contains(&token.norm.as_str()) || (token.norm.ends_with("ly") && token.norm.len() > 4);
    is_word(token) && (is_filler || hits.iter().any(is_modifier))
}
