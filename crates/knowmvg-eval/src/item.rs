//! What is asked and what is true: one line of `items.jsonl`.

use knowmvg::geometry::{Box2, Image};
use serde::{Deserialize, Serialize};

/// What a system is given and what it must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// A report; find its phrases and ground each. No phrase of the truth is given.
    Report,
    /// A phrase; ground it.
    Phrase,
    /// The name of a class; ground it.
    Class,
    /// A question; answer it and ground the answer.
    Vqa,
}

/// One question to a system, with its truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Unique in the file.
    pub id: String,
    /// Id of the image; items may share one.
    pub image: String,
    /// Unit of resampling; equals `image` where the source tells no patients.
    pub patient: String,
    /// Where the image is from.
    pub source: String,
    /// Width and height of the image in pixels.
    pub size: [u32; 2],
    /// What is asked.
    pub task: Task,
    /// What the system reads: the report, the phrase, the class name or the question.
    pub text: String,
    /// How much the text tells, e.g. `class`, `side`, `zone`, `noise-2`; items of different levels are scored apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Grounded VQA: the true answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What is true. One target, except for reports, which have any number.
    pub targets: Vec<Target>,
}

/// A statement and the boxes that show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The source's class, for scores per class.
    pub label: String,
    /// The words, where the source has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Boxes on the image; none if the statement is false of the image.
    pub boxes: Vec<Box2<Image>>,
}
