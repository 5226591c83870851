//! [`Grounding`]: the one value that every edge (JSON, overlay, DICOM, evaluation) consumes.
//!
//! The JSON form is versioned by [`SCHEMA_VERSION`] and described by `schemas/grounding.schema.json`.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::geometry::{Box2, Image};

/// Version of the JSON form; the major number changes when a reader would have to change.
pub const SCHEMA_VERSION: &str = "1.2";

/// The line that accompanies every result.
pub const NOTICE: &str = "Research software, not a medical device. Not for diagnosis.";

/// Every phrase of a report, with the boxes that show it on one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grounding {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: String,
    /// [`NOTICE`].
    pub notice: String,
    /// The caller's name for this request, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The image that was looked at.
    pub image: ImageInfo,
    /// Lungs and heart as the model found them; they carry the thorax frame.
    pub anatomy: Vec<AnatomyBox>,
    /// The phrases, in the order of the report.
    pub findings: Vec<GroundedPhrase>,
    /// What a reader should know before trusting the boxes.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What produced this.
    pub model: ModelInfo,
}

/// Facts about the image, none of which names the patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// Width of the stored image in pixels.
    pub width: u32,
    /// Height of the stored image in pixels.
    pub height: u32,
    /// SHA-256 of the decoded pixels that the model saw, hexadecimal.
    pub sha256: String,
    /// `PNG`, `JPEG` or the DICOM transfer syntax UID.
    pub format: String,
    /// Which grey-level mapping produced the displayed values, e.g. `VOI window`, `percentile window`.
    pub grey_mapping: String,
}

/// One anatomical structure found on the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnatomyBox {
    /// Name in the knowledge base, e.g. `left lung`.
    pub name: String,
    /// Where, in pixels of the stored image.
    #[serde(rename = "box")]
    pub box_in_image: Box2<Image>,
    /// In `[0, 1]`.
    pub confidence: f64,
}

/// A phrase and its boxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroundedPhrase {
    /// The words.
    pub phrase: PhraseText,
    /// What the report says about it.
    pub assertion: Assertion,
    /// The finding, as the knowledge base names it; `null` if nothing matched.
    pub finding: Option<String>,
    /// Patient's side, if the phrase or the finding says one.
    pub side: Option<Side>,
    /// Probability that the image shows this at all, whatever the report says, in `[0, 1]`; absent if nothing was looked for
    /// or the weights were not fitted for it. See the model card for what was measured of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<f64>,
    /// Boxes, best first; empty if the phrase is absent or not groundable. The best one is given however low its
    /// confidence: what to do with it is the reader's choice.
    pub boxes: Vec<ScoredBox>,
    /// Why there.
    pub evidence: Evidence,
}

/// The words of a phrase and where they stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhraseText {
    /// The words, as written.
    pub text: String,
    /// Byte offsets into the report; `null` for a phrase that the user gave.
    pub span: Option<Range2>,
}

/// A half-open range of bytes, written as `[start, end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range2(pub usize, pub usize);

impl From<Range<usize>> for Range2 {
    fn from(range: Range<usize>) -> Self {
        Self(range.start, range.end)
    }
}

/// Whether the report affirms, denies or suspects a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assertion {
    /// Affirmed.
    Present,
    /// Denied.
    Absent,
    /// Suspected, possible, or hedged.
    Uncertain,
}

/// The patient's side. Image-left is the patient's right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The patient's left, on the right of the image.
    Left,
    /// The patient's right, on the left of the image.
    Right,
    /// Between the lungs.
    Midline,
    /// Both sides.
    Bilateral,
}

impl Side {
    /// Left for right and right for left; `None` if it has no opposite.
    pub fn other(self) -> Option<Self> {
        match self {
            Self::Left => Some(Self::Right),
            Self::Right => Some(Self::Left),
            Self::Midline | Self::Bilateral => None,
        }
    }
}

/// A box with its confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredBox {
    /// In pixels of the stored image.
    #[serde(rename = "box")]
    pub box_in_image: Box2<Image>,
    /// In `[0, 1]`; see the model card for what was measured of it.
    pub confidence: f64,
    /// Expected error of each edge `[x0, y0, x1, y1]`, in pixels (scale of a Laplace distribution).
    pub spread: [f64; 4],
    /// A person put it there; then confidence and spread were not measured.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_person: bool,
}

/// What guided the boxes of one phrase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Knowledge that the phrase linked to.
    pub knowledge: Vec<KnowledgeMatch>,
    /// The box that the knowledge alone, blind to the image, would give.
    pub prior_box: Option<Box2<Image>>,
    /// Where the prior came from, most specific first, e.g. `effusion + left + lower`.
    pub prior_source: Option<String>,
    /// Whether the pixels or only the prior speak for the first box.
    pub support: Support,
    /// Share of the global attention that falls inside the first box, in `[0, 1]`.
    pub attention_in_box: Option<f64>,
    /// How far the knowledge gate opened, in `[0, 1]`; 0 means the null prompt.
    pub knowledge_gate: Option<f64>,
}

/// One node of the knowledge graph and how the phrase reached it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnowledgeMatch {
    /// Node id in the knowledge base.
    pub id: String,
    /// Preferred name.
    pub name: String,
    /// `finding`, `place` or `modifier`.
    pub kind: String,
    /// The words that matched.
    pub matched_text: String,
    /// `exact`, `synonym`, `abbreviation`, `typo`, `similar`, `relation`.
    pub how: String,
    /// In `[0, 1]`.
    pub score: f64,
}

/// What speaks for a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Support {
    /// The image moved or confirmed the box.
    Image,
    /// Only the prior speaks for it.
    Prior,
    /// There is no box.
    None,
}

/// What produced a grounding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Name of the model family, e.g. `knowmvg-compact`.
    pub name: String,
    /// Version of this program.
    pub version: String,
    /// SHA-256 over the weight files, hexadecimal.
    pub sha256: String,
    /// Version of the knowledge base.
    pub knowledge: String,
}
