//! [`Lexicon`]: from terms to nodes.

use std::collections::HashMap;
use std::ops::Range;

use super::node::{Node, NodeKind};
use super::normal::{normalize, words};

/// Terms of a knowledge base in their [`normalize`]d form, and the nodes that each names.
#[derive(Debug, Default)]
pub struct Lexicon {
    terms: HashMap<String, Vec<Entry>>,
    longest: usize,
}

/// One meaning of a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id of the node.
    pub id: String,
    /// Which list the node is from.
    pub kind: NodeKind,
    /// How the term names it.
    pub how: How,
    /// ISO 639-1.
    pub language: String,
}

/// How a term names a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// Its preferred name.
    Exact,
    /// Another name.
    Synonym,
    /// A short form.
    Abbreviation,
}

impl How {
    /// As [`KnowledgeMatch`](crate::grounding::KnowledgeMatch) says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Synonym => "synonym",
            Self::Abbreviation => "abbreviation",
        }
    }

    /// How sure such a match is, in `[0, 1]`.
    pub fn score(self) -> f64 {
        match self {
            Self::Exact => 1.0,
            Self::Synonym => 0.95,
            Self::Abbreviation => 0.9,
        }
    }
}

/// A term in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct TermMatch<'k> {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What it may mean, findings first.
    pub entries: &'k [Entry],
}

impl Lexicon {
    /// Of the names, synonyms and abbreviations of `nodes`.
    pub(super) fn new<'k>(nodes: impl Iterator<Item = Node<'k>>) -> Self {
        let mut lexicon = Self::default();
        for node in nodes {
            for (term, how, language) in terms(node) {
                lexicon.insert(
                    term,
                    Entry { id: node.id().to_owned(), kind: node.kind(), how, language: language.to_owned() },
                );
            }
        }
        for entries in lexicon.terms.values_mut() {
            entries.sort_by(|a, b| (a.kind, a.how, &a.id).cmp(&(b.kind, b.how, &b.id)));
        }
        lexicon
    }

    /// The first way in which a term names a node stays.
    fn insert(&mut self, term: &str, entry: Entry) {
        let key = normalize(term);
        if key.is_empty() {
            return;
        }
        self.longest = self.longest.max(key.split(' ').count());
        let entries = self.terms.entry(key).or_default();
        if !entries.iter().any(|e| e.id == entry.id) {
            entries.push(entry);
        }
    }

    /// The meanings of a text, which is normalized first.
    pub fn lookup(&self, text: &str) -> &[Entry] {
        self.get(&normalize(text))
    }

    /// The meanings of a term that is already normalized.
    pub fn get(&self, normalized: &str) -> &[Entry] {
        self.terms.get(normalized).map_or(&[], Vec::as_slice)
    }

    /// Words of the longest term.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Number of terms.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether there is no term.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Every term with its meanings, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Entry])> {
        self.terms.iter().map(|(term, entries)| (term.as_str(), entries.as_slice()))
    }

    /// The terms of a text, longest first from left to right, without overlap.
    pub fn scan(&self, text: &str) -> Vec<TermMatch<'_>> {
        let words = words(text);
        let mut found = Vec::new();
        let mut i = 0;
        while i < words.len() {
            let longest =
                (1..=self.longest.min(words.len() - i)).rev().find_map(|n| Some((n, self.term(&words[i..i + n])?)));
            if let Some((n, entries)) = longest {
                found.push(TermMatch { span: words[i].0.start..words[i + n - 1].0.end, entries });
            }
            i += longest.map_or(1, |(n, _)| n);
        }
        found
    }

    fn term(&self, words: &[(Range<usize>, String)]) -> Option<&[Entry]> {
        let key: Vec<&str> = words.iter().map(|(_, word)| word.as_str()).collect();
        self.terms.get(&key.join(" ")).map(Vec::as_slice)
    }
}

/// Every term of a node: its name, its abbreviations, its synonyms.
pub(super) fn terms<'k>(node: Node<'k>) -> impl Iterator<Item = (&'k str, How, &'k str)> {
    let name = std::iter::once((node.name(), How::Exact, "en"));
    let short = node.abbreviations().iter().map(|term| (term.as_str(), How::Abbreviation, "en"));
    let others = node
        .synonyms()
        .iter()
        .flat_map(|(language, list)| list.iter().map(move |term| (term.as_str(), How::Synonym, language.as_str())));
    name.chain(short).chain(others)
}
