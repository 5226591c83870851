//! Decides which finding of a sentence each place, side, severity, size or change belongs to.

use std::ops::Range;

use super::mention::{Hit, Kind};
use super::token::{Token, TokenKind};

/// The farthest that a describing word stands before its finding.
const MAX_LEAD: usize = 10;

const PREPOSITIONS: [&str; 20] = [
    "in",
    "at",
    "on",
    "of",
    "within",
    "along",
    "over",
    "overlying",
    "to",
    "near",
    "involving",
    "affecting",
    "throughout",
    "from",
    "into",
    "im",
    "am",
    "der",
    "beneath",
    "under",
];
const VERBS: [&str; 34] = [
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "has",
    "have",
    "appear",
    "remain",
    "seen",
    "noted",
    "show",
    "demonstrate",
    "reveal",
    "suggest",
    "may",
    "can",
    "could",
    "represent",
    "reflect",
    "indicate",
    "indicating",
    "suggesting",
    "lead",
    "cause",
    "contain",
    "become",
    "measure",
    "measuring",
    "located",
    "present",
    "identified",
    "doe",
];
const FUNCTION_WORDS: [&str; 26] = [
    "either", "the", "a", "an", "there", "it", "they", "this", "that", "which", "with", "without", "by", "for", "no",
    "not", "but", "however", "as", "than", "because", "due", "while", "if", "when", "after",
];
const CONJUNCTIONS: [&str; 9] = ["and", "or", "nor", "und", "oder", "/", "+", "et", "y"];
/// Words that relate a place to a finding without putting the finding there.
const ELSEWHERE: [&str; 8] = ["adjacent", "compared", "relative", "than", "displacing", "next", "abutting", "above"];
/// Words that put a finding, or most of it, where the next words say.
const FOCUS: [&str; 12] = [
    "predominantly",
    "particularly",
    "specifically",
    "especially",
    "mainly",
    "mostly",
    "primarily",
    "predominant",
    "worse",
    "greater",
    "most",
    "more",
];

/// Findings and the describing hits that belong to each.
#[derive(Debug)]
pub(crate) struct Owned {
    /// Index of the finding among the hits.
    pub finding: usize,
    /// Indices of its describing hits, in order.
    pub describing: Vec<usize>,
}

struct Clause<'s> {
    tokens: &'s [Token],
    hits: &'s [Hit],
    /// Indices of the findings among the hits.
    findings: Vec<usize>,
    /// Tokens at which a new statement starts.
    ends: &'s [bool],
    /// Tokens of findings and of what describes them.
    is_named: Vec<bool>,
    /// Tokens that a place, side or zone holds.
    is_location: Vec<bool>,
}

/// The findings of a sentence with what describes them; `takes_place(id)` is false for findings that have no side.
pub(crate) fn attach(tokens: &[Token], hits: &[Hit], ends: &[bool], takes_place: impl Fn(&str) -> bool) -> Vec<Owned> {
    let findings: Vec<usize> = (0..hits.len()).filter(|&i| hits[i].kind == Kind::Finding).collect();
    let is_named = mask(tokens.len(), hits.iter().filter(|h| h.kind != Kind::Certainty));
    let is_location = mask(tokens.len(), hits.iter().filter(|h| is_location(h)));
    let clause = Clause { tokens, hits, findings, ends, is_named, is_location };
    let mut owned: Vec<Owned> =
        clause.findings.iter().map(|&finding| Owned { finding, describing: Vec::new() }).collect();
    for i in 0..hits.len() {
        if let Some(owner) = clause.owner(i, &owned) {
            owned[owner].describing.push(i);
        }
    }
    clause.share(&mut owned, takes_place);
    owned
}

fn mask<'h>(length: usize, hits: impl Iterator<Item = &'h Hit>) -> Vec<bool> {
    let mut held = vec![false; length];
    hits.for_each(|h| held[h.range.clone()].fill(true));
    held
}

