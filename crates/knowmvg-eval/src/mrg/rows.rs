//! Rows of the benchmark's files.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use knowmvg::geometry::{Box2, Image, Model};
use serde::Deserialize;

use crate::{Item, Target, Task};

/// Side of the frame in which the benchmark gives its boxes.
///
/// # Units
/// Pixels.
pub const SIDE: u32 = 640;
/// Longest line.
///
/// # Units
/// Bytes.
pub const MAX_LINE_BYTES: u64 = 1 << 20;
/// Most rows of a file.
pub const MAX_ROWS: usize = 100_000;

/// One row of the benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct MrgRow {
    /// Name of the image file.
    pub image: String,
    /// In the frame of [`SIDE`].
    pub bounds: Box2<Image>,
    /// What a system reads.
    pub report: String,
    /// What the report was written from; tells where the box is.
    pub phrase: String,
}

/// Why a file of the benchmark could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MrgError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// A line is no row.
    #[error("line {line} of {}: {problem}", path.display())]
    Row {
        /// 1-based.
        line: usize,
        /// What was expected and what was found.
        problem: String,
        /// The file.
        path: PathBuf,
    },
}

/// As it stands in the file.
#[derive(Deserialize)]
struct Raw {
    image: String,
    box_xywh_640: [f64; 4],
    report: String,
    phrase: String,
}

/// Reads all rows of a file.
///
/// # Errors
/// When the file cannot be read, is longer than the limits, or a line is no row.
pub fn read_rows(path: &Path) -> Result<Vec<MrgRow>, MrgError> {
    let io = |source| MrgError::Io { source, path: path.to_owned() };
    let mut reader = BufReader::new(File::open(path).map_err(io)?);
    let mut rows = Vec::new();
    for line in 1.. {
        let mut bytes = Vec::new();
        (&mut reader).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut bytes).map_err(io)?;
        if bytes.is_empty() {
            break;
        }
        let wrong = |problem: String| MrgError::Row { line, problem, path: path.to_owned() };
        if bytes.len() as u64 > MAX_LINE_BYTES {
            return Err(wrong(format!("expected at most {MAX_LINE_BYTES} bytes, found more")));
        }
        if rows.len() == MAX_ROWS {
            return Err(wrong(format!("expected at most {MAX_ROWS} rows, found more")));
        }
        if !bytes.trim_ascii().is_empty() {
            rows.push(row(&bytes).map_err(wrong)?);
        }
    }
    Ok(rows)
}

/// Messages never quote the line, which holds a report.
fn row(bytes: &[u8]) -> Result<MrgRow, String> {
    let raw: Raw = serde_json::from_slice(bytes).map_err(|e| {
        let column = e.column();
        format!(
            "expected an object with image, box_xywh_640, report and phrase, found something else at column {column}"
        )
    })?;
    let bounds = Box2::from_xywh(raw.box_xywh_640).map_err(|e| e.to_string())?;
    let side = f64::from(SIDE);
    if bounds.xyxy().iter().any(|c| !(0.0..=side).contains(c)) || bounds.area() <= 0.0 {
        return Err(format!("expected a box with an area inside of {SIDE} x {SIDE} pixels, found {:?}", bounds.xyxy()));
    }
    Ok(MrgRow { image: raw.image, bounds, report: raw.report, phrase: raw.phrase })
}

impl MrgRow {
    /// The patient, whose number NIH's file names begin with.
    pub fn patient(&self) -> &str {
        self.image.split('_').next().unwrap_or(&self.image)
    }

    /// The class of the ground-truth phrase.
    pub fn label(&self) -> String {
        self.phrase.split(',').next().unwrap_or(&self.phrase).trim().to_lowercase()
    }

    /// The box in fractions of the frame.
    pub fn on_square(&self) -> Box2<Model> {
        let corners = self.bounds.xyxy().map(|c| c / f64::from(SIDE));
        Box2::from_xyxy(corners).expect("scaling keeps a box a box")
    }

    /// The question to a system: the report, and nothing of the phrase.
    pub fn item(&self, id: String, level: &str) -> Item {
        Item {
            id,
            image: self.image.clone(),
            patient: self.patient().to_owned(),
            source: "mrg-chestx-ray8".into(),
            size: [SIDE, SIDE],
            task: Task::Report,
            text: self.report.clone(),
            level: Some(level.to_owned()),
            answer: None,
            targets: vec![Target { label: self.label(), text: Some(self.phrase.clone()), boxes: vec![self.bounds] }],
        }
    }
}

/// A box on the square in the frame of [`SIDE`].
pub fn in_frame(bounds: &Box2<Model>) -> Box2<Image> {
    let side = f64::from(SIDE);
    let corners = bounds.xyxy().map(|c| (c * side).clamp(0.0, side));
    Box2::from_xyxy(corners).expect("scaling keeps a box a box")
}
