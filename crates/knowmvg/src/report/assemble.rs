//! Puts the phrases of a report together, sentence by sentence.

use std::ops::Range;

use super::attach::{Owned, attach, is_interpretation};
use super::index::{BILATERAL, Index};
use super::location::{Location, locations};
use super::mention::{Hit, Kind, MEASUREMENT, hits};
use super::scope::{Cue, Scopes, Verdict};
use super::section;
use super::sentence::{Sentence, sentences};
use super::token::{Token, tokenize};
use super::{Mention, Phrase};
use crate::grounding::{Assertion, Side};

/// A sentence with all that was recognized in it.
pub(crate) struct Reading<'t> {
    pub text: &'t str,
    pub tokens: &'t [Token],
    pub hits: Vec<Hit>,
    pub cues: Vec<Cue>,
}

/// Id of the finding that nothing is found.
const NO_FINDING: &str = "no_finding";

/// All observations of `text`.
pub(crate) fn phrases(text: &str, index: &Index) -> Vec<Phrase> {
    let mut tokens = tokenize(text);
    index.correct(&mut tokens);
    let mut out = Vec::new();
    for sentence in sentences(text, &tokens, index.titles()) {
        if section::is_about_something_else(sentence.section.as_deref()) {
            continue;
        }
        let reading = read(text, &tokens[sentence.tokens.clone()], index);
        add_sentence(&mut out, &reading, &sentence, index);
    }
    out
}

/// Recognizes terms and cues in the tokens of one sentence.
pub(crate) fn read<'t>(text: &'t str, tokens: &'t [Token], index: &Index) -> Reading<'t> {
    let hits = join_comparisons(tokens, hits(tokens, index), index);
    let cues = index.cues(tokens);
    Reading { text, tokens, hits, cues }
}

/// "left greater than right" says both sides.
fn join_comparisons(tokens: &[Token], hits: Vec<Hit>, index: &Index) -> Vec<Hit> {
    let mut joined: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        let side_of = |h: &Hit| if h.kind == Kind::Side { index.side(&h.id) } else { index.place(&h.id).side };
        let opposite = |a: Option<Side>, b: Option<Side>| {
            matches!((a, b), (Some(Side::Left), Some(Side::Right)) | (Some(Side::Right), Some(Side::Left)))
        };
        let compared = |a: &Hit| {
            a.kind == Kind::Side
                && a.range.end < hit.range.start
                && is_comparison(&tokens[a.range.end..hit.range.start])
        };
        let first = joined.iter().rposition(|a| compared(a) && opposite(side_of(a), side_of(&hit)));
        let Some(at) = first else {
            joined.push(hit);
            continue;
        };
        joined[at].id = BILATERAL.to_owned();
        joined[at].range.end = if hit.kind == Kind::Side { hit.range.end } else { hit.range.start + 1 };
        joined.truncate(at + 1);
        if let Some(general) = (hit.kind != Kind::Side).then(|| general_place(tokens, &hit, index)).flatten() {
            joined.push(general);
        }
    }
    joined
}

/// `lower lobe` of "right greater than left lower lobe".
fn general_place(tokens: &[Token], hit: &Hit, index: &Index) -> Option<Hit> {
    let range = hit.range.start + 1..hit.range.end;
    let words: Vec<&str> = tokens[range.clone()].iter().map(|t| t.norm.as_str()).collect();
    let id = index.place_named(&words)?;
    Some(Hit { range, id, ..hit.clone() })
}

fn is_comparison(gap: &[Token]) -> bool {
    let words: Vec<&str> = gap.iter().map(|t| t.norm.as_str()).collect();
    let compares = |w: &str| ["greater", "larger", "more", "worse", "bigger", "smaller", "less", ">", "<"].contains(&w);
    match words.as_slice() {
        [sign] => compares(sign),
        [rest @ .., "than" | "then"] if rest.len() <= 3 => rest.iter().any(|w| compares(w)),
        _ => false,
    }
}

