//! Words for places left out. One edit is one word.

use std::ops::Range;

use knowmvg::knowledge::KnowledgeBase;
use knowmvg::report;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::words::{replaced, spans};
use super::{Effect, Report, Severity};

/// A list of the protocol's own: with the system's knowledge, the words that it does not know would stay.
const PLACES: &str = "\
    left right bilateral bilaterally unilateral midline upper lower mid middle midlung lobe lobes lobar zone zones third \
    thirds portion aspect apex apices apical base bases basal basilar bibasilar bibasal hilum hila hilar perihilar \
    parahilar suprahilar infrahilar retrocardiac lingula lingular costophrenic cardiophrenic paratracheal paramediastinal \
    medial medially lateral laterally peripheral peripherally central centrally hemithorax lul lll rul rml rll superior \
    inferior superiorly inferiorly";
/// Deleted together with a place that follows, directly or after another of these.
const LEADING: &str = "in on at of within over along involving projecting overlying to the both near";
/// Says nothing without the place before it.
const TRAILING: &str = "lung lungs field fields region side sided part height";
/// Words that cannot be what an article before a place belongs to.
const NO_NOUNS: &str = "is are was were with and or on of in has have since measuring without";

/// Deletes a quarter of the words for places from the target's sentences with each severity; at 4 all of them, together with
/// prepositions that they leave behind. Words that belong to the name of a finding stay.
pub(super) fn delete(report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
    let targets = report.sentences.iter().enumerate().filter(|(_, sentence)| sentence.is_target);
    let words = targets.flat_map(|(at, sentence)| places(&sentence.text).into_iter().map(move |span| (at, span)));
    let mut words: Vec<(usize, Range<usize>)> = words.collect();
    words.shuffle(generator);
    words.truncate(severity.share_of(words.len()));
    words.sort_by_key(|(at, span)| (*at, span.start));
    for chunk in words.chunk_by(|a, b| a.0 == b.0) {
        let sentence = &mut report.sentences[chunk[0].0].text;
        let spans: Vec<_> = chunk.iter().map(|(_, span)| span.clone()).collect();
        *sentence = without(sentence, &spans);
    }
    report.note(words.len(), Some(Effect::Vague));
}

fn places(text: &str) -> Vec<Range<usize>> {
    let findings = names_of_findings(text);
    let is_free = |span: &Range<usize>| !findings.iter().any(|name| name.start < span.end && span.start < name.end);
    spans(text).into_iter().filter(|span| is_one_of(PLACES, &text[span.clone()]) && is_free(span)).collect()
}

fn names_of_findings(text: &str) -> Vec<Range<usize>> {
    let phrases = report::phrases(text, KnowledgeBase::chest());
    let mentions = phrases.into_iter().flat_map(|phrase| phrase.mentions);
    mentions.filter(|mention| mention.kind == "finding").map(|mention| mention.span).collect()
}

fn is_one_of(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed.eq_ignore_ascii_case(word))
}

/// The text without these words, and without prepositions and nouns that only led to them.
fn without(text: &str, deleted: &[Range<usize>]) -> String {
    let all = spans(text);
    let mut gone: Vec<bool> = all.iter().map(|span| deleted.contains(span)).collect();
    for at in 0..all.len() {
        gone[at] |= at > 0 && gone[at - 1] && is_one_of(TRAILING, &text[all[at].clone()]) && joined(text, &all, at - 1);
    }
    for at in (0..all.len()).rev() {
        let leads = at + 1 < all.len() && gone[at + 1] && joined(text, &all, at);
        let ends = all.get(at + 2).is_none()
            || !joined(text, &all, at + 1)
            || gone[at + 2]
            || !is_noun_next(text, &all, at + 2);
        gone[at] |= leads && ends && is_one_of(LEADING, &text[all[at].clone()]);
    }
    let removed: Vec<_> =
        all.into_iter().zip(gone).filter(|(_, gone)| *gone).map(|(span, _)| (span, String::new())).collect();
    tidy(&replaced(text, &removed))
}

/// Whether only a space or a hyphen parts a word from the next.
fn joined(text: &str, all: &[Range<usize>], at: usize) -> bool {
    all.get(at + 1).is_some_and(|next| matches!(&text[all[at].end..next.start], " " | "-"))
}

/// `the left effusion` keeps its article, `in the left upper zone with` does not.
fn is_noun_next(text: &str, all: &[Range<usize>], at: usize) -> bool {
    !is_one_of(NO_NOUNS, &text[all[at].clone()])
}

/// One space between words, none before punctuation, no hyphen without a word before it.
fn tidy(text: &str) -> String {
    let words: Vec<&str> =
        text.split_whitespace().map(|word| word.trim_start_matches('-')).filter(|word| !word.is_empty()).collect();
    let mut out = words.join(" ");
    for mark in [".", ",", ";", ":"] {
        out = out.replace(&format!(" {mark}"), mark);
    }
    // A place between commas leaves both, one at the end leaves one.
    for (left, clean) in [(",,", ","), (",.", ".")] {
        out = out.replace(left, clean);
    }
    out
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn deleted(text: &str) -> String {
        let mut report = Report::new(text, std::slice::from_ref(&(0..text.len()))).unwrap();
        delete(&mut report, Severity::ALL[4], &mut ChaCha8Rng::seed_from_u64(1));
        report.text()
    }

    #[test]
    fn what_leads_to_a_place_goes_with_it() {
        assert_eq!(deleted("There is a nodule in the left upper lobe."), "There is a nodule.");
        assert_eq!(deleted("A small left-sided pleural effusion is seen."), "A small pleural effusion is seen.");
        assert_eq!(
            deleted("Consolidation at the right base with air bronchograms."),
            "Consolidation with air bronchograms."
        );
        assert_eq!(deleted("Mass in the right lung, new."), "Mass, new.");
        assert_eq!(deleted("A mass is evident on the left, superiorly."), "A mass is evident.");
    }

    #[test]
    fn words_that_name_the_finding_stay() {
        assert_eq!(deleted("Hilar enlargement on the right."), "Hilar enlargement.");
    }
}
