//! A corpus folder: `annotations.jsonl` and the images it names.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::geometry::{Box2, Image, Model};
use crate::image::{GreyImage, ImageError, decode_png_or_jpeg};

/// Longest line of `annotations.jsonl` that is read.
///
/// # Units
/// Bytes.
const MAX_LINE_LEN: u64 = 1 << 20;

/// Which part of the data an image belongs to; patients do not cross splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Weights and priors are estimated on it.
    Train,
    /// Early stopping and calibration.
    Val,
    /// Reported, never tuned on.
    Test,
}

/// What the licence of an image allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Training of weights that are given away.
    Open,
    /// Measuring only.
    #[default]
    Research,
}

/// A labelled box of the corpus, in fractions of the stored image's width and height.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelledBox {
    /// The source's name for what is in the box.
    pub label: String,
    /// In fractions of width and height; the frame of a square image's [`Model`] square.
    #[serde(rename = "box")]
    pub box_in_fractions: Box2<Model>,
}

/// A statement about an image and where it shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelledPhrase {
    /// In the words of whoever wrote it.
    pub text: String,
    /// Its class, where the source tells.
    #[serde(default)]
    pub label: Option<String>,
    /// In fractions of width and height.
    pub boxes: Vec<Box2<Model>>,
}

/// One image and what was annotated on it; keys that training does not need are ignored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// `source/name`.
    pub id: String,
    /// Path below the corpus folder.
    pub image: String,
    /// Where the image is from.
    pub source: String,
    /// What its licence allows; measuring only, where nothing is said.
    #[serde(default)]
    pub tier: Tier,
    /// Its part of the data.
    pub split: Split,
    /// Width of the image file in pixels.
    pub width: u32,
    /// Height of the image file in pixels.
    pub height: u32,
    /// Whether somebody looked for findings: if not, an empty list says nothing.
    #[serde(default)]
    pub findings_annotated: bool,
    /// Boxes of findings.
    #[serde(default)]
    pub findings: Vec<LabelledBox>,
    /// Boxes of anatomical structures.
    #[serde(default)]
    pub anatomy: Vec<LabelledBox>,
    /// Statements with their boxes, which language models learn from.
    #[serde(default)]
    pub phrases: Vec<LabelledPhrase>,
    /// The report that the statements stand in, if it is there.
    #[serde(default)]
    pub report: Option<String>,
    /// What the source says about the image as a whole, in its own words.
    #[serde(default)]
    pub image_labels: Vec<String>,
    /// The patient, where the source tells; otherwise every image counts as its own patient.
    #[serde(default)]
    pub patient: Option<String>,
}

impl Record {
    /// The unit that splits, leave-one-out estimates and resampling respect.
    pub fn patient_key(&self) -> &str {
        self.patient.as_deref().unwrap_or(&self.id)
    }

    /// A source whose truth are statements with classes has these as its findings.
    fn with_classes_of_phrases(mut self) -> Self {
        if !self.findings.is_empty() {
            return self;
        }
        for phrase in &self.phrases {
            let Some(label) = &phrase.label else { continue };
            for bounds in &phrase.boxes {
                let found = LabelledBox { label: label.clone(), box_in_fractions: *bounds };
                if !self.findings.contains(&found) {
                    self.findings.push(found);
                }
            }
        }
        self
    }

    /// A box of this record in pixels of the image file.
    pub fn box_in_image(&self, labelled: &LabelledBox) -> Box2<Image> {
        self.in_image(&labelled.box_in_fractions)
    }

    /// A box in fractions of width and height, in pixels of the image file.
    pub fn in_image(&self, in_fractions: &Box2<Model>) -> Box2<Image> {
        let [x0, y0, x1, y1] = in_fractions.xyxy();
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        Box2::from_xyxy([x0 * width, y0 * height, x1 * width, y1 * height]).expect("scaling keeps a box a box")
    }
}

