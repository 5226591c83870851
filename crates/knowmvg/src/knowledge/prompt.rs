//! What the phrase encoder reads for a node.

use super::base::KnowledgeBase;
use super::graph::RelationKind;
use super::modifier::{Modifier, ModifierKind};
use super::node::{Finding, Node, Place};
use crate::grounding::Side;

/// Longest text of a node, in words.
pub const MAX_NODE_WORDS: usize = 60;

/// Neighbours that are named for each kind of relation.
const MAX_NEIGHBOURS: usize = 3;

/// Name, definition, attributes and neighbours of a node, as sentences of at most [`MAX_NODE_WORDS`] words; the least
/// telling ones are left out first. Empty for an unknown id.
pub fn node_text(id: &str, kb: &KnowledgeBase) -> String {
    match kb.node(id) {
        Some(Node::Finding(finding)) => within_limit(finding_sentences(finding, kb)),
        Some(Node::Place(place)) => within_limit(place_sentences(place, kb)),
        Some(Node::Modifier(kind, modifier)) => within_limit(modifier_sentences(kind, modifier)),
        None => String::new(),
    }
}

/// Sentences in order while they fit; the first is cut if it alone is too long.
fn within_limit(sentences: Vec<String>) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for sentence in &sentences {
        let room = MAX_NODE_WORDS - kept.len();
        let words: Vec<&str> = sentence.split_whitespace().collect();
        if words.len() <= room || kept.is_empty() {
            kept.extend(words.into_iter().take(room));
        }
    }
    kept.join(" ")
}

fn finding_sentences(finding: &Finding, kb: &KnowledgeBase) -> Vec<String> {
    let look: Vec<String> = finding.attributes.stated().map(|(name, value)| format!("{name} {value}")).collect();
    let mut sentences = vec![format!("{}: {}", finding.name, finding.definition)];
    sentences.extend((!look.is_empty()).then(|| format!("Look: {}.", look.join(", "))));
    let relations = [
        (RelationKind::LocatedIn, "Seen in"),
        (RelationKind::IsA, "A kind of"),
        (RelationKind::Mimics, "Looks like"),
        (RelationKind::Implies, "Comes with"),
    ];
    sentences.extend(relations.into_iter().filter_map(|(kind, lead)| neighbours(&finding.id, kind, lead, kb)));
    sentences
}

fn neighbours(id: &str, kind: RelationKind, lead: &str, kb: &KnowledgeBase) -> Option<String> {
    let related = kb.relations(id).iter().filter(|r| r.kind == kind);
    let names: Vec<&str> = related.filter_map(|r| Some(kb.node(&r.to)?.name())).take(MAX_NEIGHBOURS).collect();
    (!names.is_empty()).then(|| format!("{lead} {}.", names.join(", ")))
}

fn place_sentences(place: &Place, kb: &KnowledgeBase) -> Vec<String> {
    let mut sentences = vec![format!("{}: {}.", place.name, whereabouts(place))];
    let relations =
        [(RelationKind::PartOf, "Part of"), (RelationKind::MirrorOf, "Mirror of"), (RelationKind::IsA, "A kind of")];
    sentences.extend(relations.into_iter().filter_map(|(kind, lead)| neighbours(&place.id, kind, lead, kb)));
    let others: Vec<&str> =
        place.synonyms.get("en").into_iter().flatten().take(MAX_NEIGHBOURS).map(String::as_str).collect();
    sentences.extend((!others.is_empty()).then(|| format!("Also {}.", others.join(", "))));
    sentences
}

fn whereabouts(place: &Place) -> String {
    let side = match place.side {
        Some(Side::Left) => "on the patient's left, image right",
        Some(Side::Right) => "on the patient's right, image left",
        Some(Side::Midline) => "between the lungs",
        Some(Side::Bilateral) => "on both sides",
        None => "on either side",
    };
    let [_, y, _, _] = place.region.cxcywh();
    let height = match y {
        y if y < 0.36 => "upper",
        y if y < 0.64 => "middle",
        y if y < 1.0 => "lower",
        _ => "below the",
    };
    format!("a place {side}, {height} thorax")
}

fn modifier_sentences(kind: ModifierKind, modifier: &Modifier) -> Vec<String> {
    let others: Vec<&str> = modifier.synonyms.get("en").into_iter().flatten().take(5).map(String::as_str).collect();
    let mut sentences = vec![format!("{}: says the {} of a finding.", modifier.name, kind.name())];
    sentences.extend((!others.is_empty()).then(|| format!("Also {}.", others.join(", "))));
    sentences
}
