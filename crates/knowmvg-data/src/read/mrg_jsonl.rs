//! MRG lists as JSON Lines: `{"image", "box_xywh_640", "report", "phrase"}`.
//!
//! # Source
//! The lists of uMedGround (TPAMI 2025), see [`super::mrg_pth`], one row a line.

use serde::Deserialize;

use super::mrg_pth::{MrgRow, add_row};
use super::{Builder, Rows, Source, bounded};
use crate::dataset::Dataset;
use crate::error::{DataError, json_problem};
use crate::name;

#[derive(Deserialize)]
struct Line {
    image: String,
    box_xywh_640: [f64; 4],
    report: String,
    phrase: String,
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let split = name::split(source.path);
    let mut builder = Builder::default();
    bounded::for_each_line(source.path, |number, text| {
        rows.next(source.path)?;
        let added = parse(text).and_then(|row| add_row(&mut builder, row, split.as_deref()));
        rows.check(source.path, number, added).map(|_| ())
    })?;
    Ok(builder.finish())
}

fn parse(text: &str) -> Result<MrgRow, String> {
    let Line { image, box_xywh_640, report, phrase } = serde_json::from_str(text).map_err(|e| json_problem(&e))?;
    Ok(MrgRow { image, report: Some(report), phrases: vec![(phrase, box_xywh_640)], class: None })
}
