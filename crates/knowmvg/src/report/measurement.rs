//! Sizes given in millimetres or centimetres.

use std::ops::Range;

use super::token::{Token, TokenKind};

/// A number, optionally `x` further numbers, and a unit, e.g. `2.5 x 3 cm`; as ranges of tokens.
pub(crate) fn measurements(tokens: &[Token]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        match measurement_end(tokens, i) {
            Some(end) => {
                found.push(i..end);
                i = end;
            }
            None => i += 1,
        }
    }
    found
}

fn measurement_end(tokens: &[Token], start: usize) -> Option<usize> {
    let mut i = start;
    loop {
        let token = tokens.get(i)?;
        if token.kind != TokenKind::Number {
            return None;
        }
        let next = tokens.get(i + 1)?;
        match next.norm.as_str() {
            unit if is_unit(unit) => {
                // `3 cm x 2 cm` is one size.
                let more = tokens.get(i + 2).is_some_and(|t| is_times(&t.norm));
                return more.then(|| measurement_end(tokens, i + 3)).flatten().or(Some(i + 2));
            }
            times if is_times(times) && i - start < 6 => i += 2,
            _ => return None,
        }
    }
}

fn is_unit(word: &str) -> bool {
    ["mm", "cm", "millimeter", "centimeter", "millimetre", "centimetre"].contains(&word)
}

fn is_times(word: &str) -> bool {
    ["x", "×", "by"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::token::tokenize;

    fn first(text: &str) -> Option<&str> {
        let tokens = tokenize(text);
        let range = measurements(&tokens).into_iter().next()?;
        text.get(tokens[range.start].span.start..tokens[range.end - 1].span.end)
    }

    #[test]
    fn finds_sizes_as_written() {
        assert_eq!(first("a 2.5 x 3 cm nodule"), Some("2.5 x 3 cm"));
        assert_eq!(first("a 12mm nodule"), Some("12mm"));
        assert_eq!(first("about 3 cm x 2 cm"), Some("3 cm x 2 cm"));
        assert_eq!(first("3 rib fractures"), None);
    }
}