impl Clause<'_> {
    /// Position among the findings of the owner of hit `i`.
    fn owner(&self, i: usize, owned: &[Owned]) -> Option<usize> {
        let hit = &self.hits[i];
        if matches!(hit.kind, Kind::Finding | Kind::Certainty) || self.names_the_image(hit) {
            return None;
        }
        let at = |f: usize| &self.hits[self.findings[f]].range;
        let all = 0..self.findings.len();
        if let Some(around) = all.clone().find(|&f| at(f).start < hit.range.end && hit.range.start < at(f).end) {
            return Some(around);
        }
        let next = all.clone().find(|&f| at(f).start >= hit.range.end);
        let previous = all.rev().find(|&f| at(f).end <= hit.range.start);
        let leads = next.filter(|&f| self.leads_to(hit, at(f).start, previous.map(|p| at(p).end)));
        let follows = previous
            .filter(|&f| self.follows(hit, at(f).end, !self.has_place(&owned[f]) || self.continues(&owned[f], hit)));
        let opens = next.filter(|&f| is_location(hit) && self.opens(hit, at(f).start));
        leads.or(follows).or(opens)
    }

    /// `chest` of "chest x-ray".
    fn names_the_image(&self, hit: &Hit) -> bool {
        const IMAGES: [&str; 10] =
            ["x", "xray", "radiograph", "radiography", "film", "ct", "image", "imaging", "view", "examination"];
        let next = self.tokens.get(hit.range.end).map(|t| t.norm.as_str());
        hit.kind == Kind::Place && next.is_some_and(|word| IMAGES.contains(&word))
    }

    fn has_place(&self, owned: &Owned) -> bool {
        owned.describing.iter().any(|&i| is_location(&self.hits[i]))
    }

    /// `bottom` after `right`: the words before it belong to that finding already.
    fn continues(&self, owned: &Owned, hit: &Hit) -> bool {
        owned.describing.last().is_some_and(|&i| self.hits[i].range.end == hit.range.start)
    }

    /// "small left pleural" before "effusion": only describing words and adjectives in between.
    fn leads_to(&self, hit: &Hit, finding_start: usize, previous_end: Option<usize>) -> bool {
        let mut gap = hit.range.end..finding_start;
        if gap.len() > MAX_LEAD {
            return false;
        }
        let joins = |mut range: Range<usize>| range.any(|i| self.is_conjunction(i) || self.tokens[i].norm == ",");
        // "effusion at the left base and right mass", "effusion has decreased and the right mass": the words before
        // the conjunction speak of the finding before.
        let is_last_word =
            |end: usize| self.after_preposition(hit) || (!is_location(hit) && !joins(end..hit.range.start));
        let closes = joins(gap.clone()) && previous_end.is_some_and(is_last_word);
        !closes && gap.all(|i| self.may_lead(hit, i, finding_start))
    }

    fn may_lead(&self, hit: &Hit, i: usize, finding_start: usize) -> bool {
        let token = &self.tokens[i];
        let word = token.norm.as_str();
        // "no change in the left effusion", "several of the nodules"
        if !is_location(hit) && ["in", "of", "the"].contains(&word) {
            return true;
        }
        if self.is_conjunction(i) || word == "," {
            return self.is_location[i + 1..finding_start].contains(&true);
        }
        let is_adjective = token.kind == TokenKind::Word && !is_stop(word) && !is_interpretation(word);
        self.is_named[i] || is_adjective
    }

    /// "effusion ... in the left lower lobe": the same statement, and not the subject of the next one.
    fn follows(&self, hit: &Hit, finding_end: usize, is_free: bool) -> bool {
        let gap = finding_end..hit.range.start;
        if gap.clone().any(|i| self.ends[i]) || (is_location(hit) && self.is_elsewhere(hit)) {
            return false;
        }
        let has_comma = gap.clone().any(|i| self.tokens[i].norm == ",");
        let is_placed = self.after_preposition(hit) || self.after_focus(hit);
        if self.is_subject(hit) && !is_placed {
            return false;
        }
        !is_location(hit) || !has_comma || is_placed || is_free
    }

    /// "the left lung shows an effusion", "in the left lung, there is an effusion".
    fn opens(&self, hit: &Hit, finding_start: usize) -> bool {
        let gap = hit.range.end..finding_start;
        let is_placed = self.after_preposition(hit);
        let commas = gap.clone().filter(|&i| self.tokens[i].norm == "," && !self.interprets(i + 1)).count();
        let goes_on = is_placed || self.is_subject(hit);
        // "In the left lung, there is a nodule" has one comma and "there", which elsewhere starts a new statement.
        let stops = gap.clone().filter(|&i| self.ends[i]).count();
        goes_on
            && commas <= usize::from(is_placed)
            && stops <= usize::from(is_placed && commas == 1)
            && !self.is_elsewhere(hit)
    }

    fn interprets(&self, i: usize) -> bool {
        self.tokens.get(i).is_some_and(|t| is_interpretation(&t.norm))
    }

    fn is_conjunction(&self, i: usize) -> bool {
        CONJUNCTIONS.contains(&self.tokens[i].norm.as_str())
    }

    /// First token of the run of describing words and articles that `hit` stands in.
    fn group_start(&self, hit: &Hit) -> usize {
        let in_group = |i: usize| self.is_location[i] || ["the", "both", "a"].contains(&self.tokens[i].norm.as_str());
        (0..hit.range.start).rev().take_while(|&i| in_group(i)).last().unwrap_or(hit.range.start)
    }

    fn words_before(&self, hit: &Hit, count: usize) -> impl Iterator<Item = &str> {
        let start = self.group_start(hit);
        self.tokens[start.saturating_sub(count)..start].iter().map(|t| t.norm.as_str())
    }

    fn after_preposition(&self, hit: &Hit) -> bool {
        // Terms such as "on the left" begin with theirs.
        let first = self.tokens[hit.range.start].norm.as_str();
        PREPOSITIONS.contains(&first) || self.words_before(hit, 1).any(|w| PREPOSITIONS.contains(&w))
    }

    fn after_focus(&self, hit: &Hit) -> bool {
        self.words_before(hit, 2).any(|w| FOCUS.contains(&w))
    }

    fn is_elsewhere(&self, hit: &Hit) -> bool {
        self.words_before(hit, 3).any(|w| ELSEWHERE.contains(&w))
    }

    fn is_subject(&self, hit: &Hit) -> bool {
        let end = (hit.range.end..self.tokens.len()).find(|&i| !self.is_location[i]);
        is_location(hit) && end.is_some_and(|i| VERBS.contains(&self.tokens[i].norm.as_str()))
    }

    /// Coordinated findings share their place: "effusion and atelectasis at the left base".
    fn share(&self, owned: &mut [Owned], takes_place: impl Fn(&str) -> bool) {
        let wants = |o: &Owned| !self.has_place(o) && takes_place(&self.hits[o.finding].id);
        for later in (1..owned.len()).rev() {
            let end = self.hits[owned[later].finding].range.end;
            if wants(&owned[later - 1]) && self.are_coordinated(owned, later - 1) {
                let shared = self.locations(&owned[later], |range| range.start >= end);
                owned[later - 1].describing.extend(shared);
            }
        }
        for later in 1..owned.len() {
            let start = self.hits[owned[later - 1].finding].range.start;
            if wants(&owned[later]) && self.are_joined(owned, later - 1) {
                let shared = self.locations(&owned[later - 1], |range| range.end <= start);
                owned[later].describing.extend(shared);
            }
        }
    }

    fn locations(&self, owned: &Owned, keep: impl Fn(&Range<usize>) -> bool) -> Vec<usize> {
        let is_kept = |&&i: &&usize| is_location(&self.hits[i]) && keep(&self.hits[i].range);
        owned.describing.iter().filter(is_kept).copied().collect()
    }

    fn gap_after(&self, owned: &[Owned], first: usize) -> Range<usize> {
        let (a, b) = (&self.hits[owned[first].finding].range, &self.hits[owned[first + 1].finding].range);
        a.end.min(b.start)..b.start
    }

    /// Only conjunctions and adjectives between them.
    fn are_coordinated(&self, owned: &[Owned], first: usize) -> bool {
        let mut gap = self.gap_after(owned, first);
        let has_conjunction = gap.clone().any(|i| self.is_conjunction(i) || self.tokens[i].norm == ",");
        let joins = |i: usize| {
            let word = self.tokens[i].norm.as_str();
            self.is_conjunction(i) || word == "," || ["a", "an", "the"].contains(&word) || !is_stop(word)
        };
        has_conjunction && gap.all(joins)
    }

    /// Nothing but a conjunction between them.
    fn are_joined(&self, owned: &[Owned], first: usize) -> bool {
        let gap = self.gap_after(owned, first);
        !gap.is_empty() && gap.clone().all(|i| self.is_conjunction(i))
    }
}

fn is_location(hit: &Hit) -> bool {
    matches!(hit.kind, Kind::Place | Kind::Side | Kind::Zone)
}

fn is_stop(word: &str) -> bool {
    PREPOSITIONS.contains(&word) || VERBS.contains(&word) || FUNCTION_WORDS.contains(&word)
}

/// Words that lead from what is seen to what it is: "opacity in the left lung, suggestive of pneumonia".
pub(crate) fn is_interpretation(word: &str) -> bool {
    const LINKS: [&str; 23] = [
        "suggestive",
        "suggesting",
        "suggest",
        "indicative",
        "indicating",
        "indicate",
        "consistent",
        "compatible",
        "representing",
        "represent",
        "reflecting",
        "reflect",
        "concerning",
        "suspicious",
        "worrisome",
        "due",
        "likely",
        "probably",
        "possibly",
        "associated",
        "characteristic",
        "vereinbar",
        "passend",
    ];
    LINKS.contains(&word)
}
