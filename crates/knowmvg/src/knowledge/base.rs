//! [`KnowledgeBase`]: everything known about one kind of image.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::OnceLock;

use super::cue::Cues;
use super::error::KnowledgeError;
use super::graph::{Graph, Relation};
use super::lexicon::Lexicon;
use super::load::{Files, Parsed};
use super::manifest::Manifest;
use super::modifier::{Modifier, ModifierKind, Modifiers};
use super::node::{Finding, Node, Place};
use super::normal::words;
use super::similarity::Similarity;
use super::validate::validate;
use crate::grounding::Side;

/// Findings, places, modifiers and cues of one kind of image, checked, indexed and immutable.
#[derive(Debug)]
pub struct KnowledgeBase {
    parsed: Parsed,
    positions: HashMap<String, Position>,
    lexicon: Lexicon,
    graph: Graph,
    /// Built when a phrase first needs it, which most never do.
    similarity: OnceLock<Similarity>,
    cue_words: HashSet<String>,
}

/// Where a node stands in its list.
#[derive(Debug, Clone, Copy)]
enum Position {
    Finding(usize),
    Place(usize),
    Modifier(ModifierKind, usize),
}

impl KnowledgeBase {
    /// The built-in knowledge about frontal chest radiographs, read once.
    ///
    /// # Panics
    /// When the data that was compiled in is invalid, which the tests exclude.
    pub fn chest() -> &'static Self {
        static CHEST: OnceLock<KnowledgeBase> = OnceLock::new();
        CHEST.get_or_init(|| match Files::chest().parse().and_then(Self::new) {
            Ok(kb) => kb,
            Err(error) => panic!("the built-in knowledge base is invalid: {error}"),
        })
    }

    /// The knowledge in the five JSON files of `folder`.
    ///
    /// # Errors
    /// When a file is missing, too large, not of the expected form, or contradicts itself or another one.
    pub fn from_folder(folder: &Path) -> Result<Self, KnowledgeError> {
        Self::new(Files::read(folder)?.parse()?)
    }

    fn new(parsed: Parsed) -> Result<Self, KnowledgeError> {
        validate(&parsed)?;
        let positions = positions(&parsed);
        let lexicon = Lexicon::new(nodes(&parsed));
        let graph = Graph::new(&parsed);
        let cue_words = cue_words(&parsed.cues);
        Ok(Self { parsed, positions, lexicon, graph, similarity: OnceLock::new(), cue_words })
    }

    /// Version, sources and licence.
    pub fn manifest(&self) -> &Manifest {
        &self.parsed.manifest
    }

    /// All findings, in the order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.parsed.findings
    }

    /// All places, in the order of the file.
    pub fn places(&self) -> &[Place] {
        &self.parsed.places
    }

    /// All modifiers.
    pub fn modifiers(&self) -> &Modifiers {
        &self.parsed.modifiers
    }

    /// All cues.
    pub fn cues(&self) -> &Cues {
        &self.parsed.cues
    }

    /// Every node: findings, places, modifiers.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        nodes(&self.parsed)
    }

    /// The finding of that id.
    pub fn finding(&self, id: &str) -> Option<&Finding> {
        match self.positions.get(id)? {
            Position::Finding(i) => self.parsed.findings.get(*i),
            _ => None,
        }
    }

    /// The place of that id.
    pub fn place(&self, id: &str) -> Option<&Place> {
        match self.positions.get(id)? {
            Position::Place(i) => self.parsed.places.get(*i),
            _ => None,
        }
    }

    /// The modifier of that id and what it says.
    pub fn modifier(&self, id: &str) -> Option<(ModifierKind, &Modifier)> {
        match self.positions.get(id)? {
            Position::Modifier(kind, i) => Some((*kind, self.parsed.modifiers.of(*kind).get(*i)?)),
            _ => None,
        }
    }

    /// The node of that id.
    pub fn node(&self, id: &str) -> Option<Node<'_>> {
        let finding = || self.finding(id).map(Node::Finding);
        let place = || self.place(id).map(Node::Place);
        finding().or_else(place).or_else(|| self.modifier(id).map(|(kind, m)| Node::Modifier(kind, m)))
    }

    /// The place `id` on `side`: `left_lower_lobe` for `lower_lobe` on the left; the place itself if it has no such side.
    pub fn place_on_side(&self, id: &str, side: Option<Side>) -> Option<&Place> {
        let sided = match side {
            Some(Side::Left) => self.place(&format!("left_{id}")),
            Some(Side::Right) => self.place(&format!("right_{id}")),
            Some(Side::Midline | Side::Bilateral) | None => None,
        };
        sided.or_else(|| self.place(id))
    }

    /// What leads from a node to others, in the order: is_a, part_of, mirror_of, located_in, mimics, implies.
    pub fn relations(&self, id: &str) -> &[Relation] {
        self.graph.relations(id)
    }

    /// The more general nodes, nearest first, along is_a and part_of; the order of back-off. `id` is not among them.
    pub fn ancestors(&self, id: &str) -> Vec<&str> {
        self.graph.ancestors(id)
    }

    /// The nodes that are directly below: kinds of a finding, parts or sides of a place.
    pub fn children(&self, id: &str) -> Vec<&str> {
        self.nodes().map(Node::id).filter(|child| self.graph.is_above(id, child)).collect()
    }

    /// Terms to nodes.
    pub fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// Whether a normalized word belongs to a cue, and so tells how a statement is meant rather than what it says.
    pub(crate) fn is_cue_word(&self, word: &str) -> bool {
        self.cue_words.contains(word)
    }

    /// Nearest terms by their letters.
    pub(crate) fn similarity(&self) -> &Similarity {
        self.similarity.get_or_init(|| Similarity::new(&self.lexicon))
    }
}

/// Every node of the files, findings first.
pub(super) fn nodes(parsed: &Parsed) -> impl Iterator<Item = Node<'_>> {
    let findings = parsed.findings.iter().map(Node::Finding);
    let places = parsed.places.iter().map(Node::Place);
    findings.chain(places).chain(parsed.modifiers.iter().map(|(kind, m)| Node::Modifier(kind, m)))
}

fn positions(parsed: &Parsed) -> HashMap<String, Position> {
    let findings = parsed.findings.iter().enumerate().map(|(i, f)| (f.id.clone(), Position::Finding(i)));
    let places = parsed.places.iter().enumerate().map(|(i, p)| (p.id.clone(), Position::Place(i)));
    let modifiers = ModifierKind::ALL.into_iter().flat_map(|kind| {
        let list = parsed.modifiers.of(kind).iter().enumerate();
        list.map(move |(i, m)| (m.id.clone(), Position::Modifier(kind, i)))
    });
    findings.chain(places).chain(modifiers).collect()
}

fn cue_words(cues: &Cues) -> HashSet<String> {
    let texts = cues.lists().into_iter().flat_map(|(_, list)| list.iter().map(|cue| cue.text.as_str()));
    texts.flat_map(words).map(|(_, word)| word).collect()
}
