//! The graph between nodes.

use std::collections::HashMap;

use serde::Serialize;

use super::load::Parsed;
use super::node::{Finding, Place};

/// How one node relates to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// A kind of it: consolidation is an airspace opacity, the left lung is a lung.
    IsA,
    /// A part of it: the left lower lobe is part of the left lung.
    PartOf,
    /// Its counterpart on the other side.
    MirrorOf,
    /// A finding is typically seen there.
    LocatedIn,
    /// A finding looks like it.
    Mimics,
    /// A finding comes with it.
    Implies,
}

impl RelationKind {
    /// In words, to stand between the two names.
    pub fn words(self) -> &'static str {
        match self {
            Self::IsA => "a kind of",
            Self::PartOf => "part of",
            Self::MirrorOf => "mirror of",
            Self::LocatedIn => "located in",
            Self::Mimics => "mimics",
            Self::Implies => "implies",
        }
    }

    fn is_upward(self) -> bool {
        matches!(self, Self::IsA | Self::PartOf)
    }
}

/// An edge to another node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relation {
    /// How.
    pub kind: RelationKind,
    /// Id of the other node.
    pub to: String,
}

/// Edges by the node they leave.
#[derive(Debug)]
pub(super) struct Graph {
    edges: HashMap<String, Vec<Relation>>,
}

impl Graph {
    pub(super) fn new(parsed: &Parsed) -> Self {
        let findings = parsed.findings.iter().map(|f| (f.id.clone(), finding_edges(f)));
        let generic = GenericPlaces::new(&parsed.places);
        let places = parsed.places.iter().map(|p| (p.id.clone(), place_edges(p, &generic)));
        Self { edges: findings.chain(places).collect() }
    }

    pub(super) fn relations(&self, id: &str) -> &[Relation] {
        self.edges.get(id).map_or(&[], Vec::as_slice)
    }

    /// Whether `above` is directly more general than `below`.
    pub(super) fn is_above(&self, above: &str, below: &str) -> bool {
        self.above(below).any(|to| to == above)
    }

    fn above(&self, id: &str) -> impl Iterator<Item = &str> {
        self.relations(id).iter().filter(|r| r.kind.is_upward()).map(|r| r.to.as_str())
    }

    /// Breadth first, so nearer nodes come first; a node that several ways lead to counts once.
    pub(super) fn ancestors(&self, id: &str) -> Vec<&str> {
        let mut found: Vec<&str> = self.above(id).collect();
        let mut next = 0;
        while next < found.len() {
            let more: Vec<&str> = self.above(found[next]).filter(|to| *to != id && !found.contains(to)).collect();
            found.extend(more);
            next += 1;
        }
        found
    }
}

fn edges<'i>(kind: RelationKind, ids: impl IntoIterator<Item = &'i String>) -> impl Iterator<Item = Relation> {
    ids.into_iter().map(move |to| Relation { kind, to: to.clone() })
}

fn finding_edges(finding: &Finding) -> Vec<Relation> {
    edges(RelationKind::IsA, &finding.parent)
        .chain(edges(RelationKind::LocatedIn, &finding.typical_places))
        .chain(edges(RelationKind::Mimics, &finding.mimics))
        .chain(edges(RelationKind::Implies, &finding.implies))
        .collect()
}

fn place_edges(place: &Place, generic: &GenericPlaces) -> Vec<Relation> {
    edges(RelationKind::IsA, generic.of(place))
        .chain(edges(RelationKind::PartOf, &place.parent))
        .chain(edges(RelationKind::MirrorOf, &place.mirror))
        .collect()
}

/// The places that belong to neither side, by id.
struct GenericPlaces<'p>(HashMap<&'p str, &'p String>);

impl<'p> GenericPlaces<'p> {
    fn new(places: &'p [Place]) -> Self {
        Self(places.iter().filter(|p| p.side.is_none()).map(|p| (p.id.as_str(), &p.id)).collect())
    }

    /// `lower_lobe` for `left_lower_lobe`.
    fn of(&self, place: &Place) -> Option<&'p String> {
        let base = place.id.strip_prefix("left_").or_else(|| place.id.strip_prefix("right_"))?;
        self.0.get(base).copied()
    }
}
