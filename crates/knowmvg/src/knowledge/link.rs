//! From a phrase to the nodes that explain it.

use std::ops::Range;

use serde::Serialize;

use super::base::KnowledgeBase;
use super::node::{Laterality, NodeKind};
use super::normal::words;
use super::region::{hull, region_on};
use crate::geometry::{Box2, Thorax};
use crate::grounding::{KnowledgeMatch, Side};
use crate::report::{Mention, Phrase, Zone};

/// Least cosine at which letters alone make a link; below it, unrelated words begin to resemble each other.
const MIN_SIMILARITY: f64 = 0.7;
/// Least length of the words relative to the term, so that `shadow` alone is no `heart shadow`.
const MIN_LENGTH_RATIO: f64 = 0.6;
/// Words that are compared with a term at once.
const MAX_WINDOW: usize = 4;
/// Unexplained words of one phrase that are compared; bounds the work for hostile text.
const MAX_COMPARED: usize = 48;
/// Typical places that stand in for a place that the phrase does not name.
const MAX_TYPICAL_PLACES: usize = 2;
/// Score of a node that only a relation leads to.
const RELATION_SCORE: f64 = 0.5;

/// Words that carry no medical meaning and so need no node; all in normal form, see [`super::normalize`].
const PLAIN_WORDS: &str = "\
    a an the and or nor of in on at to for with within by from into over along near across through between is are \
    was were be been being has had have do doe did there here this that these those which it its as than then so \
    also again still both all any each other same seen see noted identified present showed shown show demonstrated \
    demonstrate reveal revealed observed visualized appear appearance appeared indicating indicate including include \
    involving overlying throughout especially particularly predominantly mainly mostly specifically more most less \
    very quite rather just about around position located location localized level portion part field half third \
    degree size extent nature image x ray radiograph film view patient finding evidence area region zone where what \
    how side find me please \
    projecting projected der die das den im am und mit de du des la le les en el los las una un et con avec au";

/// What the knowledge base knows about one phrase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Knowledge {
    /// Nodes that the phrase reached, and how; findings first, then places, modifiers, and what only relations add.
    pub matches: Vec<KnowledgeMatch>,
    /// Id of the finding.
    pub finding: Option<String>,
    /// Ids of the places that the phrase names, on its side where they have sides.
    pub places: Vec<String>,
    /// The patient's side, said by the words, a place or the nature of the finding.
    pub side: Option<Side>,
    /// The height, said by the words or a place.
    pub zone: Option<Zone>,
    /// Words that no node explains, in normal form.
    pub missing: Vec<String>,
    /// Share of the meaningful words that some node explains, in `[0, 1]`; 0 if there is no such word.
    pub coverage: f64,
}

impl Knowledge {
    /// Where anatomy alone would look: the named places, else the typical places of the finding, else the side.
    pub fn region(&self, kb: &KnowledgeBase) -> Option<Box2<Thorax>> {
        let named = || hull(self.places.iter().map(String::as_str), self.side, kb);
        let typical = || self.finding.as_deref().and_then(|id| region_on(id, self.side, kb));
        let lung = || region_on("lung", self.side, kb).filter(|_| self.side.is_some() || self.zone.is_some());
        let region = named().or_else(typical).or_else(lung)?;
        Some(if self.places.is_empty() { self.at_height(region) } else { region })
    }

    /// The part of `region` in this phrase's third of the thorax; all of that third if they do not meet.
    fn at_height(&self, region: Box2<Thorax>) -> Box2<Thorax> {
        let (top, bottom) = match self.zone {
            Some(Zone::Upper) => (-0.05, 0.36),
            Some(Zone::Mid) => (0.33, 0.67),
            Some(Zone::Lower) => (0.64, 1.05),
            None => return region,
        };
        let [x0, y0, x1, y1] = region.xyxy();
        let (from, to) = (y0.max(top), y1.min(bottom));
        let (from, to) = if from < to { (from, to) } else { (top, bottom) };
        Box2::from_xyxy([x0, from, x1, to]).unwrap_or(region)
    }
}

/// Links a phrase to the graph and says why for every node.
///
/// Nodes that the report parser recognized come first. Words that it did not recognize are compared with all terms by
/// their letters (`similar`). Nodes that only the graph leads to, such as the left part of a place or the typical
/// place of the finding, are `relation`.
pub fn link(phrase: &Phrase, kb: &KnowledgeBase) -> Knowledge {
    let mut draft = Draft::new(phrase, kb);
    draft.add_similar();
    draft.explain_by_look();
    let side = draft.side();
    draft.put_places_on(side);
    draft.add_typical_places(side);
    draft.finish(side)
}

