//! ChestX-Det and ChestX-Det10.
//!
//! # Source
//! <https://github.com/Deepwise-AILab/ChestX-Det-Dataset> and `ChestX-Det10-Dataset`: a list of `{file_name, syms, boxes}`,
//! in the former with `polygons`, which are not read. `boxes` are `[x1, y1, x2, y2]` in pixels of the 1024 x 1024 images,
//! one for each of `syms`; an image without any is healthy. The files are numbered anew, so no patient can be told.

use serde::Deserialize;

use super::coco::RawBox;
use super::{Builder, Rows, Source, bounded, builder};
use crate::dataset::{Dataset, ImageEntry};
use crate::error::DataError;
use crate::name;

#[derive(Deserialize)]
struct Row {
    file_name: String,
    syms: Vec<String>,
    boxes: Vec<RawBox>,
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let list: Vec<Row> = bounded::read_json(source.path)?;
    let split = name::split(source.path);
    let mut builder = Builder::default();
    for (index, row) in list.iter().enumerate() {
        rows.next(source.path)?;
        let added = add(&mut builder, row, split.as_deref());
        rows.check(source.path, index + 1, added)?;
    }
    Ok(builder.finish())
}

fn add(builder: &mut Builder, row: &Row, split: Option<&str>) -> Result<(), String> {
    if row.syms.len() != row.boxes.len() {
        return Err(format!("expected a box for each of {} names, found {}", row.syms.len(), row.boxes.len()));
    }
    let boxes: Vec<_> = row.boxes.iter().map(|raw| builder::xyxy(raw.numbers()?)).collect::<Result<_, String>>()?;
    if builder.has(&row.file_name) {
        return Err("expected one entry an image, found another of the same file".into());
    }
    let entry = || ImageEntry {
        id: row.file_name.clone(),
        file: Some(row.file_name.clone()),
        size: Some([1024, 1024]),
        patient: name::nih_patient(&row.file_name),
        split: split.map(str::to_owned),
        source: Some("chestx-det".into()),
        findings_annotated: true,
        ..ImageEntry::default()
    };
    let image = builder.find_or_add(&row.file_name, entry);
    row.syms.iter().zip(boxes).for_each(|(class, bounds)| builder.add_class(image, class, bounds));
    Ok(())
}
