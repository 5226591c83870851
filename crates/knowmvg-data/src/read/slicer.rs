//! ROI markups of 3D Slicer: a folder of `<image>.mrk.json` files, or one such file.
//!
//! The name of a markup is its class; without one, the label of its first control point is. Markups that are no box, e.g.
//! points and curves, are not read. The file names the image, and does not tell its size.
//!
//! # Units
//! Millimetres, `LPS` or `RAS`. An image file without an orientation has its rows along L and its columns along P, and the
//! centre of its top-left pixel at the origin, so a corner of a box lies at `pixel = mm / spacing + 1/2`.
//!
//! # Source
//! `markups-schema-v1.0.3.json` of Slicer's module Markups; <https://slicer.readthedocs.io> ("Coordinate systems").

use std::path::Path;

use serde::Deserialize;

use knowmvg::geometry::{Box2, Image};

use super::{Builder, Rows, Source, bounded, builder, folder};
use crate::dataset::{Dataset, ImageEntry};
use crate::error::{DataError, json_problem};
use crate::limits::MAX_SMALL_FILE_BYTES;

/// The ending of the files.
pub(crate) const ENDING: &str = ".mrk.json";
/// How far an axis of a box may be from an axis of the image; Slicer rounds to fewer digits than these.
const STRAIGHT: f64 = 1e-6;

#[derive(Deserialize)]
struct Document {
    markups: Vec<Markup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Markup {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    coordinate_system: Option<String>,
    #[serde(default)]
    coordinate_units: Option<String>,
    #[serde(default)]
    roi_type: Option<String>,
    #[serde(default)]
    center: Option<[f64; 3]>,
    #[serde(default)]
    orientation: Option<[f64; 9]>,
    #[serde(default)]
    size: Option<[f64; 3]>,
    #[serde(default)]
    control_points: Vec<ControlPoint>,
}

#[derive(Deserialize)]
struct ControlPoint {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    position: Option<[f64; 3]>,
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    if !source.spacing.iter().all(|spacing| spacing.is_finite() && *spacing > 0.0) {
        return Err(DataError::file(source.path, "expected a spacing above 0"));
    }
    let mut builder = Builder::default();
    for path in folder::files_ending(source.path, ENDING)? {
        read_file(source, &path, &mut builder, rows)?;
    }
    Ok(builder.finish())
}

fn read_file(source: &Source, path: &Path, builder: &mut Builder, rows: &mut Rows) -> Result<(), DataError> {
    rows.next(path)?;
    let text = bounded::read_text(path, MAX_SMALL_FILE_BYTES)?;
    let parsed = serde_json::from_str(&text).map_err(|e| json_problem(&e));
    let Some(document) = rows.check::<Document>(path, 1, parsed)? else { return Ok(()) };
    let id = folder::id_below(source.path, path, ENDING);
    let entry = || ImageEntry { id: id.clone(), findings_annotated: true, ..ImageEntry::default() };
    let image = builder.find_or_add(&id, entry);
    for (index, markup) in document.markups.iter().enumerate().filter(|(_, markup)| markup.kind == "ROI") {
        rows.next(path)?;
        let read = markup.class().and_then(|class| Ok((class, markup.bounds(source.spacing)?)));
        if let Some((class, bounds)) = rows.check(path, index + 1, read)? {
            builder.add_class(image, class, bounds);
        }
    }
    Ok(())
}

impl Markup {
    fn class(&self) -> Result<&str, String> {
        let label = || self.control_points.first().and_then(|point| point.label.as_deref());
        let class = self.name.as_deref().or_else(label).filter(|class| !class.is_empty());
        class.ok_or_else(|| "expected a name of the markup, found none".into())
    }

    fn bounds(&self, spacing: [f64; 2]) -> Result<Box2<Image>, String> {
        if self.roi_type.as_deref().is_some_and(|kind| kind != "Box") {
            return Err("expected the ROI type `Box`, found another".into());
        }
        self.check_straight()?;
        let [width, height, _] = self.size.ok_or("expected a `size`, found none")?;
        let position = || self.control_points.first().and_then(|point| point.position);
        let [x, y, _] = self.center.or_else(position).ok_or("expected a `center`, found none")?;
        let sign = self.sign_to_lps()?;
        let (cx, cy) = (sign * x / spacing[0] + 0.5, sign * y / spacing[1] + 0.5);
        let (width, height) = (width / spacing[0], height / spacing[1]);
        builder::xyxy([cx - width / 2.0, cy - height / 2.0, cx + width / 2.0, cy + height / 2.0])
    }

    fn sign_to_lps(&self) -> Result<f64, String> {
        if self.coordinate_units.as_deref().is_some_and(|units| units != "mm") {
            return Err("expected millimetres, found another unit".into());
        }
        match self.coordinate_system.as_deref() {
            None | Some("LPS") => Ok(1.0),
            Some("RAS") => Ok(-1.0),
            Some(_) => Err("expected the coordinate system LPS or RAS, found another".into()),
        }
    }

    fn check_straight(&self) -> Result<(), String> {
        let axes = self.orientation.unwrap_or([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        let is_straight = |(at, axis): (usize, &f64)| (axis.abs() - f64::from(at % 4 == 0)).abs() <= STRAIGHT;
        match axes.iter().enumerate().all(is_straight) {
            true => Ok(()),
            false => Err("expected a box along the axes of the image, found a turned one".into()),
        }
    }
}
