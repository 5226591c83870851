//! A table of boxes as `BBox_List_2017.csv` has it; see [`crate::read`].

use std::io::Write;
use std::path::Path;

use super::{create, finish, xywh};
use crate::dataset::Dataset;
use crate::error::DataError;

/// The header of the original, whose brackets take four columns and which ends in three empty ones.
const HEADER: &str = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n";

pub(super) fn write(dataset: &Dataset, path: &Path) -> Result<(), DataError> {
    let mut file = create(path)?;
    file.write_all(HEADER.as_bytes()).map_err(DataError::io(path))?;
    for entry in &dataset.images {
        for target in &entry.targets {
            for bounds in &target.boxes {
                let [x, y, w, h] = xywh(bounds);
                let (image, class) = (quoted(&entry.id), quoted(&target.text));
                writeln!(file, "{image},{class},{x},{y},{w},{h},,,").map_err(DataError::io(path))?;
            }
        }
    }
    finish(file, path, b"")
}

/// The cell, in quotes if it needs them (RFC 4180).
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
