//! Titles of the sections of a report, and what the sections mean for the reading.

use std::collections::HashMap;
use std::ops::Range;

use super::token::{Token, TokenKind, tokenize};

/// Titles have at most this many tokens before the colon.
const MAX_TITLE_TOKENS: usize = 10;

/// Normalized titles and the ids of their sections.
#[derive(Debug, Default)]
pub(crate) struct Titles {
    ids: HashMap<String, String>,
}

impl Titles {
    /// From pairs of title and section id.
    pub(crate) fn new(titles: impl IntoIterator<Item = (String, String)>) -> Self {
        let ids = titles.into_iter().map(|(title, id)| (normal(&tokenize(&title)), id)).collect();
        Self { ids }
    }
}

fn normal(tokens: &[Token]) -> String {
    tokens.iter().map(|t| t.norm.as_str()).collect::<Vec<_>>().join(" ")
}

/// Whether what stands in this section is no observation on this image: what was asked, what was known, how it was taken.
pub(crate) fn is_about_something_else(section: Option<&str>) -> bool {
    section.is_some_and(|id| {
        ["indication", "history", "technique", "comparison", "examination", "procedure", "recommendation", "other"]
            .contains(&id)
    })
}

/// Whether the next paragraph belongs to no section, as after an indication that findings follow without a title.
pub(crate) fn ends_with_paragraph(section: Option<&str>) -> bool {
    is_about_something_else(section) && section != Some("recommendation")
}

/// What stands after `Comparison:` when there is nothing to compare with.
const NOTHING: [&str; 10] = [
    "none",
    "none available",
    "none recent",
    "not available",
    "no prior",
    "no priors",
    "keine",
    "aucune",
    "aucun",
    "ninguna",
];

/// Whether a sentence says all that its section has to say, so that what follows on the same line belongs to no section:
/// nothing to compare with, or how the image was taken, in a report in which no other title follows.
pub(crate) fn is_complete(section: Option<&str>, sentence: &[Token], is_last_title: bool) -> bool {
    let words: Vec<&str> = sentence.iter().filter(|t| t.kind == TokenKind::Word).map(|t| t.norm.as_str()).collect();
    match section {
        Some("comparison") => NOTHING.contains(&words.join(" ").as_str()),
        Some("technique") => is_last_title,
        _ => false,
    }
}

/// The title at the start of the piece `range` (tokens, colon included) and its section, `None` for an unknown title.
pub(crate) fn title_at(
    text: &str,
    tokens: &[Token],
    range: Range<usize>,
    titles: &Titles,
) -> Option<(Range<usize>, Option<String>)> {
    let piece = &tokens[range.clone()];
    let colon = piece.iter().take(MAX_TITLE_TOKENS + 1).position(|t| t.norm == ":");
    let length = colon.unwrap_or(piece.len());
    if length == 0 || length > MAX_TITLE_TOKENS {
        return None;
    }
    let known = titles.ids.get(&normal(&piece[..length])).cloned();
    let end = range.start + length + usize::from(colon.is_some());
    match (known, colon) {
        (Some(id), _) => Some((range.start..end, Some(id))),
        (None, Some(_)) if is_upper(text, &piece[..length]) => Some((range.start..end, None)),
        _ => None,
    }
}

fn is_upper(text: &str, title: &[Token]) -> bool {
    let (Some(first), Some(last)) = (title.first(), title.last()) else { return false };
    let written = &text[first.span.start..last.span.end];
    written.chars().any(char::is_uppercase) && !written.chars().any(char::is_lowercase)
}
