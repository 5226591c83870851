//! The terms and cues of a knowledge base, indexed for reading.

use std::collections::{HashMap, HashSet};

use super::Zone;
use super::lexicon::Lexicon;
use super::mention::{Kind, LooseTerms, Meaning};
use super::scope::{Cue, CueKind};
use super::section::Titles;
use super::token::{Token, TokenKind};
use super::typo::Corrector;
use crate::grounding::Side;
use crate::knowledge::{Direction, KnowledgeBase, Laterality, ModifierKind, NodeKind, Place};

/// Side and height of a place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct PlaceFacts {
    pub side: Option<Side>,
    pub zone: Option<Zone>,
}

/// Everything that reading needs to know, by term or by id.
#[derive(Debug)]
pub(crate) struct Index {
    terms: Lexicon<Meaning>,
    loose: LooseTerms,
    cues: Lexicon<(CueKind, Direction)>,
    titles: Titles,
    corrector: Corrector,
    places: HashMap<String, PlaceFacts>,
    sideless: HashSet<String>,
}

impl Index {
    pub(crate) fn new(kb: &KnowledgeBase) -> Self {
        let terms = terms(kb);
        let cues = cues(kb);
        let loose = LooseTerms::new(&terms);
        let known = cues.words().chain(terms.words()).cloned().collect::<Vec<_>>();
        let corrector = Corrector::new(known, terms.words().cloned());
        let place = |p: &Place| (p.id.clone(), PlaceFacts { side: p.side, zone: p.zone.map(|level| level.zone()) });
        Self {
            places: kb.places().iter().map(place).collect(),
            sideless: kb
                .findings()
                .iter()
                .filter(|f| f.laterality == Laterality::Midline)
                .map(|f| f.id.clone())
                .collect(),
            titles: titles(kb),
            terms,
            loose,
            cues,
            corrector,
        }
    }

    pub(crate) fn terms(&self) -> &Lexicon<Meaning> {
        &self.terms
    }

    pub(crate) fn loose_terms(&self) -> &LooseTerms {
        &self.loose
    }

    pub(crate) fn titles(&self) -> &Titles {
        &self.titles
    }

    /// Replaces misspelt words by what they misspell.
    pub(crate) fn correct(&self, tokens: &mut [Token]) {
        for token in tokens.iter_mut().filter(|t| t.kind == TokenKind::Word) {
            if let Some(word) = self.corrector.correct(&token.norm) {
                token.norm = word.to_owned();
                token.corrected = true;
            }
        }
    }

    /// The cues in the tokens of a sentence.
    pub(crate) fn cues(&self, tokens: &[Token]) -> Vec<Cue> {
        let cue = |range: &std::ops::Range<usize>, &(kind, direction): &(CueKind, Direction)| Cue {
            range: range.clone(),
            kind,
            direction,
        };
        self.cues.matches(tokens).iter().flat_map(|(range, values)| values.iter().map(|v| cue(range, v))).collect()
    }

    /// Facts about a place; none for an unknown id.
    pub(crate) fn place(&self, id: &str) -> PlaceFacts {
        self.places.get(id).copied().unwrap_or_default()
    }