/// Tokens at which a statement starts.
fn statement_starts(tokens: &[Token]) -> Vec<bool> {
    tokens.iter().map(|t| STATEMENT_STARTS.contains(&t.norm.as_str())).collect()
}

/// Words after which another finding is spoken of. Fewer than end a negation: "is seen on the left" goes on.
const STATEMENT_STARTS: [&str; 16] = [
    ";",
    "but",
    "however",
    "although",
    "though",
    "wherea",
    "while",
    "nevertheless",
    "otherwise",
    "additionally",
    "except",
    "there",
    "aber",
    "jedoch",
    "mais",
    "pero",
];

/// Tokens that may begin a new statement after a comma.
fn statement_openers(tokens: &[Token], hits: &[Hit]) -> Vec<bool> {
    let mut opens: Vec<bool> =
        tokens.iter().map(|t| ["a", "an", "the", "there", "also", "but"].contains(&t.norm.as_str())).collect();
    let describes = |h: &&Hit| matches!(h.kind, Kind::Severity | Kind::Size | Kind::Number | Kind::Change);
    hits.iter().filter(describes).for_each(|h| opens[h.range.start] = true);
    opens
}

fn add_sentence(out: &mut Vec<Phrase>, reading: &Reading, sentence: &Sentence, index: &Index) {
    let Reading { tokens, hits, cues, .. } = reading;
    // What is asked is not observed.
    if tokens.last().is_some_and(|t| t.norm == "?") {
        return;
    }
    let scopes = Scopes::new(tokens, cues.clone(), &statement_openers(tokens, hits));
    let owned = attach(tokens, hits, &statement_starts(tokens), |id| index.takes_side(id));
    // What an interpretation in this sentence is about: the finding before it, or what "this finding" refers to.
    let mut subject = out.len().checked_sub(1).filter(|_| refers_back(tokens)).map(Subject::before);
    for owned in &owned {
        let hit = &hits[owned.finding];
        // That nothing is wrong is no finding.
        if hit.id == NO_FINDING {
            continue;
        }
        let is_definite = is_definite(tokens, &hit.range);
        let Some(assertion) = assertion(scopes.verdict(tokens, hit, is_definite)) else { continue };
        let seen = subject.filter(|s| index.takes_side(&hit.id) && s.leads_to(tokens, &hit.range)).map(|s| s.phrases);
        let said = reading.phrases(owned, assertion, sentence.section.as_deref(), index);
        let is_linked = seen.is_some();
        let found = said
            .into_iter()
            .flat_map(|phrase| placed_with(phrase, seen.as_deref().unwrap_or(&[]), out))
            .collect::<Vec<_>>();
        let phrases = found.into_iter().map(|phrase| push_or_merge(out, phrase, is_definite)).collect();
        subject = Some(Subject { phrases, end: hit.range.end, is_linked });
    }
    if owned.is_empty() {
        place_last(out, reading, index);
    }
}

/// The phrases that the next words of a sentence may interpret.
struct Subject {
    /// Their indices.
    phrases: Vec<usize>,
    /// Token after their finding.
    end: usize,
    /// They are interpretations themselves, to which "or" adds another.
    is_linked: bool,
}

impl Subject {
    /// The last phrase of the sentences before.
    fn before(last: usize) -> Self {
        Self { phrases: vec![last], end: 0, is_linked: false }
    }

    fn leads_to(&self, tokens: &[Token], finding: &Range<usize>) -> bool {
        let gap = &tokens[self.end.min(finding.start)..finding.start];
        let joins = |t: &Token| ["or", "versus", "vs", "and", ",", "oder", "/"].contains(&t.norm.as_str());
        let adds = self.is_linked && gap.len() <= MAX_ALTERNATIVE_GAP && gap.iter().any(joins);
        adds || gap.iter().any(|t| is_interpretation(&t.norm))
    }
}

