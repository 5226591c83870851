//! `MS_CXR_Local_Alignment_v1.1.0.csv`.
//!
//! # Source
//! Boecking et al., ECCV 2022, <https://physionet.org/content/ms-cxr/1.1.0/>: columns
//! `dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height,split`; a row a box, so the phrase is repeated
//! where it has several. Pixels of the JPEG file of MIMIC-CXR-JPG. Version 0.1 has no `split`.

use super::table::{Row, Table};
use super::{Builder, Rows, Source, builder};
use crate::dataset::{Dataset, Target, TargetKind};
use crate::error::DataError;
use crate::name;

const COLUMNS: [&str; 9] =
    ["dicom_id", "category_name", "label_text", "x", "y", "w", "h", "image_width", "image_height"];

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let table = Table::open(source.path, &COLUMNS)?;
    let mut builder = Builder::default();
    table.for_each(rows, |row| add(&mut builder, row))?;
    Ok(builder.finish())
}

fn add(builder: &mut Builder, row: &Row) -> Result<(), String> {
    let id = row.needed("dicom_id")?;
    let bounds = builder::xywh(row.numbers(["x", "y", "w", "h"])?)?;
    let size = row.size(["image_width", "image_height"])?;
    let phrase = Target {
        kind: TargetKind::Phrase,
        text: row.needed("label_text")?.to_owned(),
        label: Some(row.needed("category_name")?.to_owned()),
        answer: None,
        boxes: vec![bounds],
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let is_new = !builder.has(id);
    let image = builder.image(id);
    let entry = builder.entry(image);
    if !is_new && entry.size != Some(size) {
        return Err("expected the image size of the image's first row, found another".into());
    }
    entry.size = Some(size);
    entry.file = given(row.text("path"));
    entry.patient = name::mimic_patient(row.text("path"));
    entry.split = given(row.text("split"));
    entry.source = Some("ms-cxr".into());
    builder.add(image, phrase);
    Ok(())
}
