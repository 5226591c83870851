//! `annotations_train.csv`, `annotations_test.csv` (PhysioNet) and `train.csv` (Kaggle) of VinDr-CXR.
//!
//! # Source
//! Nguyen et al., Scientific Data 2022, <https://physionet.org/content/vindr-cxr/1.0.0/>: columns `image_id`,
//! `class_name`, `x_min,y_min,x_max,y_max` and, for training, `rad_id`. Pixels of the DICOM file, whose size the table does
//! not tell. `No finding` has no box. Every training image was read by three radiologists: the boxes of all of them are
//! kept, so one finding may have three.

use super::table::{Row, Table};
use super::{Builder, Rows, Source, builder};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::name;

const BOX: [&str; 4] = ["x_min", "y_min", "x_max", "y_max"];
const NOTHING: &str = "No finding";

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let table = Table::open(source.path, &["image_id", "class_name", "x_min", "y_min", "x_max", "y_max"])?;
    let split = name::split(source.path);
    let mut builder = Builder::default();
    table.for_each(rows, |row| add(&mut builder, row, split.as_deref()))?;
    Ok(builder.finish())
}

fn add(builder: &mut Builder, row: &Row, split: Option<&str>) -> Result<(), String> {
    let (id, class) = (row.needed("image_id")?, row.needed("class_name")?);
    let bounds = match (class == NOTHING, row.is_blank(BOX)) {
        (true, true) => None,
        (false, false) => Some(builder::xyxy(row.numbers(BOX)?)?),
        (true, false) => return Err("expected no box for `No finding`, found one".into()),
        (false, true) => return Err("expected a box for a finding, found none".into()),
    };
    let image = builder.image(id);
    let entry = builder.entry(image);
    entry.file = Some(format!("{id}.dicom"));
    entry.source = Some("vindr".into());
    entry.split = split.map(str::to_owned);
    entry.findings_annotated = true;
    if let Some(bounds) = bounds {
        builder.add_class(image, class, bounds);
    }
    Ok(())
}
