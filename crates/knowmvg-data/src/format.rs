//! The formats, their names, and which one a file has.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::DataError;
use crate::limits::MAX_DOCUMENT_BYTES;
use crate::read::{bounded, folder};

/// A format of annotation files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// This project's corpus: `annotations.jsonl` in a folder, or a JSON Lines file.
    Corpus,
    /// Common Objects in Context, object detection.
    Coco,
    /// Pascal VOC: one XML file an image.
    Voc,
    /// YOLO: one text file an image, and the names of the classes.
    Yolo,
    /// Export of Label Studio as JSON, rectangles.
    LabelStudio,
    /// ROI markups of 3D Slicer, one file an image.
    Slicer,
    /// NIH ChestX-ray14, `BBox_List_2017.csv`.
    NihCsv,
    /// MRG lists as published with uMedGround, `.pth`.
    MrgPth,
    /// MRG lists as JSON Lines.
    MrgJsonl,
    /// MS-CXR as CSV.
    MsCxrCsv,
    /// MS-CXR as JSON.
    MsCxrJson,
    /// ChestX-Det and ChestX-Det10.
    ChestXDet,
    /// RSNA Pneumonia Detection Challenge, stage 2.
    RsnaCsv,
    /// VinDr-CXR, as on PhysioNet or as on Kaggle.
    VindrCsv,
    /// PadChest-GR.
    PadchestGr,
}

/// What one unit of the source's coordinates is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A pixel of the image file.
    Image,
    /// A pixel of the image scaled so that its longer side has this many.
    LongSide(u32),
    /// The width or the height of the image.
    Fraction,
}

impl Format {
    /// All of them; those that can be written come first.
    pub const ALL: [Self; 15] = [
        Self::Corpus,
        Self::Coco,
        Self::Voc,
        Self::Yolo,
        Self::LabelStudio,
        Self::Slicer,
        Self::NihCsv,
        Self::MrgPth,
        Self::MrgJsonl,
        Self::MsCxrCsv,
        Self::MsCxrJson,
        Self::ChestXDet,
        Self::RsnaCsv,
        Self::VindrCsv,
        Self::PadchestGr,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Corpus => "corpus",
            Self::Coco => "coco",
            Self::Voc => "voc",
            Self::Yolo => "yolo",
            Self::LabelStudio => "label-studio",
            Self::Slicer => "slicer",
            Self::NihCsv => "nih-csv",
            Self::MrgPth => "mrg-pth",
            Self::MrgJsonl => "mrg-jsonl",
            Self::MsCxrCsv => "ms-cxr-csv",
            Self::MsCxrJson => "ms-cxr-json",
            Self::ChestXDet => "chestx-det",
            Self::RsnaCsv => "rsna-csv",
            Self::VindrCsv => "vindr-csv",
            Self::PadchestGr => "padchest-gr",
        }
    }

    /// What it is, in a few words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Corpus => "folder with annotations.jsonl, or that file; fractions of the image",
            Self::Coco => "COCO object detection, one JSON file; pixels",
            Self::Voc => "Pascal VOC, folder of XML files; pixels counted from 1",
            Self::Yolo => "YOLO, folder of text files with classes.txt or data.yaml; fractions",
            Self::LabelStudio => "Label Studio JSON export, rectangles; percent",
            Self::Slicer => "3D Slicer ROI markups, folder of .mrk.json files; millimetres, LPS or RAS",
            Self::NihCsv => "NIH BBox_List_2017.csv; pixels",
            Self::MrgPth => "MRG lists of uMedGround, .pth; pixels at a longer side of 640",
            Self::MrgJsonl => "MRG lists as JSON Lines; pixels at a longer side of 640",
            Self::MsCxrCsv => "MS-CXR, CSV; pixels",
            Self::MsCxrJson => "MS-CXR, COCO-style JSON; pixels",
            Self::ChestXDet => "ChestX-Det and ChestX-Det10, JSON; pixels of 1024 x 1024",
            Self::RsnaCsv => "RSNA Pneumonia Detection stage 2, CSV; pixels of 1024 x 1024",
            Self::VindrCsv => "VinDr-CXR, CSV of PhysioNet or Kaggle; pixels of the DICOM file",
            Self::PadchestGr => "PadChest-GR, JSON; fractions",
        }
    }

    /// What one unit of the source's coordinates is.
    pub fn frame(self) -> Frame {
        match self {
            Self::MrgPth | Self::MrgJsonl => Frame::LongSide(640),
            Self::Yolo | Self::PadchestGr | Self::Corpus | Self::LabelStudio => Frame::Fraction,
            _ => Frame::Image,
        }
    }

    /// Whether it can be written.
    pub fn is_writable(self) -> bool {
        Self::ALL[..7].contains(&self)
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The format of a file or folder, by its content.
    ///
    /// # Errors
    /// When it cannot be read, or looks like none of the formats.
    pub fn guess(path: &Path) -> Result<Self, DataError> {
        let found = if path.is_dir() { guess_folder(path)? } else { guess_file(path)? };
        let problem = "expected one of the formats that `knowmvg data formats` lists, found another";
        found.ok_or_else(|| DataError::file(path, problem))
    }
}

