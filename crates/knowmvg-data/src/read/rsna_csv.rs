//! `stage_2_train_labels.csv` of the RSNA Pneumonia Detection Challenge 2018.
//!
//! # Source
//! <https://www.kaggle.com/c/rsna-pneumonia-detection-challenge/data>: columns `patientId,x,y,width,height,Target`; a row
//! a box, or one row with `Target` 0 and no box. Pixels of 1024 x 1024 DICOM files named `<patientId>.dcm`. The id names
//! an exam: a person of NIH ChestX-ray14 may have several.

use super::table::{Row, Table};
use super::{Builder, Rows, Source, builder};
use crate::dataset::Dataset;
use crate::error::DataError;

/// The only class of the set.
const CLASS: &str = "Lung Opacity";
const BOX: [&str; 4] = ["x", "y", "width", "height"];

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let table = Table::open(source.path, &["patientId", "x", "y", "width", "height", "Target"])?;
    let mut builder = Builder::default();
    table.for_each(rows, |row| add(&mut builder, row))?;
    Ok(builder.finish())
}

fn add(builder: &mut Builder, row: &Row) -> Result<(), String> {
    let id = row.needed("patientId")?;
    let bounds = match row.text("Target") {
        "0" if row.is_blank(BOX) => None,
        "1" => Some(builder::xywh(row.numbers(BOX)?)?),
        _ => return Err("expected `Target` 1 with a box, or 0 without one".into()),
    };
    let image = builder.image(id);
    let entry = builder.entry(image);
    entry.file = Some(format!("{id}.dcm"));
    entry.size = Some([1024, 1024]);
    entry.source = Some("rsna".into());
    entry.patient = Some(format!("rsna:{id}"));
    entry.findings_annotated = true;
    if let Some(bounds) = bounds {
        builder.add_class(image, CLASS, bounds);
    }
    Ok(())
}