/// Words between two alternatives: "atelectasis or, less likely, pneumonia".
const MAX_ALTERNATIVE_GAP: usize = 5;

fn assertion(verdict: Verdict) -> Option<Assertion> {
    match verdict {
        Verdict::Present => Some(Assertion::Present),
        Verdict::Absent => Some(Assertion::Absent),
        Verdict::Uncertain => Some(Assertion::Uncertain),
        Verdict::NotObserved => None,
    }
}

/// What a finding is interpreted as is where the finding is, on both sides if that was seen on both.
fn placed_with(phrase: Phrase, seen: &[usize], out: &[Phrase]) -> Vec<Phrase> {
    let is_placed = |p: &&Phrase| p.assertion != Assertion::Absent && (p.side.is_some() || !p.places.is_empty());
    let seen: Vec<&Phrase> = seen.iter().map(|&i| &out[i]).filter(is_placed).collect();
    if seen.is_empty() || phrase.side.is_some() || !phrase.places.is_empty() {
        return vec![phrase];
    }
    let at =
        |s: &&Phrase| Phrase { side: s.side, zone: phrase.zone.or(s.zone), places: s.places.clone(), ..phrase.clone() };
    seen.iter().map(at).collect()
}

/// "This finding ...", "Specifically, it ...": the sentence goes on about what was named last.
fn refers_back(tokens: &[Token]) -> bool {
    const REFERENCES: [&str; 9] =
        ["it", "they", "this", "these", "abnormality", "finding", "lesion", "area", "specifically"];
    tokens.iter().take(3).any(|t| REFERENCES.contains(&t.norm.as_str()))
}

impl Reading<'_> {
    /// The phrases of one finding, one per side that its places name.
    pub(crate) fn phrases(
        &self,
        owned: &Owned,
        assertion: Assertion,
        section: Option<&str>,
        index: &Index,
    ) -> Vec<Phrase> {
        let (located, others): (Vec<usize>, Vec<usize>) =
            owned.describing.iter().partition(|&&i| matches!(self.hits[i].kind, Kind::Place | Kind::Side | Kind::Zone));
        let mut locations = locations(self.tokens, &self.hits, &located, index);
        if locations.is_empty() {
            locations.push(Location::default());
        }
        let phrase = |location| self.phrase(owned.finding, location, &others, assertion, section);
        locations.into_iter().map(phrase).collect()
    }

    fn phrase(
        &self,
        finding: usize,
        location: Location,
        others: &[usize],
        assertion: Assertion,
        section: Option<&str>,
    ) -> Phrase {
        let mut used: Vec<usize> = [&[finding], location.hits.as_slice(), others].concat();
        used.sort_by_key(|&i| (self.hits[i].range.start, self.hits[i].range.end));
        used.dedup();
        let span = self.hull(&used);
        let first = |kind: Kind| others.iter().map(|&i| &self.hits[i]).find(|h| h.kind == kind).map(|h| h.id.clone());
        Phrase {
            text: self.text[span.clone()].to_owned(),
            span,
            finding: Some(self.hits[finding].id.clone()),
            places: location.places,
            side: location.side,
            zone: location.zone,
            severity: first(Kind::Severity),
            size: self.size(others),
            number: first(Kind::Number),
            change: first(Kind::Change),
            assertion,
            section: section.map(str::to_owned),
            mentions: used.iter().map(|&i| self.mention(&self.hits[i])).collect(),
        }
    }

    /// A measurement as written, else the id of a word for size.
    pub(crate) fn size(&self, others: &[usize]) -> Option<String> {
        let sizes = || others.iter().map(|&i| &self.hits[i]).filter(|h| h.kind == Kind::Size);
        let measured = sizes().find(|h| h.id == MEASUREMENT).map(|h| self.text[self.span(&h.range)].to_owned());
        measured.or_else(|| sizes().next().map(|h| h.id.clone()))
    }

    pub(crate) fn mention(&self, hit: &Hit) -> Mention {
        let kind = match hit.kind {
            Kind::Finding => "finding",
            Kind::Place => "place",
            _ => "modifier",
        };
        let (id, kind, how) = (hit.id.clone(), kind.to_owned(), hit.how.to_owned());
        Mention { span: self.span(&hit.range), id, kind, how, score: hit.score }
    }

    /// Bytes of a non-empty range of tokens.
    fn span(&self, range: &Range<usize>) -> Range<usize> {
        self.tokens[range.start].span.start..self.tokens[range.end - 1].span.end
    }

    fn hull(&self, used: &[usize]) -> Range<usize> {
        let spans = || used.iter().map(|&i| self.span(&self.hits[i].range));
        spans().map(|s| s.start).min().unwrap_or(0)..spans().map(|s| s.end).max().unwrap_or(0)
    }
}