struct Draft<'a> {
    phrase: &'a Phrase,
    kb: &'a KnowledgeBase,
    matches: Vec<KnowledgeMatch>,
    finding: Option<String>,
    places: Vec<String>,
    unexplained: Vec<(Range<usize>, String)>,
    meaningful: usize,
}

impl<'a> Draft<'a> {
    fn new(phrase: &'a Phrase, kb: &'a KnowledgeBase) -> Self {
        let known = |id: &&String| kb.node(id).is_some();
        let finding = phrase.finding.as_ref().filter(known).cloned();
        let places = phrase.places.iter().filter(|id| kb.place(id).is_some()).cloned().collect();
        let (unexplained, meaningful) = unexplained(phrase, kb);
        let mut draft = Self { phrase, kb, matches: Vec::new(), finding, places, unexplained, meaningful };
        for mention in &phrase.mentions {
            draft.add_mention(mention);
        }
        for id in phrase.finding.iter().chain(&phrase.places) {
            draft.add(id, String::new(), "relation", 1.0);
        }
        draft
    }

    fn add_mention(&mut self, mention: &Mention) {
        let text = inside(self.phrase, mention).unwrap_or_default();
        self.add(&mention.id, text.to_owned(), &mention.how, mention.score);
    }

    /// Adds a node once; ids that the knowledge base lacks, such as a measurement, are no nodes.
    fn add(&mut self, id: &str, matched_text: String, how: &str, score: f64) {
        let Some(node) = self.kb.node(id) else { return };
        if self.matches.iter().any(|m| m.id == id) {
            return;
        }
        let (id, name) = (id.to_owned(), node.name().to_owned());
        self.matches.push(KnowledgeMatch {
            id,
            name,
            kind: node.kind().name().to_owned(),
            matched_text,
            how: how.to_owned(),
            score: score.clamp(0.0, 1.0),
        });
    }

    /// Links unexplained words to the nearest term: the finding if none is known, and places if none is known.
    fn add_similar(&mut self) {
        if self.finding.is_none() {
            self.finding = self.adopt_nearest(NodeKind::Finding);
        }
        if self.places.is_empty() {
            self.places = self.adopt_nearest(NodeKind::Place).into_iter().collect();
        }
    }

    fn adopt_nearest(&mut self, kind: NodeKind) -> Option<String> {
        let windows = windows(&self.unexplained);
        let scored = windows.into_iter().filter_map(|w| {
            let text = self.phrase.text.get(w.clone())?;
            let similar = self.kb.similarity().nearest(text, kind)?;
            (text.len() as f64 >= MIN_LENGTH_RATIO * similar.term.len() as f64).then_some((w, similar))
        });
        // The longer of two equal windows explains more.
        let best = scored.max_by(|a, b| a.1.score.total_cmp(&b.1.score).then(a.0.len().cmp(&b.0.len())));
        let (window, similar) = best.filter(|(_, s)| s.score >= MIN_SIMILARITY)?;
        let id = similar.entry.id.clone();
        let text = self.phrase.text.get(window.clone()).unwrap_or_default().to_owned();
        self.add(&id, text, "similar", similar.score);
        self.unexplained.retain(|(word, _)| word.end <= window.start || window.end <= word.start);
        Some(id)
    }

    /// Words of the finding's own definition and look, as `meniscus` of an effusion, are explained by it.
    fn explain_by_look(&mut self) {
        let finding = self.finding.as_deref().and_then(|id| self.kb.finding(id));
        let texts = finding
            .into_iter()
            .flat_map(|f| [f.definition.as_str()].into_iter().chain(f.attributes.stated().map(|a| a.1)));
        let known: Vec<String> = texts.flat_map(words).map(|(_, word)| word).collect();
        self.unexplained.retain(|(_, word)| !known.contains(word));
    }

    fn side(&self) -> Option<Side> {
        let of_place = || self.places.iter().find_map(|id| self.kb.place(id)?.side);
        let of_finding = || match self.kb.finding(self.finding.as_deref()?)?.laterality {
            Laterality::Midline => Some(Side::Midline),
            Laterality::Bilateral => Some(Side::Bilateral),
            Laterality::Sided | Laterality::Any => None,
        };
        self.phrase.side.or_else(of_place).or_else(of_finding)
    }

