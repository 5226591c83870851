//! What a user typed: a phrase, the name of a class, or a question.

use std::ops::Range;

use super::Phrase;
use super::assemble::{Reading, read};
use super::attach::attach;
use super::index::Index;
use super::location::locations;
use super::mention::{Hit, Kind};
use super::scope::{Scopes, Verdict};
use super::sentence::MAX_SENTENCE_TOKENS;
use super::token::tokenize;
use crate::grounding::Assertion;

/// The whole text as one phrase about its first finding.
pub(crate) fn query(text: &str, index: &Index) -> Phrase {
    let mut tokens = tokenize(text);
    tokens.truncate(MAX_SENTENCE_TOKENS);
    index.correct(&mut tokens);
    let reading = read(text, &tokens, index);
    let phrase = about_finding(&reading, index).unwrap_or_else(|| about_place(&reading, index));
    let span = trimmed(text);
    Phrase { text: text[span.clone()].to_owned(), span, ..phrase }
}

fn trimmed(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..(start + text.trim().len())
}

fn about_finding(reading: &Reading, index: &Index) -> Option<Phrase> {
    let ends = vec![false; reading.tokens.len()];
    let owned = attach(reading.tokens, &reading.hits, &ends, |id| index.takes_side(id));
    let first = owned.first()?;
    let assertion = assertion(reading, &reading.hits[first.finding]);
    let mut phrase = reading.phrases(first, assertion, None, index).into_iter().next()?;
    // In a query every word describes the one finding, wherever it stands: "Left lung: nodule?"
    let rest = about_place(reading, index);
    if phrase.side.is_none() && phrase.places.is_empty() {
        (phrase.side, phrase.zone, phrase.places) = (rest.side, phrase.zone.or(rest.zone), rest.places);
    }
    phrase.mentions = rest.mentions;
    Some(phrase)
}

/// A question asserts nothing, so it is looked for as if it were there.
fn assertion(reading: &Reading, finding: &Hit) -> Assertion {
    let is_question = reading.tokens.iter().any(|t| t.norm == "?");
    let openers = vec![false; reading.tokens.len()];
    match Scopes::new(reading.tokens, reading.cues.clone(), &openers).verdict(reading.tokens, finding, true) {
        Verdict::Absent if !is_question => Assertion::Absent,
        Verdict::Uncertain if !is_question => Assertion::Uncertain,
        _ => Assertion::Present,
    }
}

fn about_place(reading: &Reading, index: &Index) -> Phrase {
    let is_location = |h: &Hit| matches!(h.kind, Kind::Place | Kind::Side | Kind::Zone);
    let all: Vec<usize> = (0..reading.hits.len()).collect();
    let located: Vec<usize> = all.iter().copied().filter(|&i| is_location(&reading.hits[i])).collect();
    let location = locations(reading.tokens, &reading.hits, &located, index).into_iter().next().unwrap_or_default();
    let first = |kind: Kind| reading.hits.iter().find(|h| h.kind == kind).map(|h| h.id.clone());
    Phrase {
        span: 0..0,
        text: String::new(),
        finding: None,
        places: location.places,
        side: location.side,
        zone: location.zone,
        severity: first(Kind::Severity),
        size: reading.size(&all),
        number: first(Kind::Number),
        change: first(Kind::Change),
        assertion: Assertion::Present,
        section: None,
        mentions: reading.hits.iter().map(|h| reading.mention(h)).collect(),
    }
}
