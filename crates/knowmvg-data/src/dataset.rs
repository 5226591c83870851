//! The one value between all formats: images and what was annotated on them.

use knowmvg::geometry::{Box2, Image};
use knowmvg::train::corpus::Tier;
use serde::{Deserialize, Serialize};

/// The frame of boxes that are fractions of an image of unknown size: an image of 1 x 1 pixels.
pub const UNIT_FRAME: [u32; 2] = [1, 1];

/// Everything that a file of annotations says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dataset {
    /// In the order of the file.
    pub images: Vec<ImageEntry>,
}

/// One image and what was annotated on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageEntry {
    /// Unique in the data set. An image that comes with several reports has an entry for each, with the same `file`; all
    /// but the first have `#2`, `#3`, … behind the id.
    pub id: String,
    /// Path of the image file as the source gives it.
    pub file: Option<String>,
    /// Width and height of the frame in which the boxes are given, in pixels; [`UNIT_FRAME`] where the source has
    /// fractions and no size.
    pub size: Option<[u32; 2]>,
    /// The patient, where the source tells.
    pub patient: Option<String>,
    /// Part of the data, e.g. `train`, `val`, `test`.
    pub split: Option<String>,
    /// Where the image is from.
    pub source: Option<String>,
    /// What the licence allows, where the source tells.
    pub tier: Option<Tier>,
    /// The free-text report.
    pub report: Option<String>,
    /// Whether somebody looked for findings: if not, an empty list says nothing.
    pub findings_annotated: bool,
    /// Statements and their boxes.
    pub targets: Vec<Target>,
}

/// What a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// The name of a class of findings.
    Class,
    /// Words of a report.
    Phrase,
    /// A question about the image.
    Question,
    /// The name of a structure.
    Anatomy,
}

/// A statement and the boxes that show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What the text is.
    pub kind: TargetKind,
    /// The class name, the phrase, the question or the structure.
    pub text: String,
    /// Class of a phrase or question, where the source tells.
    pub label: Option<String>,
    /// Answer of a question, where the source tells.
    pub answer: Option<String>,
    /// Boxes in the frame of [`ImageEntry::size`]; several if the statement is shown in several places.
    pub boxes: Vec<Box2<Image>>,
}
