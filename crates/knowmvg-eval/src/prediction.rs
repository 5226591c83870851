//! What a system answered: one line of a predictions file. A floor is a system like any other.

use knowmvg::geometry::{Box2, Image};
use serde::{Deserialize, Serialize};

/// The answer to one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Id of the item.
    pub item: String,
    /// What was found. For a phrase, a class or a question: at most one entry. For a report: one per phrase.
    pub findings: Vec<Found>,
    /// Grounded VQA: the answer in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// A grounded statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The words of the report that were grounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The class that the words name, in the truth's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Best first; the first one counts where a score takes one box.
    pub boxes: Vec<ScoredBox>,
    /// Probability that the image shows it at all, in `[0, 1]`; the best box's confidence if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<f64>,
    /// Where the system looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heat: Option<Heat>,
}

/// A box and how sure the system is that it overlaps the truth by at least half.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScoredBox {
    /// In pixels of the image.
    #[serde(rename = "box")]
    pub bounds: Box2<Image>,
    /// In `[0, 1]`.
    pub confidence: f64,
}

/// A heat map over the whole image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heat {
    /// Cells from left to right.
    pub cols: usize,
    /// Cells from top to bottom.
    pub rows: usize,
    /// Row-major, 255 at the maximum.
    pub values: Vec<u8>,
}
