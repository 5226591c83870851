//! Which statement found in a report answers which statement of the truth.
//!
//! One to one, greedily: pairs of the same class first, then pairs that share at least half of their words; within each, the
//! pair with more words in common goes first, then the earlier target, the more confident finding and the earlier finding.
//! Boxes are never looked at, so a good box cannot choose its own truth.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::item::Target;
use crate::prediction::Found;
use crate::words::{overlap, words};

/// Share of words from which on two phrases are taken for the same.
pub const ENOUGH: f64 = 0.5;

/// A statement as words, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    words: Vec<String>,
    has_text: bool,
    label: Vec<String>,
}

impl Named {
    /// The words, or those of the class where there are no others.
    fn new(text: Option<&str>, label: Option<&str>) -> Self {
        let label = label.map(words).unwrap_or_default();
        Self { words: text.map_or_else(|| label.clone(), words), has_text: text.is_some(), label }
    }

    fn of_target(target: &Target) -> Self {
        Self::new(target.text.as_deref(), Some(&target.label))
    }

    fn of_found(found: &Found) -> Self {
        Self::new(found.text.as_deref(), found.label.as_deref())
    }

    fn has_label_of(&self, other: &Self) -> bool {
        !self.label.is_empty() && self.label == other.label
    }

    /// Names of two classes are not compared word by word: pleural effusion is no pleural thickening.
    fn may_be_said_as(&self, other: &Self) -> bool {
        (self.has_text && other.has_text) || self.label.is_empty() || other.label.is_empty()
    }
}

/// A target and a finding that could be one statement.
struct Candidate {
    target: usize,
    found: usize,
    same_label: bool,
    overlap: f64,
}

/// For each target the finding that answers it, by class, then by words.
pub fn matched(targets: &[Target], findings: &[Found]) -> Vec<Option<usize>> {
    let candidate = |(target, t): (usize, &Named), (found, f): (usize, &Named)| {
        let (same_label, overlap) = (t.has_label_of(f), overlap(&t.words, &f.words));
        (same_label || (overlap >= ENOUGH && t.may_be_said_as(f))).then_some(Candidate {
            target,
            found,
            same_label,
            overlap,
        })
    };
    pair_up(targets, findings, candidate)
}

/// For each target the finding that shares at least half of its words.
pub fn matched_by_words(targets: &[Target], findings: &[Found]) -> Vec<Option<usize>> {
    let candidate = |(target, t): (usize, &Named), (found, f): (usize, &Named)| {
        let overlap = overlap(&t.words, &f.words);
        (overlap >= ENOUGH).then_some(Candidate { target, found, same_label: false, overlap })
    };
    pair_up(targets, findings, candidate)
}

/// Number of findings that equal a target word for word, each target counting once.
pub fn equal_phrases(targets: &[Target], findings: &[Found]) -> usize {
    let mut left: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    targets.iter().for_each(|target| *left.entry(Named::of_target(target).words).or_default() += 1);
    let mut take = |found: &&Found| match left.get_mut(&Named::of_found(found).words) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    findings.iter().filter(|found| take(found)).count()
}

fn pair_up(
    targets: &[Target],
    findings: &[Found],
    candidate: impl Fn((usize, &Named), (usize, &Named)) -> Option<Candidate>,
) -> Vec<Option<usize>> {
    let named_targets: Vec<Named> = targets.iter().map(Named::of_target).collect();
    let named_findings: Vec<Named> = findings.iter().map(Named::of_found).collect();
    let mut candidates = Vec::new();
    for target in named_targets.iter().enumerate() {
        candidates.extend(named_findings.iter().enumerate().filter_map(|found| candidate(target, found)));
    }
    let confidence = |c: &Candidate| findings[c.found].boxes.first().map_or(0.0, |b| b.confidence);
    candidates.sort_by(|a, b| {
        let by_words = Reverse(a.same_label).cmp(&Reverse(b.same_label)).then(b.overlap.total_cmp(&a.overlap));
        let by_confidence = || confidence(b).total_cmp(&confidence(a));
        by_words.then(a.target.cmp(&b.target)).then_with(by_confidence).then(a.found.cmp(&b.found))
    });
    one_to_one(&candidates, targets.len(), findings.len())
}

/// Takes candidates in order, as long as neither side is taken.
fn one_to_one(candidates: &[Candidate], targets: usize, findings: usize) -> Vec<Option<usize>> {
    let mut of_target = vec![None; targets];
    let mut is_taken = vec![false; findings];
    for candidate in candidates {
        if of_target[candidate.target].is_none() && !is_taken[candidate.found] {
            of_target[candidate.target] = Some(candidate.found);
            is_taken[candidate.found] = true;
        }
    }
    of_target
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(label: &str, text: &str) -> Target {
        Target { label: label.into(), text: Some(text.into()), boxes: Vec::new() }
    }

    fn found(label: Option<&str>, text: &str) -> Found {
        let label = label.map(str::to_owned);
        Found { text: Some(text.into()), label, boxes: Vec::new(), presence: None, heat: None }
    }

    #[test]
    fn the_class_goes_before_the_words() {
        let targets = [target("Effusion", "fluid at the left base")];
        let findings = [found(None, "fluid at the left base"), found(Some("effusion"), "pleural liquid")];
        assert_eq!(matched(&targets, &findings), [Some(1)]);
        assert_eq!(matched_by_words(&targets, &findings), [Some(0)]);
    }

    #[test]
    fn names_of_classes_are_the_same_or_not() {
        let label_only = Found { text: None, ..found(Some("pleural thickening"), "") };
        let targets = [target("pleural effusion", "pleural effusion")];
        assert_eq!(matched(&targets, std::slice::from_ref(&label_only)), [None]);
        assert_eq!(matched(&targets, &[Found { label: Some("Pleural effusion".into()), ..label_only }]), [Some(0)]);
    }

    #[test]
    fn within_a_class_the_words_decide() {
        let targets = [target("effusion", "left effusion"), target("effusion", "right effusion")];
        let findings = [found(Some("effusion"), "a right effusion"), found(Some("effusion"), "a left effusion")];
        assert_eq!(matched(&targets, &findings), [Some(1), Some(0)]);
    }

    #[test]
    fn a_finding_answers_one_target_only() {
        let targets = [target("mass", "mass"), target("mass", "mass")];
        assert_eq!(matched(&targets, &[found(None, "mass")]), [Some(0), None]);
        assert_eq!(equal_phrases(&targets[..1], &[found(None, "Mass."), found(None, "mass")]), 1);
    }

    #[test]
    fn too_few_words_in_common_are_no_match() {
        let targets = [target("nodule", "nodule of the right upper lobe")];
        assert_eq!(matched(&targets, &[found(None, "atelectasis of the base")]), [None]);
        assert_eq!(equal_phrases(&targets, &[found(None, "nodule of the upper lobe")]), 0);
    }
}
