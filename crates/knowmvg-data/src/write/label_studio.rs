//! Label Studio tasks with annotations, as its export and its import have them; see [`crate::read`].

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{create, finish, xywh};
use crate::dataset::{Dataset, ImageEntry, UNIT_FRAME};
use crate::error::DataError;

pub(super) fn write(dataset: &Dataset, path: &Path) -> Result<(), DataError> {
    let tasks: Vec<Value> = (1..).zip(&dataset.images).map(|(id, entry)| task(id, entry)).collect();
    finish(create(path)?, path, &super::json(&tasks))
}

fn task(id: usize, entry: &ImageEntry) -> Value {
    let annotation = json!({ "result": regions(entry) });
    let annotations = if entry.findings_annotated { vec![annotation] } else { vec![] };
    json!({ "id": id, "data": data(entry), "annotations": annotations })
}

fn data(entry: &ImageEntry) -> Map<String, Value> {
    let mut data = Map::new();
    let texts = [
        ("image", entry.file.as_ref()),
        ("image_id", Some(&entry.id)),
        ("patient", entry.patient.as_ref()),
        ("split", entry.split.as_ref()),
        ("source", entry.source.as_ref()),
        ("report", entry.report.as_ref()),
    ];
    data.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text?)))));
    if let Some([width, height]) = entry.size.filter(|size| *size != UNIT_FRAME) {
        data.extend([("width".to_owned(), json!(width)), ("height".to_owned(), json!(height))]);
    }
    data
}

fn regions(entry: &ImageEntry) -> Vec<Value> {
    let size = entry.size.unwrap_or(UNIT_FRAME);
    let boxes = entry.targets.iter().flat_map(|target| target.boxes.iter().map(move |bounds| (target, bounds)));
    let region = |(number, (target, bounds)): (usize, (&crate::dataset::Target, _))| {
        let [x, y, width, height] = xywh(bounds);
        let [sx, sy] = size.map(|side| 100.0 / f64::from(side));
        let mut region = json!({
            "id": format!("box-{number}"),
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "image_rotation": 0,
            "value": {
                "x": x * sx, "y": y * sy, "width": width * sx, "height": height * sy, "rotation": 0,
                "rectanglelabels": [target.text],
            },
        });
        if size != UNIT_FRAME {
            region["original_width"] = json!(size[0]);
            region["original_height"] = json!(size[1]);
        }
        region
    };
    (1..).zip(boxes).map(region).collect()
}