/// Why a corpus could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// A file is no image.
    #[error("{source}: {}", path.display())]
    Image {
        /// What was expected.
        source: ImageError,
        /// The file.
        path: PathBuf,
    },
    /// An image has another size than its record says.
    #[error("expected {} x {} pixels as annotated, found {} x {}: {}", expected[0], expected[1], found[0], found[1], path.display())]
    Size {
        /// Width and height of the record.
        expected: [u32; 2],
        /// Width and height of the file.
        found: [u32; 2],
        /// The file.
        path: PathBuf,
    },
    /// A line is not a valid record.
    #[error("line {line} of {}: {problem}", path.display())]
    Row {
        /// 1-based.
        line: usize,
        /// What was expected.
        problem: String,
        /// The file.
        path: PathBuf,
    },
}

/// All records of a folder.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The folder.
    pub folder: PathBuf,
    /// In the order of the file.
    pub records: Vec<Record>,
}

impl Corpus {
    /// Reads `annotations.jsonl`.
    ///
    /// # Errors
    /// When the file cannot be read, a line is too long or not a record, a box leaves the image by more than rounding,
    /// or an image path points out of the folder.
    pub fn open(folder: &Path) -> Result<Self, CorpusError> {
        let path = folder.join("annotations.jsonl");
        let io = |source| CorpusError::Io { source, path: path.clone() };
        let mut reader = BufReader::new(File::open(&path).map_err(io)?);
        let mut records = Vec::new();
        for line in 1.. {
            let row = |problem: String| CorpusError::Row { line, problem, path: path.clone() };
            let mut text = String::new();
            let length = reader.by_ref().take(MAX_LINE_LEN + 1).read_line(&mut text).map_err(io)?;
            if length as u64 > MAX_LINE_LEN {
                return Err(row(format!("expected at most {MAX_LINE_LEN} bytes")));
            }
            if length == 0 {
                break;
            }
            if text.trim().is_empty() {
                continue;
            }
            let record: Record = serde_json::from_str(&text).map_err(|e| row(e.to_string()))?;
            let record = record.with_classes_of_phrases();
            check(&record).map_err(row)?;
            records.push(record);
        }
        Ok(Self { folder: folder.to_owned(), records })
    }

    /// Where the image of a record lies.
    pub fn image_path(&self, record: &Record) -> PathBuf {
        self.folder.join(&record.image)
    }

    /// Reads the image of a record.
    ///
    /// # Errors
    /// When the file cannot be read, is no image, or has another size than the record says.
    pub fn read_image(&self, record: &Record) -> Result<GreyImage, CorpusError> {
        let path = self.image_path(record);
        let bytes = std::fs::read(&path).map_err(|source| CorpusError::Io { source, path: path.clone() })?;
        let image = decode_png_or_jpeg(&bytes).map_err(|source| CorpusError::Image { source, path: path.clone() })?;
        let [expected, found] = [[record.width, record.height], [image.width(), image.height()]];
        if expected != found {
            return Err(CorpusError::Size { expected, found, path });
        }
        Ok(image)
    }
}

fn check(record: &Record) -> Result<(), String> {
    if Path::new(&record.image).components().any(|c| !matches!(c, Component::Normal(_))) {
        return Err("expected an image path below the folder".into());
    }
    if record.width == 0 || record.height == 0 {
        return Err("expected a width and a height above 0".into());
    }
    let slack = 0.02;
    let is_outside = |bounds: &Box2<Model>| bounds.xyxy().iter().any(|c| !(-slack..=1.0 + slack).contains(c));
    for labelled in record.findings.iter().chain(&record.anatomy) {
        if is_outside(&labelled.box_in_fractions) {
            return Err(format!("expected fractions between 0 and 1, found a box of {:?} outside", labelled.label));
        }
    }
    if record.phrases.iter().flat_map(|phrase| &phrase.boxes).any(is_outside) {
        return Err("expected fractions between 0 and 1, found a box of a phrase outside".into());
    }
    Ok(())
}
