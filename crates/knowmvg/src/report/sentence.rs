//! Cuts a report into sentences, each with the section it stands in.

use std::ops::Range;

use super::section::{self, Titles};
use super::token::{Token, TokenKind};

/// Longer sentences are cut, which keeps the work per token bounded on text that never ends a sentence.
pub(crate) const MAX_SENTENCE_TOKENS: usize = 200;

/// A line this short that is followed by a capital letter was not wrapped but ended.
const SHORT_LINE_BYTES: usize = 56;

const ABBREVIATIONS: [&str; 14] =
    ["dr", "mr", "mrs", "ms", "vs", "approx", "fig", "prof", "ca", "bzw", "bds", "li", "re", "resp"];

/// Words after which a sentence goes on, whatever the line break says.
const OPEN_WORDS: [&str; 22] = [
    "a", "an", "the", "of", "in", "at", "and", "or", "with", "without", "no", "to", "for", "by", "is", "are", "on",
    "from", "der", "die", "und", "im",
];

/// A run of tokens that says one thing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sentence {
    /// Range of token indices.
    pub tokens: Range<usize>,
    /// Id of the section, if a title announced one.
    pub section: Option<String>,
}

/// All sentences of `text`, whose tokens are `tokens`.
pub(crate) fn sentences(text: &str, tokens: &[Token], titles: &Titles) -> Vec<Sentence> {
    let mut out = Vec::new();
    let mut section: Option<String> = None;
    let mut is_empty_section = true;
    let pieces = pieces(text, tokens);
    let titles: Vec<_> = pieces.iter().map(|range| section::title_at(text, tokens, range.clone(), titles)).collect();
    let last_title = titles.iter().rposition(Option::is_some).unwrap_or(0);
    for (index, (range, title)) in pieces.into_iter().zip(titles).enumerate() {
        if starts_paragraph(text, tokens, range.start)
            && !is_empty_section
            && section::ends_with_paragraph(section.as_deref())
        {
            section = None;
        }
        let mut body = range;
        if let Some((title, id)) = title {
            section = id;
            is_empty_section = true;
            body.start = title.end;
        }
        is_empty_section &= body.is_empty();
        if !body.is_empty() {
            let is_complete = section::is_complete(section.as_deref(), &tokens[body.clone()], index >= last_title);
            out.push(Sentence { tokens: body, section: section.clone() });
            section = section.filter(|_| !is_complete);
        }
    }
    out
}

fn pieces(text: &str, tokens: &[Token]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    for i in 0..tokens.len() {
        let is_long = i + 1 - start >= MAX_SENTENCE_TOKENS;
        if i + 1 == tokens.len() || is_long || ends_sentence(text, tokens, i) {
            out.push(start..i + 1);
            start = i + 1;
        }
    }
    out
}

/// The bytes between token `i` and the one after it; empty at the end of the text.
fn gap<'t>(text: &'t str, tokens: &[Token], i: usize) -> &'t str {
    let after = tokens.get(i + 1).map_or(text.len(), |t| t.span.start);
    tokens.get(i).and_then(|t| text.get(t.span.end..after)).unwrap_or("")
}

fn ends_sentence(text: &str, tokens: &[Token], i: usize) -> bool {
    let gap = gap(text, tokens, i);
    match tokens[i].norm.as_str() {
        "." => gap.contains(char::is_whitespace) && !follows_abbreviation(text, tokens, i),
        "!" => true,
        // `?pneumonia` and `? pneumonia` ask about what follows; `effusion?` asks about what stands before.
        "?" => i > 0 && self::gap(text, tokens, i - 1).is_empty(),
        _ => gap.contains('\n') && ends_line(text, tokens, i, gap),
    }
}

fn follows_abbreviation(text: &str, tokens: &[Token], stop: usize) -> bool {
    let Some(before) = stop.checked_sub(1).map(|i| &tokens[i]) else { return false };
    let is_attached = before.span.end == tokens[stop].span.start;
    let next_is_lower = tokens.get(stop + 1).is_some_and(|t| starts_lower(text, t));
    let is_initial = before.kind == TokenKind::Word && before.span.len() == 1;
    is_attached
        && (is_initial || (ABBREVIATIONS.contains(&before.norm.as_str()) && (next_is_lower || before.norm.len() > 1)))
}

fn starts_lower(text: &str, token: &Token) -> bool {
    text.get(token.span.clone()).and_then(|t| t.chars().next()).is_some_and(char::is_lowercase)
}

