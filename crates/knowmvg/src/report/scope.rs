//! How far a cue for negation, doubt, history or advice reaches, and what that makes of a mention.

use std::ops::Range;

use super::mention::Hit;
use super::token::Token;
use crate::knowledge::Direction;

/// What a cue says about the mentions in its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CueKind {
    Negation,
    Uncertainty,
    /// It was so, or was known before.
    History,
    /// Advice, definitions, possible causes and consequences: true of such patients, not seen in this one.
    Hypothetical,
    /// The statement ends here.
    ScopeEnd,
    /// Contains the words of another cue without its meaning, as `no change`.
    Neutral,
}

/// One cue in a sentence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cue {
    /// Tokens of the sentence.
    pub range: Range<usize>,
    pub kind: CueKind,
    pub direction: Direction,
}

/// What the sentence says of a mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Present,
    Absent,
    Uncertain,
    /// No observation about this image.
    NotObserved,
}

/// The cues of one sentence with the tokens they reach.
#[derive(Debug)]
pub(crate) struct Scopes {
    cues: Vec<(Cue, Range<usize>)>,
}

const ALTERNATIVES: [&str; 8] = ["or", "nor", "versus", "vs", "oder", "ou", "o", "/"];
const CONJUNCTIONS: [&str; 5] = ["and", "or", "nor", "und", "oder"];

impl Scopes {
    /// `opens_statement[i]`: a new statement may begin at token `i` after a comma or `and`, as at `small` or `there`.
    pub(crate) fn new(tokens: &[Token], cues: Vec<Cue>, opens_statement: &[bool]) -> Self {
        let ends = statement_ends(tokens, &cues);
        let reach = |cue: &Cue| {
            let start = match cue.direction {
                Direction::Forward => cue.range.start,
                _ => backward_start(tokens, &ends, cue),
            };
            let end = match cue.direction {
                Direction::Backward => cue.range.end,
                _ => forward_end(tokens, &ends, opens_statement, cue),
            };
            start..end
        };
        let cues = cues
            .into_iter()
            .filter(|cue| !matches!(cue.kind, CueKind::ScopeEnd | CueKind::Neutral))
            .map(|cue| (cue.clone(), reach(&cue)))
            .collect();
        Self { cues }
    }

    /// What the cues make of a mention at these tokens.
    ///
    /// `is_definite`: it is "the effusion", this patient's, whatever is said of it afterwards.
    pub(crate) fn verdict(&self, tokens: &[Token], hit: &Hit, is_definite: bool) -> Verdict {
        let mention = &hit.range;
        let over = |kind| self.covering(hit, kind);
        let negation = nearest(over(CueKind::Negation), mention);
        let is_aside = |(cue, _): &(&Cue, &Range<usize>)| !is_definite || cue.range.start < mention.end;
        if let Some((aside, _)) = over(CueKind::Hypothetical).filter(is_aside).chain(over(CueKind::History)).next() {
            // "no abnormality such as effusion" denies the example too.
            let denies_example =
                negation.is_some_and(|(n, reach)| n.range.end <= aside.range.start && reach.end >= mention.end);
            return if denies_example && aside.kind == CueKind::Hypothetical {
                Verdict::Absent
            } else {
                Verdict::NotObserved
            };
        }
        match (negation, nearest(over(CueKind::Uncertainty), mention)) {
            (None, None) => Verdict::Present,
            (Some(_), None) => Verdict::Absent,
            (None, Some(_)) => Verdict::Uncertain,
            (Some((no, _)), Some((may, _))) if supersedes(tokens, no, may, mention) => Verdict::Uncertain,
            _ => Verdict::Absent,
        }
    }

    /// Cues that reach the head of the mention, its last word. A cue between its words ("heart is not enlarged") speaks of
    /// it too; one that belongs to the term ("absent breast") does not.
    fn covering(&self, hit: &Hit, kind: CueKind) -> impl Iterator<Item = (&Cue, &Range<usize>)> {
        let (mention, is_apart) = (hit.range.clone(), hit.is_apart);
        let covers = move |(cue, reach): &&(Cue, Range<usize>)| {
            let head = mention.end.saturating_sub(1);
            let is_inside = mention.start <= cue.range.start && cue.range.end <= mention.end;
            cue.kind == kind && reach.contains(&head) && !cue.range.contains(&head) && (is_apart || !is_inside)
        };
        self.cues.iter().filter(covers).map(|(cue, reach)| (cue, reach))
    }
}

fn nearest<'c>(
    cues: impl Iterator<Item = (&'c Cue, &'c Range<usize>)>,
    mention: &Range<usize>,
) -> Option<(&'c Cue, &'c Range<usize>)> {
    cues.min_by_key(|(cue, _)| distance(cue, mention))
}

fn distance(cue: &Cue, mention: &Range<usize>) -> usize {
    mention.end.saturating_sub(cue.range.end).max(cue.range.start.saturating_sub(mention.start))
}

/// Whether doubt replaces denial: it stands nearer, and a comma or conjunction separates it from the denial.
/// "No mass, possible effusion" doubts the effusion; "no mass to suggest cancer" denies the cancer.
fn supersedes(tokens: &[Token], no: &Cue, may: &Cue, mention: &Range<usize>) -> bool {
    if distance(may, mention) >= distance(no, mention) {
        return false;
    }
    let between = no.range.end.min(may.range.start)..may.range.start.max(no.range.end);
    tokens[between].iter().any(|t| t.norm == "," || CONJUNCTIONS.contains(&t.norm.as_str()))
}

fn statement_ends(tokens: &[Token], cues: &[Cue]) -> Vec<bool> {
    let mut ends: Vec<bool> = tokens.iter().map(|t| [";", ":", ".", "!"].contains(&t.norm.as_str())).collect();
    for cue in cues.iter().filter(|c| c.kind == CueKind::ScopeEnd) {
        ends[cue.range.start] = true;
    }
    ends
}

fn forward_end(tokens: &[Token], ends: &[bool], opens: &[bool], cue: &Cue) -> usize {
    let from = cue.range.end;
    let stop = (from..tokens.len()).find(|&i| ends[i]).unwrap_or(tokens.len());
    if cue.kind == CueKind::Hypothetical {
        return stop;
    }
    let last_alternative =
        (from..stop).rev().find(|&i| ALTERNATIVES.contains(&tokens[i].norm.as_str())).unwrap_or(from);
    let breaks = |i: usize| match tokens[i].norm.as_str() {
        "," if i < last_alternative => false,
        "," => cue.kind != CueKind::Negation || opens_after(tokens, opens, i),
        "and" | "und" => cue.kind != CueKind::Uncertainty && opens_after(tokens, opens, i),
        _ => false,
    };
    (from..stop).find(|&i| breaks(i)).unwrap_or(stop)
}

fn opens_after(tokens: &[Token], opens: &[bool], mark: usize) -> bool {
    let next = if tokens.get(mark + 1).is_some_and(|t| t.norm == "and") { mark + 2 } else { mark + 1 };
    opens.get(next).copied().unwrap_or(false)
}

fn backward_start(tokens: &[Token], ends: &[bool], cue: &Cue) -> usize {
    let to = cue.range.start;
    // "Pneumothorax: none."
    let stop = (0..to).rev().find(|&i| ends[i] && tokens[i].norm != ":").map_or(0, |i| i + 1);
    let Some(comma) = (stop..to).rev().find(|&i| tokens[i].norm == ",") else { return stop };
    let is_list = tokens[comma..to].iter().any(|t| CONJUNCTIONS.contains(&t.norm.as_str()));
    if is_list { stop } else { comma + 1 }
}