    /// Whether there is a place with this id.
    pub(crate) fn has_place(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    /// Id of the place that exactly these normalized words name.
    pub(crate) fn place_named(&self, words: &[&str]) -> Option<String> {
        self.terms.exact(words).iter().find(|m| m.kind == Kind::Place).map(|m| m.id.clone())
    }

    /// The side of a modifier.
    pub(crate) fn side(&self, id: &str) -> Option<Side> {
        match id {
            "left" => Some(Side::Left),
            "right" => Some(Side::Right),
            "midline" => Some(Side::Midline),
            BILATERAL => Some(Side::Bilateral),
            _ => None,
        }
    }

    /// The height of a modifier.
    pub(crate) fn zone(&self, id: &str) -> Option<Zone> {
        match id {
            "upper" => Some(Zone::Upper),
            "mid" => Some(Zone::Mid),
            "lower" => Some(Zone::Lower),
            _ => None,
        }
    }

    /// Whether a finding can be on one side.
    pub(crate) fn takes_side(&self, finding: &str) -> bool {
        !self.sideless.contains(finding)
    }
}

/// Id of the modifier for both sides.
pub(crate) const BILATERAL: &str = "bilateral";

/// Short forms that are also ordinary words, and therefore count only in capitals.
const WORDLIKE_ABBREVIATIONS: [&str; 8] = ["cap", "dish", "peg", "la", "as", "pa", "icc", "atx"];

fn terms(kb: &KnowledgeBase) -> Lexicon<Meaning> {
    let mut lexicon = Lexicon::default();
    for node in kb.nodes() {
        let meaning = |how: &'static str| Meaning { id: node.id().to_owned(), kind: kind(node.kind()), how };
        lexicon.insert(node.name(), meaning("exact"));
        let english = node.synonyms().get("en").into_iter().flatten();
        english.for_each(|term| lexicon.insert(term, meaning("synonym")));
        node.abbreviations().iter().for_each(|term| lexicon.insert(term, meaning("abbreviation")));
    }
    // What means something in English keeps that meaning; the other languages fill the gaps.
    for node in kb.nodes() {
        let meaning = || Meaning { id: node.id().to_owned(), kind: kind(node.kind()), how: "synonym" };
        let foreign = node.synonyms().iter().filter(|(language, _)| *language != "en").flat_map(|(_, terms)| terms);
        foreign.for_each(|term| lexicon.insert_if_new(term, meaning()));
    }
    lexicon
}

fn kind(kind: NodeKind) -> Kind {
    match kind {
        NodeKind::Finding => Kind::Finding,
        NodeKind::Place => Kind::Place,
        NodeKind::Modifier(ModifierKind::Side) => Kind::Side,
        NodeKind::Modifier(ModifierKind::Zone) => Kind::Zone,
        NodeKind::Modifier(ModifierKind::Severity) => Kind::Severity,
        NodeKind::Modifier(ModifierKind::Size) => Kind::Size,
        NodeKind::Modifier(ModifierKind::Number) => Kind::Number,
        NodeKind::Modifier(ModifierKind::Change) => Kind::Change,
        NodeKind::Modifier(ModifierKind::Certainty) => Kind::Certainty,
    }
}

fn cues(kb: &KnowledgeBase) -> Lexicon<(CueKind, Direction)> {
    let mut lexicon = Lexicon::default();
    let cues = kb.cues();
    let groups = [
        (&cues.negation, CueKind::Negation),
        (&cues.pseudo_negation, CueKind::Neutral),
        (&cues.uncertainty, CueKind::Uncertainty),
        (&cues.history, CueKind::History),
        (&cues.recommendation, CueKind::Hypothetical),
        (&cues.general, CueKind::Hypothetical),
        (&cues.scope_end, CueKind::ScopeEnd),
    ];
    let all = || groups.iter().flat_map(|(cues, kind)| cues.iter().map(move |c| (c, *kind)));
    for (cue, kind) in all().filter(|(c, _)| c.language.is_none()) {
        lexicon.insert(&cue.text, (kind, cue.direction));
    }
    // `possible` doubts what follows in English and what precedes in French; English is the default.
    for (cue, kind) in all().filter(|(c, _)| c.language.is_some()) {
        lexicon.insert_if_new(&cue.text, (kind, cue.direction));
    }
    lexicon
}

fn titles(kb: &KnowledgeBase) -> Titles {
    Titles::new(kb.cues().sections.iter().flat_map(|s| s.titles.iter().map(|t| (t.clone(), s.id.clone()))))
}

/// Whether an abbreviation is written as such: short forms that are words count only in capitals.
pub(crate) fn is_written_as_abbreviation(token: &Token) -> bool {
    token.is_upper || !WORDLIKE_ABBREVIATIONS.contains(&token.norm.as_str())
}