/// "the effusion", "this nodule": a finding that was named before.
fn is_definite(tokens: &[Token], finding: &Range<usize>) -> bool {
    let before = &tokens[finding.start.saturating_sub(4)..finding.start];
    let determiner =
        before.iter().rev().find(|t| ["the", "this", "these", "a", "an", "its"].contains(&t.norm.as_str()));
    determiner.is_some_and(|t| t.norm != "a" && t.norm != "an")
}

/// A later mention of the same finding adds what it says to the phrase that introduced it.
///
/// Returns where in `out` it is.
fn push_or_merge(out: &mut Vec<Phrase>, phrase: Phrase, is_definite: bool) -> usize {
    let agrees = |earlier: &Phrase| {
        let same_side = earlier.side.is_none() || phrase.side.is_none() || earlier.side == phrase.side;
        earlier.finding == phrase.finding && same_side && earlier.assertion != Assertion::Absent
    };
    let may_merge = is_definite && phrase.assertion != Assertion::Absent;
    let reach = out.len().saturating_sub(MERGE_REACH)..out.len();
    match reach.rev().find(|&i| may_merge && agrees(&out[i])) {
        Some(earlier) => {
            merge(&mut out[earlier], phrase);
            earlier
        }
        None => {
            out.push(phrase);
            out.len() - 1
        }
    }
}

/// How many phrases back a later mention may refer.
const MERGE_REACH: usize = 32;

fn merge(earlier: &mut Phrase, later: Phrase) {
    // A landmark in the midline ("a shift of the mediastinum") does not move the finding there.
    earlier.side = earlier.side.or(later.side.filter(|side| *side != Side::Midline));
    earlier.zone = earlier.zone.or(later.zone);
    if earlier.places.is_empty() {
        earlier.places = later.places;
    }
    earlier.severity = earlier.severity.take().or(later.severity);
    earlier.size = earlier.size.take().or(later.size);
    earlier.number = earlier.number.take().or(later.number);
    earlier.change = earlier.change.take().or(later.change);
    earlier.mentions.extend(later.mentions);
}

/// "It is located in the right upper lobe." places the finding of the sentence before.
fn place_last(out: &mut [Phrase], reading: &Reading, index: &Index) {
    let is_free = |p: &&mut Phrase| p.side.is_none_or(|side| side == Side::Midline);
    let Some(last) = out.last_mut().filter(|_| refers_back(reading.tokens)).filter(is_free) else { return };
    let is_location = |h: &Hit| matches!(h.kind, Kind::Place | Kind::Side | Kind::Zone);
    let located: Vec<usize> = (0..reading.hits.len()).filter(|&i| is_location(&reading.hits[i])).collect();
    let mut found = locations(reading.tokens, &reading.hits, &located, index);
    if found.len() != 1 || last.assertion == Assertion::Absent {
        return;
    }
    let Location { side, zone, places, hits } = found.remove(0);
    (last.side, last.zone, last.places) = (side, last.zone.or(zone), places);
    last.mentions.extend(hits.iter().map(|&i| reading.mention(&reading.hits[i])));
}
