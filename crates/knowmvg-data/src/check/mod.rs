//! What spoils a data set for training or measuring: leakage between splits and files, rows and boxes that are no good,
//! images that are missing or of another size.

mod boxes;
pub mod fingerprint;
mod group;
mod leakage;
mod pictures;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

pub use leakage::{Leak, NEAR_DUPLICATE_BITS};

use crate::dataset::Dataset;
use crate::error::RowProblem;
use crate::format::Frame;

/// Most problems that are listed one by one; all of them are counted.
pub const MAX_LISTED: usize = 10_000;

/// A data set to check.
#[derive(Debug)]
pub struct Input {
    /// Its name in the report, e.g. that of the file.
    pub name: String,
    /// What it says.
    pub dataset: Dataset,
    /// Rows that could not be read.
    pub broken: Vec<RowProblem>,
    /// What its coordinates are.
    pub frame: Frame,
    /// Where its images are, if they are to be read.
    pub images: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// One entry for each data set.
    pub inputs: Vec<Summary>,
    /// Pairs of splits or files that share images or patients.
    pub leaks: Vec<Leak>,
    /// How many problems of each kind there are; those of `--against` files, whose rows are not checked, are left out.
    pub counts: BTreeMap<ProblemKind, usize>,
    /// The problems, at most [`MAX_LISTED`].
    pub problems: Vec<Problem>,
}

/// How much there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Name of the data set.
    pub name: String,
    /// Entries, of which an image may have several.
    pub entries: usize,
    /// Patients, where the source tells.
    pub patients: usize,
    /// Statements.
    pub targets: usize,
    /// Boxes.
    pub boxes: usize,
    /// Image files that were read.
    pub images_read: usize,
    /// Entries by split; the empty name stands for no split.
    pub splits: BTreeMap<String, usize>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// The data set.
    pub input: String,
    /// The image, where it is about one.
    pub image: Option<String>,
    /// What was expected and what was found.
    pub detail: String,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A row could not be read.
    BrokenRow,
    /// A statement without words.
    EmptyText,
    /// A class without a box.
    ClassWithoutBox,
    /// A box without area.
    DegenerateBox,
    /// A box that leaves the image.
    BoxOutside,
    /// A box that a statement has twice.
    DuplicateBox,
    /// An image file that is not there.
    MissingImage,
    /// An image file that cannot be read.
    UnreadableImage,
    /// An image file of another size than annotated.
    SizeMismatch,
    /// One file under two names in one split.
    DuplicateImage,
    /// An image that another split or file has too.
    SharedImage,
    /// A patient that another split or file has too.
    SharedPatient,
    /// An image that looks like one of another split or file.
    NearDuplicate,
}

impl ProblemKind {
    /// What it is, in words.
    pub fn description(self) -> &'static str {
        match self {
            Self::BrokenRow => "rows that cannot be read",
            Self::EmptyText => "statements without words",
            Self::ClassWithoutBox => "classes without a box",
            Self::DegenerateBox => "boxes without area",
            Self::BoxOutside => "boxes outside the image",
            Self::DuplicateBox => "boxes that a statement has twice",
            Self::MissingImage => "image files that are missing",
            Self::UnreadableImage => "image files that cannot be read",
            Self::SizeMismatch => "image files of another size than annotated",
            Self::DuplicateImage => "image files that are there twice in a split",
            Self::SharedImage => "images that another split or file has too",
            Self::SharedPatient => "patients that another split or file has too",
            Self::NearDuplicate => "images that look like one of another split or file",
        }
    }
}

/// Problems, counted and listed.
#[derive(Default)]
struct Problems {
    counts: BTreeMap<ProblemKind, usize>,
    listed: Vec<Problem>,
}

impl Problems {
    fn add(&mut self, kind: ProblemKind, input: &str, image: Option<&str>, detail: impl Into<String>) {
        *self.counts.entry(kind).or_insert(0) += 1;
        if self.listed.len() < MAX_LISTED {
            let (input, image) = (input.to_owned(), image.map(str::to_owned));
            self.listed.push(Problem { kind, input, image, detail: detail.into() });
        }
    }
}

/// Checks a data set, and whether it shares images or patients with others.
///
/// `progress` is told of each image file that was read.
pub fn check(input: &Input, against: &[Input], progress: &mut dyn FnMut()) -> Report {
    let mut problems = Problems::default();
    for row in &input.broken {
        problems.add(ProblemKind::BrokenRow, &input.name, None, row.to_string());
    }
    boxes::check(input, &mut problems);
    let inputs: Vec<&Input> = std::iter::once(input).chain(against).collect();
    let mut pictures: Vec<pictures::Pictures> = vec![];
    for (at, other) in inputs.iter().enumerate() {
        let mut ignored = Problems::default();
        let problems = if at == 0 { &mut problems } else { &mut ignored };
        pictures.push(pictures::read(other, problems, progress));
    }
    let leaks = leakage::check(&inputs, &pictures, &mut problems);
    let inputs = inputs.iter().zip(&pictures).map(|(input, pictures)| summary(input, pictures.len())).collect();
    Report { inputs, leaks, counts: problems.counts, problems: problems.listed }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }
}

fn summary(input: &Input, images_read: usize) -> Summary {
    let images = &input.dataset.images;
    let patients: std::collections::BTreeSet<_> = images.iter().filter_map(|entry| entry.patient.as_deref()).collect();
    let mut splits = BTreeMap::new();
    for entry in images {
        *splits.entry(entry.split.clone().unwrap_or_default()).or_insert(0) += 1;
    }
    let targets = || images.iter().flat_map(|entry| &entry.targets);
    Summary {
        name: input.name.clone(),
        entries: images.len(),
        patients: patients.len(),
        targets: targets().count(),
        boxes: targets().map(|target| target.boxes.len()).sum(),
        images_read,
        splits,
    }
}