fn ends_line(text: &str, tokens: &[Token], i: usize, gap: &str) -> bool {
    let Some(next) = tokens.get(i + 1) else { return true };
    if is_blank_line(gap) || has_list_mark(gap) || is_numbered(tokens, i + 1) {
        return true;
    }
    let line_start = text[..tokens[i].span.end].rfind('\n').map_or(0, |n| n + 1);
    let is_short = tokens[i].span.end - line_start < SHORT_LINE_BYTES;
    let is_open = OPEN_WORDS.contains(&tokens[i].norm.as_str()) || tokens[i].norm == ",";
    is_short && !is_open && next.kind == TokenKind::Word && !starts_lower(text, next)
}

fn is_blank_line(gap: &str) -> bool {
    gap.bytes().filter(|b| *b == b'\n').count() >= 2
}

/// `-`, `*`, `•` or `#` at the start of a line.
fn has_list_mark(gap: &str) -> bool {
    gap.rsplit('\n').next().is_some_and(|line| line.trim_start().starts_with(['-', '*', '•', '#', '–']))
}

/// `1.` or `2)`.
fn is_numbered(tokens: &[Token], i: usize) -> bool {
    tokens[i].kind == TokenKind::Number && tokens.get(i + 1).is_some_and(|t| [".", ")"].contains(&t.norm.as_str()))
}

fn starts_paragraph(text: &str, tokens: &[Token], first: usize) -> bool {
    first.checked_sub(1).is_some_and(|before| is_blank_line(gap(text, tokens, before)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::token::tokenize;

    fn cut(text: &str) -> Vec<(&str, Option<String>)> {
        let tokens = tokenize(text);
        let titles =
            Titles::new(["indication", "findings", "comparison", "technique"].map(|name| (name.into(), name.into())));
        let span = |s: &Sentence| tokens[s.tokens.start].span.start..tokens[s.tokens.end - 1].span.end;
        sentences(text, &tokens, &titles).into_iter().map(|s| (&text[span(&s)], s.section)).collect()
    }

    fn texts(text: &str) -> Vec<&str> {
        cut(text).into_iter().map(|(t, _)| t).collect()
    }

    #[test]
    fn full_stops_end_sentences_and_decimals_do_not() {
        assert_eq!(texts("A 3.5 cm mass. No effusion."), ["A 3.5 cm mass.", "No effusion."]);
        assert_eq!(
            texts("Seen by Dr. Who vs. others at 9 A.M. today."),
            ["Seen by Dr. Who vs. others at 9 A.M. today."]
        );
    }

    #[test]
    fn wrapped_lines_join_and_lists_split() {
        assert_eq!(texts("There is a\nPort and a small\neffusion"), ["There is a\nPort and a small\neffusion"]);
        assert_eq!(texts("Small effusion\nNo pneumothorax"), ["Small effusion", "No pneumothorax"]);
        assert_eq!(texts("- effusion\n- mass"), ["effusion", "mass"]);
    }

    #[test]
    fn sections_carry_on_until_the_next_title() {
        let found = cut("INDICATION: cough.\nFINDINGS: Mass. Effusion.");
        assert_eq!(
            found.iter().map(|(_, s)| s.as_deref()).collect::<Vec<_>>(),
            [Some("indication"), Some("findings"), Some("findings")]
        );
    }

    #[test]
    fn an_indication_ends_with_its_paragraph() {
        let found = cut("Indication: pneumonia.\n\nThe heart is large.");
        assert_eq!(found.last().and_then(|(_, s)| s.clone()), None);
    }

    #[test]
    fn a_comparison_with_nothing_ends_with_its_sentence() {
        let sections = |text| cut(text).into_iter().map(|(_, section)| section).collect::<Vec<_>>();
        let comparison = || Some("comparison".to_owned());
        assert_eq!(sections("Comparison: none. Mass. Effusion."), [comparison(), None, None]);
        assert_eq!(sections("Comparison: chest radiograph. Mass."), [comparison(), comparison()]);
        assert_eq!(sections("Indication: none. Mass."), [Some("indication".to_owned()), Some("indication".to_owned())]);
    }

    #[test]
    fn a_technique_that_no_title_follows_ends_with_its_sentence() {
        let sections = |text| cut(text).into_iter().map(|(_, section)| section).collect::<Vec<_>>();
        let technique = || Some("technique".to_owned());
        assert_eq!(sections("Technique: chest radiograph. Mass. Effusion."), [technique(), None, None]);
        let findings = Some("findings".to_owned());
        assert_eq!(
            sections("Technique: two views. Dual energy. Findings: mass."),
            [technique(), technique(), findings]
        );
    }

    #[test]
    fn endless_sentences_are_cut() {
        let text = "word ".repeat(1_000);
        let tokens = tokenize(&text);
        let titles = Titles::new([]);
        assert!(sentences(&text, &tokens, &titles).iter().all(|s| s.tokens.len() <= MAX_SENTENCE_TOKENS));
    }
}