    /// `lower_lobe` with a word for left elsewhere is `left_lower_lobe`.
    fn put_places_on(&mut self, side: Option<Side>) {
        let general = std::mem::take(&mut self.places);
        for id in general {
            let place = self.kb.place(&id).filter(|p| p.side.is_none()).and_then(|_| self.kb.place_on_side(&id, side));
            let sided = place.map_or(id, |p| p.id.clone());
            self.add(&sided, String::new(), "relation", 1.0);
            if !self.places.contains(&sided) {
                self.places.push(sided);
            }
        }
    }

    fn add_typical_places(&mut self, side: Option<Side>) {
        let finding = self.finding.as_deref().and_then(|id| self.kb.finding(id));
        let typical = finding.filter(|_| self.places.is_empty()).map_or(&[][..], |f| &f.typical_places);
        for id in typical.iter().take(MAX_TYPICAL_PLACES) {
            if let Some(place) = self.kb.place_on_side(id, side) {
                self.add(&place.id, String::new(), "relation", RELATION_SCORE);
            }
        }
    }

    fn finish(self, side: Option<Side>) -> Knowledge {
        let of_place = || self.places.iter().find_map(|id| self.kb.place(id)?.zone).map(|level| level.zone());
        let zone = self.phrase.zone.or_else(of_place);
        let explained = self.meaningful.saturating_sub(self.unexplained.len());
        let coverage = if self.meaningful == 0 { 0.0 } else { explained as f64 / self.meaningful as f64 };
        let missing = self.unexplained.into_iter().map(|(_, word)| word).collect();
        let mut matches = self.matches;
        matches.sort_by_key(rank);
        Knowledge { matches, finding: self.finding, places: self.places, side, zone, missing, coverage }
    }
}

/// What the words say before what relations add; findings before places before modifiers.
fn rank(found: &KnowledgeMatch) -> (bool, usize) {
    let kind = ["finding", "place", "modifier"].iter().position(|k| *k == found.kind).unwrap_or(3);
    (found.how == "relation", kind)
}

/// The words of a mention, if it lies within the text of the phrase.
fn inside<'p>(phrase: &'p Phrase, mention: &Mention) -> Option<&'p str> {
    let start = mention.span.start.checked_sub(phrase.span.start)?;
    let end = mention.span.end.checked_sub(phrase.span.start)?;
    phrase.text.get(start..end)
}

/// Meaningful words of the phrase that no mention, term or cue holds, and the number of all meaningful words.
fn unexplained(phrase: &Phrase, kb: &KnowledgeBase) -> (Vec<(Range<usize>, String)>, usize) {
    let text = &phrase.text;
    let offset = phrase.span.start;
    let mentions = phrase.mentions.iter().filter(|m| kb.node(&m.id).is_some());
    let mut held: Vec<Range<usize>> =
        mentions.filter_map(|m| Some(m.span.start.checked_sub(offset)?..m.span.end.checked_sub(offset)?)).collect();
    held.extend(kb.lexicon().scan(text).into_iter().map(|found| found.span));
    let mut meaningful = words(text);
    meaningful.retain(|(_, word)| is_meaningful(word) && !kb.is_cue_word(word));
    let total = meaningful.len();
    meaningful.retain(|(word, _)| !held.iter().any(|h| h.start < word.end && word.start < h.end));
    (meaningful, total)
}

fn is_meaningful(word: &str) -> bool {
    let has_letter = word.chars().any(char::is_alphabetic);
    has_letter && word.chars().count() > 1 && !PLAIN_WORDS.split(' ').any(|plain| plain == word)
}

/// Runs of up to [`MAX_WINDOW`] neighbouring unexplained words, as bytes of the phrase.
fn windows(unexplained: &[(Range<usize>, String)]) -> Vec<Range<usize>> {
    let compared = &unexplained[..unexplained.len().min(MAX_COMPARED)];
    let mut found = Vec::new();
    for (i, (first, _)) in compared.iter().enumerate() {
        let mut end = first.start;
        for (word, _) in compared[i..].iter().take(MAX_WINDOW) {
            // One blank or hyphen may stand between neighbours.
            if word.start > end + 1 {
                break;
            }
            end = word.end;
            found.push(first.start..end);
        }
    }
    found
}