fn guess_folder(path: &Path) -> Result<Option<Format>, DataError> {
    if path.join("annotations.jsonl").is_file() {
        return Ok(Some(Format::Corpus));
    }
    let files = folder::files(path)?;
    let any = |extension: &str| files.iter().any(|file| file.to_string_lossy().ends_with(extension));
    Ok(if any(".mrk.json") {
        Some(Format::Slicer)
    } else if any(".xml") {
        Some(Format::Voc)
    } else if crate::read::yolo::classes_file(path).is_some() {
        Some(Format::Yolo)
    } else {
        None
    })
}

fn guess_file(path: &Path) -> Result<Option<Format>, DataError> {
    let mut head = vec![];
    let file = File::open(path).map_err(DataError::io(path))?;
    file.take(1 << 16).read_to_end(&mut head).map_err(DataError::io(path))?;
    if head.starts_with(b"PK\x03\x04") || head.first() == Some(&0x80) {
        return Ok(Some(Format::MrgPth));
    }
    let text = String::from_utf8_lossy(&head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    match text.chars().next() {
        Some('{' | '[') => guess_json(path, text),
        Some('<') => Ok(text.contains("<annotation").then_some(Format::Voc)),
        _ => Ok(guess_csv(text.lines().next().unwrap_or(""))),
    }
}

fn guess_csv(header: &str) -> Option<Format> {
    let has = |word: &str| header.split(',').any(|column| column.trim().trim_matches('"') == word);
    if has("Image Index") && header.contains("Bbox") {
        Some(Format::NihCsv)
    } else if has("patientId") && has("Target") {
        Some(Format::RsnaCsv)
    } else if has("dicom_id") && has("label_text") {
        Some(Format::MsCxrCsv)
    } else if has("image_id") && has("x_min") {
        Some(Format::VindrCsv)
    } else {
        None
    }
}

fn guess_json(path: &Path, head: &str) -> Result<Option<Format>, DataError> {
    let line = head.lines().next().unwrap_or("");
    if line.contains("\"box_xywh_640\"") {
        return Ok(Some(Format::MrgJsonl));
    }
    // A first line that is an object by itself is a row.
    let is_row = line.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok();
    if is_row && line.contains("\"id\"") && ["findings", "image", "phrases"].iter().any(|key| line.contains(key)) {
        return Ok(Some(Format::Corpus));
    }
    let whole = bounded::read(path, MAX_DOCUMENT_BYTES)?;
    let whole = String::from_utf8_lossy(&whole);
    let has = |key: &str| whole.contains(&format!("\"{key}\""));
    Ok(match head.chars().next() {
        Some('{') if has("markups") => Some(Format::Slicer),
        Some('{') if has("annotations") && has("label_text") => Some(Format::MsCxrJson),
        Some('{') if has("images") && has("annotations") => Some(Format::Coco),
        Some('{') if has("id") && has("findings_annotated") => Some(Format::Corpus),
        Some('[') if has("syms") => Some(Format::ChestXDet),
        Some('[') if has("ImageID") => Some(Format::PadchestGr),
        Some('[') if has("data") && (has("annotations") || has("result")) => Some(Format::LabelStudio),
        _ => None,
    })
}
