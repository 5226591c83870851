//! File or folder → [`Dataset`]. Rows about one image and one statement become one target with several boxes.

use std::path::{Path, PathBuf};

use crate::dataset::Dataset;
use crate::error::{DataError, RowProblem};
use crate::format::Format;

pub(crate) mod bounded;
mod builder;
mod chestx_det;
mod coco;
pub(crate) mod corpus;
pub(crate) mod folder;
mod label_studio;
mod mrg_jsonl;
mod mrg_pth;
mod ms_cxr_csv;
mod ms_cxr_json;
mod nih_csv;
mod padchest_gr;
mod rows;
mod rsna_csv;
mod slicer;
mod table;
mod torch_zip;
mod vindr_csv;
mod voc;
pub(crate) mod yolo;

pub(crate) use builder::Builder;
pub(crate) use nih_csv::SIZE as NIH_SIZE;
pub(crate) use rows::Rows;

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadOptions {
    /// Its format; guessed from the content if absent.
    pub format: Option<Format>,
    /// Width and height of a pixel, for formats in millimetres.
    ///
    /// # Units
    /// Millimetres; PNG and JPEG files have 1 x 1 in 3D Slicer.
    pub spacing: [f64; 2],
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { format: None, spacing: [1.0, 1.0] }
    }
}

/// What is read: where it is, and how.
pub(crate) struct Source<'a> {
    pub path: &'a Path,
    pub spacing: [f64; 2],
}

/// Reads a file or folder; the first broken row is an error.
///
/// Boxes outside the image or without area are read as they are: [`crate::check()`] lists them.
///
/// # Errors
/// When the file cannot be read, is too large, has another format, or a row is broken.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset, DataError> {
    let mut rows = Rows::strict();
    read_into(path, options, &mut rows)
}

/// Reads a file or folder, leaves broken rows out and lists them.
///
/// # Errors
/// When the file cannot be read, is too large, or has another format.
pub fn read_leniently(path: &Path, options: &ReadOptions) -> Result<(Dataset, Vec<RowProblem>), DataError> {
    let mut rows = Rows::lenient();
    let dataset = read_into(path, options, &mut rows)?;
    Ok((dataset, rows.into_problems()))
}

fn read_into(path: &Path, options: &ReadOptions, rows: &mut Rows) -> Result<Dataset, DataError> {
    let format = options.format.map_or_else(|| Format::guess(path), Ok)?;
    let source = Source { path, spacing: options.spacing };
    let read = match format {
        Format::Corpus => corpus::read,
        Format::Coco => coco::read,
        Format::Voc => voc::read,
        Format::Yolo => yolo::read,
        Format::LabelStudio => label_studio::read,
        Format::Slicer => slicer::read,
        Format::NihCsv => nih_csv::read,
        Format::MrgPth => mrg_pth::read,
        Format::MrgJsonl => mrg_jsonl::read,
        Format::MsCxrCsv => ms_cxr_csv::read,
        Format::MsCxrJson => ms_cxr_json::read,
        Format::ChestXDet => chestx_det::read,
        Format::RsnaCsv => rsna_csv::read,
        Format::VindrCsv => vindr_csv::read,
        Format::PadchestGr => padchest_gr::read,
    };
    read(&source, rows)
}

/// Where the images of a format lie if nothing else is said: beside its file.
pub fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.to_owned() } else { path.parent().unwrap_or(Path::new("")).to_owned() }
}
