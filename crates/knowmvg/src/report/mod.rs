//! Report to phrases: what a free-text report says about this image, finding by finding.
//!
//! ```text
//! text ─tokenize─▶ tokens ─sentences─▶ sentences with their section
//!      ─hits─▶ findings, places, sides, … ─Scopes─▶ present / absent / uncertain / no observation
//!      ─attach─▶ what belongs to which finding ─locations─▶ one phrase per side
//! ```
//!
//! Everything that is medical comes from the knowledge base; this module knows only how sentences are built.
//! Work grows linearly with the text: sentences are cut at a fixed length, and every rule looks within one sentence.

mod assemble;
mod attach;
mod chief;
mod index;
mod lexicon;
mod location;
mod measurement;
mod mention;
mod query;
mod scope;
mod section;
mod sentence;
mod token;
mod typo;

use std::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

pub use chief::main_finding;

use crate::grounding::{Assertion, Side};
use crate::knowledge::KnowledgeBase;
use index::Index;

/// Bytes of a text that are read; what follows is ignored.
pub const MAX_REPORT_BYTES: usize = 256 * 1024;

/// Height within the thorax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// Above the hilum, the apex included.
    Upper,
    /// At the height of the hilum.
    Mid,
    /// Below the hilum, the base included.
    Lower,
}

/// One observation of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phrase {
    /// Bytes of the original text, on character boundaries.
    pub span: Range<usize>,
    /// The text at `span`.
    pub text: String,
    /// The finding's id in the knowledge base; `None` only for a query that names none.
    pub finding: Option<String>,
    /// Ids of the places named with it.
    pub places: Vec<String>,
    /// The patient's side, if the words say one.
    pub side: Option<Side>,
    /// The height, if the words say one.
    pub zone: Option<Zone>,
    /// Id of the modifier for severity.
    pub severity: Option<String>,
    /// The size as written (`2.5 x 3 cm`), or the id of the modifier for size.
    pub size: Option<String>,
    /// Id of the modifier for number.
    pub number: Option<String>,
    /// Id of the modifier for change since an earlier image.
    pub change: Option<String>,
    /// Whether the report affirms, denies or suspects it.
    pub assertion: Assertion,
    /// Id of the section it stands in, if a title announced one.
    pub section: Option<String>,
    /// The words that led to all this, in the order of the text; later mentions of the same finding included.
    pub mentions: Vec<Mention>,
}

/// Words of a text and the node of the knowledge base that they name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mention {
    /// Bytes of the original text.
    pub span: Range<usize>,
    /// Id of the finding, place or modifier.
    pub id: String,
    /// `finding`, `place` or `modifier`.
    pub kind: String,
    /// `exact`, `synonym`, `abbreviation` or `typo`.
    pub how: String,
    /// In `[0, 1]`.
    pub score: f64,
}

/// Reads reports and queries with the terms of one knowledge base.
#[derive(Debug)]
pub struct Reader {
    index: Index,
}

impl Reader {
    /// Indexes the terms and cues of `kb`.
    pub fn new(kb: &KnowledgeBase) -> Self {
        Self { index: Index::new(kb) }
    }

    /// Every observation of a report, in the order of the text.
    ///
    /// Text about the past, about patients in general, or about what to do next gives no phrase. Only the first
    /// [`MAX_REPORT_BYTES`] are read.
    pub fn phrases(&self, text: &str) -> Vec<Phrase> {
        assemble::phrases(readable(text), &self.index)
    }

    /// The whole text as one phrase: what a user typed, the name of a class, or a question.
    ///
    /// Never fails; `finding` is `None` if the text names none.
    pub fn query(&self, text: &str) -> Phrase {
        query::query(readable(text), &self.index)
    }
}

/// [`Reader::phrases`] with the terms of `kb`.
pub fn phrases(text: &str, kb: &KnowledgeBase) -> Vec<Phrase> {
    with_reader(kb, |reader| reader.phrases(text))
}

/// [`Reader::query`] with the terms of `kb`.
pub fn query(text: &str, kb: &KnowledgeBase) -> Phrase {
    with_reader(kb, |reader| reader.query(text))
}

/// The built-in knowledge base is indexed once; another one each time, so its callers keep a [`Reader`].
fn with_reader<Out>(kb: &KnowledgeBase, read: impl FnOnce(&Reader) -> Out) -> Out {
    static CHEST: OnceLock<Reader> = OnceLock::new();
    if std::ptr::eq(kb, KnowledgeBase::chest()) {
        read(CHEST.get_or_init(|| Reader::new(kb)))
    } else {
        read(&Reader::new(kb))
    }
}

fn readable(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_REPORT_BYTES)]
}
