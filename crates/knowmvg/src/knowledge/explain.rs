//! What a phrase linked to and why, for people.

use std::fmt;

use serde::Serialize;

use super::base::KnowledgeBase;
use super::graph::RelationKind;
use super::link::{Knowledge, link};
use super::node::{Attributes, Codes, Node};
use super::prompt::node_text;
use super::region::region_on;
use crate::geometry::{Box2, Thorax};
use crate::grounding::{Assertion, Side};
use crate::report;

/// Everything that the knowledge base says about a phrase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The phrase, trimmed.
    pub text: String,
    /// Whether it affirms, denies or suspects.
    pub assertion: Assertion,
    /// What it linked to, and what no node explains.
    pub knowledge: Knowledge,
    /// The nodes that its words reached, in the order of the matches.
    pub nodes: Vec<NodeExplanation>,
    /// Where anatomy alone would look.
    pub region: Option<Box2<Thorax>>,
    /// Version of the knowledge base.
    pub version: String,
}

/// A node in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeExplanation {
    /// Node id.
    pub id: String,
    /// Preferred name.
    pub name: String,
    /// `finding`, `place` or `modifier`.
    pub kind: &'static str,
    /// One sentence, for a finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// How a finding looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// The more general nodes, nearest first.
    pub ancestors: Vec<String>,
    /// Edges that leave it.
    pub relations: Vec<RelationExplanation>,
    /// Its codes elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<Codes>,
    /// Where it is, or is typically seen, on the phrase's side.
    pub region: Option<Box2<Thorax>>,
    /// What the phrase encoder reads.
    pub node_text: String,
}

/// An edge with the name of the node it leads to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RelationExplanation {
    /// How.
    pub kind: RelationKind,
    /// Id of the other node.
    pub to: String,
    /// Its preferred name.
    pub name: String,
}

/// Reads `text` as one phrase and explains what it linked to.
pub fn explain(text: &str, kb: &KnowledgeBase) -> Explanation {
    let phrase = report::query(text, kb);
    let knowledge = link(&phrase, kb);
    let reached = knowledge.matches.iter().filter(|m| !m.matched_text.is_empty() || is_chosen(&m.id, &knowledge));
    let nodes = reached.filter_map(|m| Some(explain_node(kb.node(&m.id)?, knowledge.side, kb))).collect();
    let region = knowledge.region(kb);
    let version = kb.manifest().version.clone();
    Explanation { text: phrase.text, assertion: phrase.assertion, knowledge, nodes, region, version }
}

fn is_chosen(id: &str, knowledge: &Knowledge) -> bool {
    knowledge.finding.as_deref() == Some(id) || knowledge.places.iter().any(|place| place == id)
}

fn explain_node(node: Node, side: Option<Side>, kb: &KnowledgeBase) -> NodeExplanation {
    let id = node.id();
    let (definition, attributes, codes) = match node {
        Node::Finding(f) => (Some(f.definition.clone()), Some(f.attributes.clone()), Some(f.codes.clone())),
        Node::Place(p) => (None, None, Some(p.codes.clone())),
        Node::Modifier(..) => (None, None, None),
    };
    NodeExplanation {
        id: id.to_owned(),
        name: node.name().to_owned(),
        kind: node.kind().name(),
        definition,
        attributes,
        ancestors: kb.ancestors(id).into_iter().map(str::to_owned).collect(),
        relations: relations(id, kb),
        codes,
        region: region_on(id, side, kb),
        node_text: node_text(id, kb),
    }
}

fn relations(id: &str, kb: &KnowledgeBase) -> Vec<RelationExplanation> {
    let name = |to: &str| kb.node(to).map(|node| node.name().to_owned());
    let edges = kb.relations(id).iter();
    edges.filter_map(|r| Some(RelationExplanation { kind: r.kind, to: r.to.clone(), name: name(&r.to)? })).collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\"{}\"", self.text)?;
        self.write_summary(f)?;
        for found in &self.knowledge.matches {
            let words = if found.matched_text.is_empty() { "by the graph" } else { &found.matched_text };
            writeln!(f, "  {:<8} {:<34} {:<12} {:.2}  {words}", found.kind, found.id, found.how, found.score)?;
        }
        for node in self.nodes.iter().filter(|n| n.kind != "modifier") {
            write!(f, "\n{node}")?;
        }
        if !self.knowledge.missing.is_empty() {
            writeln!(f, "\nno node explains: {}", self.knowledge.missing.join(", "))?;
        }
        Ok(())
    }
}

impl Explanation {
    fn write_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let knowledge = &self.knowledge;
        let said = |value: Option<String>| value.map_or_else(|| "not said".to_owned(), |v| v.to_lowercase());
        writeln!(f, "  assertion {}", format!("{:?}", self.assertion).to_lowercase())?;
        writeln!(f, "  side      {}", said(knowledge.side.map(|s| format!("{s:?}"))))?;
        writeln!(f, "  zone      {}", said(knowledge.zone.map(|z| format!("{z:?}"))))?;
        if let Some(region) = &self.region {
            writeln!(f, "  region    {} of the thorax", Corners(region))?;
        }
        writeln!(f, "  explained {:.0} % of the words, knowledge {}", 100.0 * knowledge.coverage, self.version)
    }
}

impl fmt::Display for NodeExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}, {})", self.name, self.kind, self.id)?;
        if let Some(definition) = &self.definition {
            writeln!(f, "  {definition}")?;
        }
        for (name, value) in self.attributes.iter().flat_map(Attributes::stated) {
            writeln!(f, "  {name}: {value}")?;
        }
        for relation in &self.relations {
            writeln!(f, "  {} {}", relation.kind.words(), relation.name)?;
        }
        if let Some(region) = &self.region {
            writeln!(f, "  region {} of the thorax", Corners(region))?;
        }
        let codes = self.codes.clone().unwrap_or_default();
        let stated = [("RadLex", codes.radlex), ("SNOMED CT", codes.snomed), ("OIFM", codes.oifm)];
        for (name, code) in stated.into_iter().filter_map(|(name, code)| Some((name, code?))) {
            writeln!(f, "  {name} {code}")?;
        }
        Ok(())
    }
}

/// A box as `x 0.56-1.00, y 0.72-1.02`.
struct Corners<'b>(&'b Box2<Thorax>);

impl fmt::Display for Corners<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x0, y0, x1, y1] = self.0.xyxy();
        write!(f, "x {x0:.2} to {x1:.2}, y {y0:.2} to {y1:.2}")
    }
}
