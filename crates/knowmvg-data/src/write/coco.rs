//! COCO object detection; see [`crate::read`]. Numbers of images, classes and annotations count from 1.

use std::path::Path;

use serde::Serialize;

use super::{classes, create, finish, json, positions, xywh};
use crate::dataset::{Dataset, ImageEntry};
use crate::error::DataError;

#[derive(Serialize)]
struct Document<'a> {
    info: Info,
    licenses: [(); 0],
    images: Vec<Image<'a>>,
    annotations: Vec<Annotation>,
    categories: Vec<Category<'a>>,
}

#[derive(Serialize)]
struct Info {
    description: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Image<'a> {
    id: usize,
    file_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

#[derive(Serialize)]
struct Annotation {
    id: usize,
    image_id: usize,
    category_id: usize,
    bbox: [f64; 4],
    area: f64,
    iscrowd: u8,
    segmentation: [(); 0],
}

#[derive(Serialize)]
struct Category<'a> {
    id: usize,
    name: &'a str,
}

pub(super) fn write(dataset: &Dataset, path: &Path) -> Result<(), DataError> {
    let classes = classes(dataset);
    let document = Document {
        info: Info { description: "written by KnowMVG", version: "1.0" },
        licenses: [],
        images: images(dataset),
        annotations: annotations(dataset, &classes),
        categories: (1..).zip(&classes).map(|(id, name)| Category { id, name }).collect(),
    };
    finish(create(path)?, path, &json(&document))
}

fn images(dataset: &Dataset) -> Vec<Image<'_>> {
    (1..).zip(&dataset.images).map(|(id, entry)| image(id, entry)).collect()
}

fn image(id: usize, entry: &ImageEntry) -> Image<'_> {
    let side = |at: usize| entry.size.map(|size| size[at]);
    Image { id, file_name: &entry.id, width: side(0), height: side(1) }
}

fn annotations(dataset: &Dataset, classes: &[&str]) -> Vec<Annotation> {
    let positions = positions(classes);
    let mut annotations = vec![];
    for (image_id, entry) in (1..).zip(&dataset.images) {
        for target in &entry.targets {
            let category_id = positions[target.text.as_str()] + 1;
            for bounds in &target.boxes {
                let (id, bbox, area) = (annotations.len() + 1, xywh(bounds), bounds.area());
                annotations.push(Annotation { id, image_id, category_id, bbox, area, iscrowd: 0, segmentation: [] });
            }
        }
    }
    annotations
}
