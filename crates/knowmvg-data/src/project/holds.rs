//! The table of what each format that can be written holds.

use crate::format::Format;

/// What a format holds of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// The report.
    pub reports: bool,
    /// The patient, beyond what names of NIH images tell.
    pub patients: bool,
    /// The split, beyond what a folder tells.
    pub splits: bool,
    /// The source, beyond what names of NIH images tell.
    pub sources: bool,
    /// What the licence allows.
    pub tiers: bool,
    /// Whether phrases, questions and structures stay apart from classes, with labels, answers and statements without box.
    pub kinds: bool,
    /// Images without a box.
    pub empty_images: bool,
    /// Whether somebody looked for findings.
    pub annotated: Annotated,
    /// How images are named.
    pub names: Names,
    /// The size of the image.
    pub sizes: Sizes,
    /// Whether names have to stay on one line.
    pub one_line: bool,
    /// How the file of an image ends, if each has one.
    pub file_ending: Option<&'static str>,
}

/// What a format says of whether somebody looked for findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Annotated {
    /// What the data set says.
    AsGiven,
    /// It holds that nobody looked, but only of images without boxes.
    NotIfEmpty,
    /// Every image of such a file was looked at.
    Always,
    /// Only single findings were boxed.
    Never,
}

/// How a format names images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// By id and file.
    Both,
    /// By the file, or the id if there is none; the id becomes that.
    File,
    /// By the path without its ending.
    Stem,
}

/// What a format says of the size of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// Boxes are fractions, and the size may be there.
    WithFractions,
    /// Boxes are fractions, and the size is not there.
    FractionsOnly,
    /// Boxes are pixels, and the size may be there.
    WithPixels,
    /// Boxes are pixels, and the size is not there.
    PixelsOnly,
    /// Boxes are pixels; images of NIH ChestX-ray14 have 1024 x 1024 of them.
    Nih,
}

/// A format that holds classes and boxes of image files, and no more.
const CLASSES: Holds = Holds {
    reports: false,
    patients: false,
    splits: false,
    sources: false,
    tiers: false,
    kinds: false,
    empty_images: true,
    annotated: Annotated::Always,
    names: Names::File,
    sizes: Sizes::WithPixels,
    one_line: false,
    file_ending: None,
};

impl Holds {
    /// What the format holds; `None` if it can only be read.
    pub fn of(format: Format) -> Option<Self> {
        Some(match format {
            Format::Corpus => Self {
                reports: true,
                patients: true,
                splits: true,
                sources: true,
                tiers: true,
                kinds: true,
                annotated: Annotated::AsGiven,
                names: Names::Both,
                sizes: Sizes::WithFractions,
                ..CLASSES
            },
            Format::LabelStudio => Self {
                reports: true,
                patients: true,
                splits: true,
                sources: true,
                annotated: Annotated::NotIfEmpty,
                names: Names::Both,
                sizes: Sizes::WithFractions,
                ..CLASSES
            },
            Format::Coco => CLASSES,
            Format::Voc => Self { one_line: true, file_ending: Some(".xml"), ..CLASSES },
            Format::Yolo => Self {
                names: Names::Stem,
                sizes: Sizes::FractionsOnly,
                one_line: true,
                file_ending: Some(".txt"),
                ..CLASSES
            },
            Format::Slicer => {
                Self { names: Names::Stem, sizes: Sizes::PixelsOnly, file_ending: Some(".mrk.json"), ..CLASSES }
            }
            Format::NihCsv => {
                Self { annotated: Annotated::Never, empty_images: false, sizes: Sizes::Nih, one_line: true, ..CLASSES }
            }
            _ => return None,
        })
    }
}
