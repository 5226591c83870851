//! Medical knowledge as data: findings, places, modifiers and cues, the graph between them, and how a phrase links to it.
//!
//! ```text
//! knowledge/chest/*.json ─load, validate─▶ KnowledgeBase ─┬─ Lexicon     terms to nodes
//!                                                         ├─ Graph       is_a, part_of, mirror_of, located_in, mimics, implies
//!                                                         └─ Similarity  nearest term, when no term matches
//! Phrase ─link─▶ Knowledge ─┬─ node_text   what the phrase encoder reads for a node
//!                           └─ region      where anatomy alone would look
//! ```
//!
//! Regions are in the [`Thorax`](crate::geometry::Thorax) frame. A place that exists on both sides is three nodes:
//! `lower_lobe`, and `left_lower_lobe` and `right_lower_lobe`, each of which *is a* `lower_lobe`.

mod base;
mod cue;
mod error;
mod explain;
mod graph;
mod lexicon;
mod link;
mod load;
mod manifest;
mod modifier;
mod node;
mod normal;
mod prompt;
mod region;
mod similarity;
mod validate;
mod validate_place;

pub use base::KnowledgeBase;
pub use cue::{Cue, Cues, Direction, Section};
pub use error::KnowledgeError;
pub use explain::{Explanation, NodeExplanation, RelationExplanation, explain};
pub use graph::{Relation, RelationKind};
pub use lexicon::{Entry, How, Lexicon, TermMatch};
pub use link::{Knowledge, link};
pub use load::MAX_FILE_BYTES;
pub use manifest::{Manifest, Source};
pub use modifier::{Modifier, ModifierKind, Modifiers};
pub use node::{Attributes, Codes, Finding, Laterality, Level, Node, NodeKind, Place, Synonyms};
pub use normal::normalize;
pub use prompt::{MAX_NODE_WORDS, node_text};
pub use region::{region, region_on};
pub use similarity::Similar;
