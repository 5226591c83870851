//! JSON export of Label Studio: rectangles with labels (`RectangleLabels`).
//!
//! Annotations that were cancelled and predictions are not read; those of several annotators are all read. A task without
//! annotations was not looked at. Polygons, brushes and choices are other results and not read. Beside `image`, the keys
//! `image_id`, `width`, `height`, `patient`, `split`, `source` and `report` of `data` are read if they are texts or numbers.
//!
//! # Units
//! Percent of the image's width and height, from its top-left corner.
//!
//! # Source
//! <https://labelstud.io/guide/export> ("Units of image annotations"), <https://labelstud.io/guide/task_format>.

use serde::Deserialize;
use serde_json::Value;

use super::{Builder, Rows, Source, bounded, builder};
use crate::dataset::{Dataset, ImageEntry, UNIT_FRAME};
use crate::error::DataError;

#[derive(Deserialize)]
struct Task {
    data: Data,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Data {
    image: String,
    #[serde(default)]
    image_id: Value,
    #[serde(default)]
    width: Value,
    #[serde(default)]
    height: Value,
    #[serde(default)]
    patient: Value,
    #[serde(default)]
    split: Value,
    #[serde(default)]
    source: Value,
    #[serde(default)]
    report: Value,
}

#[derive(Deserialize)]
struct Annotation {
    result: Vec<Region>,
    #[serde(default)]
    was_cancelled: bool,
}

#[derive(Deserialize)]
struct Region {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    original_width: Option<u32>,
    #[serde(default)]
    original_height: Option<u32>,
    #[serde(default)]
    image_rotation: f64,
    #[serde(default)]
    value: RegionValue,
}

#[derive(Deserialize, Default)]
struct RegionValue {
    x: Option<f64>,
    y: Option<f64>,
    width: Option<f64>,
    height: Option<f64>,
    #[serde(default)]
    rotation: f64,
    #[serde(default)]
    rectanglelabels: Vec<String>,
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let tasks: Vec<Task> = bounded::read_json(source.path)?;
    let mut builder = Builder::default();
    for (index, task) in tasks.iter().enumerate() {
        rows.next(source.path)?;
        let size = size(task);
        let Some(size) = rows.check(source.path, index + 1, size)? else { continue };
        let image = add_image(&mut builder, index, task, size);
        for region in regions(task) {
            rows.next(source.path)?;
            let added = add(&mut builder, image, region, size);
            rows.check(source.path, index + 1, added)?;
        }
    }
    Ok(builder.finish())
}

fn regions(task: &Task) -> impl Iterator<Item = &Region> {
    let kept = task.annotations.iter().filter(|annotation| !annotation.was_cancelled);
    kept.flat_map(|annotation| &annotation.result).filter(|region| region.kind == "rectanglelabels")
}

/// The size that the regions tell, or the data; all of them must agree.
fn size(task: &Task) -> Result<[u32; 2], String> {
    let side = |value: &Value| value.as_u64().and_then(|side| u32::try_from(side).ok());
    let told = side(&task.data.width).zip(side(&task.data.height)).map(|(width, height)| [width, height]);
    let of_region = |region: &Region| Some([region.original_width?, region.original_height?]);
    let mut sizes = told.into_iter().chain(regions(task).filter_map(of_region));
    let Some(first) = sizes.next() else { return Ok(UNIT_FRAME) };
    if first.contains(&0) || sizes.any(|other| other != first) {
        return Err("expected one image size above 0, found others".into());
    }
    Ok(first)
}

fn add_image(builder: &mut Builder, index: usize, task: &Task, size: [u32; 2]) -> usize {
    let data = &task.data;
    let given = |value: &Value| value.as_str().map(str::to_owned);
    let file = data.image.split_once("?d=").map_or(data.image.as_str(), |(_, local)| local);
    let last = file.rsplit('/').next().unwrap_or(file);
    let entry = || ImageEntry {
        id: given(&data.image_id).unwrap_or_else(|| last.to_owned()),
        file: Some(file.to_owned()),
        size: Some(size),
        patient: given(&data.patient),
        split: given(&data.split),
        source: given(&data.source),
        report: given(&data.report),
        findings_annotated: task.annotations.iter().any(|annotation| !annotation.was_cancelled),
        ..ImageEntry::default()
    };
    builder.find_or_add(&index.to_string(), entry)
}

fn add(builder: &mut Builder, image: usize, region: &Region, size: [u32; 2]) -> Result<(), String> {
    let RegionValue { x, y, width, height, rotation, rectanglelabels } = &region.value;
    if *rotation != 0.0 || region.image_rotation != 0.0 {
        return Err("expected a rectangle that is not turned, found a rotation".into());
    }
    let numbers = [x, y, width, height].map(|number| number.unwrap_or(f64::NAN));
    let percent = builder::xywh(numbers)?;
    let bounds = builder::scaled(&percent, builder::sides(size).map(|side| side / 100.0))?;
    if rectanglelabels.is_empty() {
        return Err("expected a label on the rectangle, found none".into());
    }
    rectanglelabels.iter().for_each(|class| builder.add_class(image, class, bounds));
    Ok(())
}
