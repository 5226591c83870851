//! ROI markups of 3D Slicer, one file an image; see [`crate::read`]. A box is one pixel deep.

use std::path::Path;

use knowmvg::geometry::{Box2, Image};
use serde_json::{Value, json};

use super::{create_below, create_folder, finish};
use crate::dataset::{Dataset, ImageEntry};
use crate::error::DataError;
use crate::project::written_path;

/// What the schema calls itself; the address is the name that every version of Slicer knows.
const SCHEMA: &str = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#";
/// The axes of the box are those of the image.
const STRAIGHT: [f64; 9] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];

pub(super) fn write(dataset: &Dataset, path: &Path, spacing: [f64; 2]) -> Result<(), DataError> {
    if !spacing.iter().all(|spacing| spacing.is_finite() && *spacing > 0.0) {
        return Err(DataError::file(path, "expected a spacing above 0"));
    }
    create_folder(path)?;
    for entry in &dataset.images {
        let below = written_path(entry, ".mrk.json");
        let document = json!({ "@schema": SCHEMA, "markups": markups(entry, spacing) });
        finish(create_below(path, &below)?, &path.join(&below), &super::json(&document))?;
    }
    Ok(())
}

fn markups(entry: &ImageEntry, spacing: [f64; 2]) -> Vec<Value> {
    let boxes = entry.targets.iter().flat_map(|target| target.boxes.iter().map(|bounds| (&target.text, bounds)));
    boxes.map(|(class, bounds)| markup(class, bounds, spacing)).collect()
}

fn markup(class: &str, bounds: &Box2<Image>, [sx, sy]: [f64; 2]) -> Value {
    let [cx, cy, width, height] = bounds.cxcywh();
    let center = [(cx - 0.5) * sx, (cy - 0.5) * sy, 0.0];
    json!({
        "type": "ROI",
        "name": class,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "roiType": "Box",
        "center": center,
        "orientation": STRAIGHT,
        "size": [width * sx, height * sy, 1.0],
        "insideOut": false,
        "controlPoints": [{ "id": "1", "label": class, "position": center, "orientation": STRAIGHT, "positionStatus": "defined" }],
    })
}
