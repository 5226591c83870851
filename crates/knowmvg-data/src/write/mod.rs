//! [`Dataset`] → file or folder, with a list of what the format cannot hold.

mod coco;
mod corpus;
mod label_studio;
mod nih_csv;
mod slicer;
mod voc;
mod yolo;

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::format::Format;
use crate::project::{Loss, project, unwritable};

/// How a data set is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WriteOptions {
    /// The format.
    pub format: Format,
    /// Width and height of a pixel, for formats in millimetres.
    ///
    /// # Units
    /// Millimetres; PNG and JPEG files have 1 x 1 in 3D Slicer.
    pub spacing: [f64; 2],
}

/// Writes a data set and returns what the format does not hold. Folder formats make a folder, the others a file.
///
/// # Errors
/// When the format can only be read or cannot hold the data set at all, when the file exists or the folder is not empty,
/// or when something cannot be written.
pub fn write(dataset: &Dataset, path: &Path, options: &WriteOptions) -> Result<Vec<Loss>, DataError> {
    let (projected, losses) = project(dataset, options.format)?;
    match options.format {
        Format::Corpus => corpus::write(&projected, path)?,
        Format::Coco => coco::write(&projected, path)?,
        Format::Voc => voc::write(&projected, path)?,
        Format::Yolo => yolo::write(&projected, path)?,
        Format::LabelStudio => label_studio::write(&projected, path)?,
        Format::Slicer => slicer::write(&projected, path, options.spacing)?,
        Format::NihCsv => nih_csv::write(&projected, path)?,
        other => return Err(unwritable(other, "can only be read")),
    }
    Ok(losses)
}

/// A new file; one that exists is an error.
fn create(path: &Path) -> Result<BufWriter<File>, DataError> {
    OpenOptions::new().write(true).create_new(true).open(path).map(BufWriter::new).map_err(DataError::io(path))
}

/// A new file below a folder, with the folders in between.
fn create_below(folder: &Path, below: &Path) -> Result<BufWriter<File>, DataError> {
    let path = folder.join(below);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(DataError::io(parent))?;
    }
    create(&path)
}

/// Makes a folder; one that has files is an error.
fn create_folder(path: &Path) -> Result<(), DataError> {
    fs::create_dir_all(path).map_err(DataError::io(path))?;
    let is_empty = fs::read_dir(path).map_err(DataError::io(path))?.next().is_none();
    if is_empty { Ok(()) } else { Err(DataError::file(path, "expected a new or empty folder, found one with files")) }
}

/// Writes bytes and closes the file, so that a full disk is an error.
fn finish(mut file: BufWriter<File>, path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    file.write_all(bytes).and_then(|()| file.flush()).map_err(DataError::io(path))
}

/// A value as indented JSON with a line break.
fn json(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("plain data is JSON");
    bytes.push(b'\n');
    bytes
}

/// The corners as x, y, width, height.
fn xywh(bounds: &knowmvg::geometry::Box2<knowmvg::geometry::Image>) -> [f64; 4] {
    let [x0, y0, _, _] = bounds.xyxy();
    [x0, y0, bounds.width(), bounds.height()]
}

/// The names of all classes in the order of their first use.
fn classes(dataset: &Dataset) -> Vec<&str> {
    let mut seen = std::collections::HashSet::new();
    let names = dataset.images.iter().flat_map(|entry| &entry.targets).map(|target| target.text.as_str());
    names.filter(|name| seen.insert(*name)).collect()
}

/// The position of each class in [`classes`].
fn positions<'a>(classes: &[&'a str]) -> std::collections::HashMap<&'a str, usize> {
    classes.iter().enumerate().map(|(position, class)| (*class, position)).collect()
}
