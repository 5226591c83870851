//! What a format does not hold, counted.

use std::collections::BTreeMap;
use std::fmt;

/// Something that a format does not hold, and how often the data set has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// What is lost.
    pub kind: LossKind,
    /// How often.
    pub count: usize,
}

/// What a format may not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LossKind {
    /// The report of an image.
    Reports,
    /// The patient of an image.
    Patients,
    /// The split of an image.
    Splits,
    /// The source of an image.
    Sources,
    /// What the licence of an image allows.
    Tiers,
    /// The size of an image.
    Sizes,
    /// An id that is not the name of the file, or a path that is shortened to stay below the folder.
    Ids,
    /// The name of the image file, or its ending.
    Files,
    /// That nobody looked for findings, or that somebody did.
    Annotated,
    /// That a class is a structure, not a finding.
    Anatomy,
    /// That a class was a phrase or question without a label: its words become the class.
    Phrases,
    /// The words of a phrase or question: its label becomes the class.
    Words,
    /// The label of a class, which is one already.
    Labels,
    /// The answer to a question.
    Answers,
    /// A statement without a box.
    StatementsWithoutBox,
    /// An image without a box.
    ImagesWithoutBox,
    /// Line breaks and control characters in names.
    LineBreaks,
    /// That an image had several entries, e.g. with different reports.
    EntriesMerged,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            LossKind::Reports => "reports",
            LossKind::Patients => "patients of images",
            LossKind::Splits => "splits of images",
            LossKind::Sources => "sources of images",
            LossKind::Tiers => "licence tiers of images",
            LossKind::Sizes => "image sizes",
            LossKind::Ids => "ids of images or folders in front of their names",
            LossKind::Files => "names of image files, or their endings",
            LossKind::Annotated => "marks of whether somebody looked for findings",
            LossKind::Anatomy => "marks of structures, which become classes",
            LossKind::Phrases => "marks of phrases or questions, whose words become classes",
            LossKind::Words => "words of phrases or questions, whose labels become classes",
            LossKind::Labels => "labels of classes",
            LossKind::Answers => "answers",
            LossKind::StatementsWithoutBox => "statements without a box",
            LossKind::ImagesWithoutBox => "images without a box",
            LossKind::LineBreaks => "line breaks or control characters in names",
            LossKind::EntriesMerged => "further entries of an image, merged into its first one",
        };
        write!(f, "{} {what}", self.count)
    }
}

/// Counts losses.
#[derive(Default)]
pub(super) struct Losses(BTreeMap<LossKind, usize>);

impl Losses {
    pub fn add(&mut self, kind: LossKind) {
        *self.0.entry(kind).or_insert(0) += 1;
    }

    /// Puts the value in place of the old one, and counts it as lost if there was another.
    pub fn replace<T: PartialEq>(&mut self, old: &mut Option<T>, new: Option<T>, kind: LossKind) {
        if old.is_some() && *old != new {
            self.add(kind);
        }
        *old = new;
    }

    pub fn list(&self) -> Vec<Loss> {
        self.0.iter().map(|(&kind, &count)| Loss { kind, count }).collect()
    }
}
