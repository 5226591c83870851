//! `BBox_List_2017.csv` of NIH ChestX-ray14.
//!
//! # Source
//! Wang et al., CVPR 2017, <https://nihcc.app.box.com/v/ChestXray-NIHCC>. The header is
//! `Image Index,Finding Label,Bbox [x,y,w,h],,,`: its brackets hold commas, so columns are known by position. Boxes are
//! `x, y, width, height` in pixels of the 1024 x 1024 PNG files, fractions of a pixel included.

use super::table::{Row, Table, parse_number};
use super::{Builder, Rows, Source, builder};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::name;

/// Width and height of every image of the set.
pub(crate) const SIZE: [u32; 2] = [1024, 1024];

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let table = Table::open(source.path, &["Image Index", "Finding Label", "Bbox [x"])?;
    let mut builder = Builder::default();
    table.for_each(rows, |row| add(&mut builder, row))?;
    Ok(builder.finish())
}

fn add(builder: &mut Builder, row: &Row) -> Result<(), String> {
    let (file, class) = (row.needed("Image Index")?, row.needed("Finding Label")?);
    let mut numbers = [0.0; 4];
    for (column, number) in (2..).zip(&mut numbers) {
        *number = parse_number(row.at(column)).ok_or_else(|| format!("expected a number in column {}", column + 1))?;
    }
    let bounds = builder::xywh(numbers)?;
    let image = builder.image(file);
    let entry = builder.entry(image);
    entry.file = Some(file.to_owned());
    entry.patient = name::nih_patient(file);
    if name::is_nih(file) {
        entry.size = Some(SIZE);
        entry.source = Some("nih".into());
    }
    builder.add_class(image, class, bounds);
    Ok(())
}
