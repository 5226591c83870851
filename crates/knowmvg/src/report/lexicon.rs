//! Terms and cues, indexed by their first word for the longest match.

use std::collections::HashMap;
use std::ops::Range;

use super::token::{Token, TokenKind, tokenize};

/// Terms longer than this are not matched; it bounds the work per token.
const MAX_TERM_TOKENS: usize = 12;

/// Values by sequences of normalized words.
#[derive(Debug)]
pub(crate) struct Lexicon<Value> {
    /// By first word; the longest term first.
    by_first: HashMap<String, Vec<Term<Value>>>,
}

#[derive(Debug)]
struct Term<Value> {
    words: Vec<String>,
    values: Vec<Value>,
}

impl<Value> Default for Lexicon<Value> {
    fn default() -> Self {
        Self { by_first: HashMap::new() }
    }
}

impl<Value: PartialEq> Lexicon<Value> {
    /// Adds a term; several values may share one.
    pub(crate) fn insert(&mut self, text: &str, value: Value) {
        let words: Vec<String> = tokenize(text).into_iter().map(|t| t.norm).collect();
        if words.is_empty() || words.len() > MAX_TERM_TOKENS {
            return;
        }
        let terms = self.by_first.entry(words[0].clone()).or_default();
        match terms.iter_mut().find(|t| t.words == words) {
            Some(term) if term.values.contains(&value) => {}
            Some(term) => term.values.push(value),
            None => {
                let at = terms.iter().position(|t| t.words.len() < words.len()).unwrap_or(terms.len());
                terms.insert(at, Term { words, values: vec![value] });
            }
        }
    }

    /// Adds a term unless these words name something already.
    pub(crate) fn insert_if_new(&mut self, text: &str, value: Value) {
        let words: Vec<String> = tokenize(text).into_iter().map(|t| t.norm).collect();
        if self.exact(&words).is_empty() {
            self.insert(text, value);
        }
    }

    /// The longest term that starts at token `start`, with its length in tokens.
    pub(crate) fn longest(&self, tokens: &[Token], start: usize) -> Option<(usize, &[Value])> {
        let terms = self.by_first.get(&tokens.get(start)?.norm)?;
        terms.iter().find(|t| starts_with(&tokens[start..], &t.words)).map(|t| (t.words.len(), t.values.as_slice()))
    }

    /// The values of exactly these words.
    pub(crate) fn exact<Word: AsRef<str>>(&self, words: &[Word]) -> &[Value] {
        let terms = words.first().and_then(|first| self.by_first.get(first.as_ref()));
        let same = |t: &&Term<Value>| t.words.iter().map(String::as_str).eq(words.iter().map(AsRef::as_ref));
        terms.and_then(|terms| terms.iter().find(same)).map_or(&[], |t| &t.values)
    }

    /// Non-overlapping longest matches, from left to right.
    pub(crate) fn matches(&self, tokens: &[Token]) -> Vec<(Range<usize>, &[Value])> {
        let mut found = Vec::new();
        let mut i = 0;
        while i < tokens.len() {
            let step = self.longest(tokens, i).map_or(1, |(length, values)| {
                found.push((i..i + length, values));
                length
            });
            i += step;
        }
        found
    }

    /// Every word of every term.
    pub(crate) fn words(&self) -> impl Iterator<Item = &String> {
        self.by_first.values().flatten().flat_map(|t| &t.words)
    }

    /// Every term with its values.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (&[String], &[Value])> {
        self.by_first.values().flatten().map(|t| (t.words.as_slice(), t.values.as_slice()))
    }
}

fn starts_with(tokens: &[Token], words: &[String]) -> bool {
    tokens.len() >= words.len() && tokens.iter().zip(words).all(|(t, w)| &t.norm == w)
}

/// Whether a token may stand inside a term, as `of` in `collapse of the lung`.
pub(crate) fn is_word(token: &Token) -> bool {
    token.kind == TokenKind::Word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_term_wins() {
        let mut lexicon = Lexicon::default();
        lexicon.insert("effusion", 1);
        lexicon.insert("pleural effusions", 2);
        lexicon.insert("pleural", 3);
        let tokens = tokenize("Pleural effusion, effusions");
        let found: Vec<_> = lexicon.matches(&tokens).into_iter().map(|(range, values)| (range, values[0])).collect();
        assert_eq!(found, [(0..2, 2), (3..4, 1)]);
    }
}
