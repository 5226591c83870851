//! COCO object detection.
//!
//! # Source
//! <https://cocodataset.org/#format-data>: `bbox` is `[x, y, width, height]` in pixels from the top-left corner of the
//! image, counted from 0. Segmentations, crowds' masks and keypoints are not read; annotations with `iscrowd` are boxes
//! like others.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Builder, Rows, Source, bounded, builder};
use crate::dataset::{Dataset, ImageEntry};
use crate::error::DataError;

#[derive(Deserialize)]
struct Document {
    images: Vec<SizedImage>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

/// An image of a COCO file; MS-CXR adds `path` and `split`.
#[derive(Deserialize)]
pub(crate) struct SizedImage {
    pub id: i64,
    pub file_name: String,
    #[serde(default)]
    width: Option<u32>,
    #[serde(default)]
    height: Option<u32>,
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub split: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Category {
    id: i64,
    name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
    bbox: RawBox,
}

/// Four numbers, or as many as the file has.
#[derive(Deserialize)]
pub(crate) struct RawBox(Vec<f64>);

impl RawBox {
    pub fn numbers(&self) -> Result<[f64; 4], String> {
        let found = self.0.len();
        self.0.as_slice().try_into().map_err(|_| format!("expected a box of 4 numbers, found {found}"))
    }
}

impl SizedImage {
    pub fn size(&self) -> Result<Option<[u32; 2]>, String> {
        match (self.width, self.height) {
            (None, None) => Ok(None),
            (Some(width), Some(height)) if width > 0 && height > 0 => Ok(Some([width, height])),
            _ => Err("expected a width and a height above 0".into()),
        }
    }
}

/// Names of the categories by id.
pub(crate) fn categories(categories: &[Category]) -> HashMap<i64, &str> {
    categories.iter().map(|category| (category.id, category.name.as_str())).collect()
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let document: Document = bounded::read_json(source.path)?;
    let classes = categories(&document.categories);
    let mut builder = Builder::default();
    let mut by_id = HashMap::new();
    for (index, image) in document.images.iter().enumerate() {
        rows.next(source.path)?;
        let added = add_image(&mut builder, image).map(|at| by_id.insert(image.id, at));
        rows.check(source.path, index + 1, added)?;
    }
    for (index, annotation) in document.annotations.iter().enumerate() {
        rows.next(source.path)?;
        let added = add(&mut builder, annotation, &by_id, &classes);
        rows.check(source.path, index + 1, added)?;
    }
    Ok(builder.finish())
}

fn add_image(builder: &mut Builder, image: &SizedImage) -> Result<usize, String> {
    let size = image.size()?;
    let key = image.id.to_string();
    if builder.has(&key) {
        return Err("expected an image `id` of its own, found that of an earlier image".into());
    }
    let file = Some(image.file_name.clone());
    let entry =
        || ImageEntry { id: image.file_name.clone(), file, size, findings_annotated: true, ..ImageEntry::default() };
    Ok(builder.find_or_add(&key, entry))
}

fn add(
    builder: &mut Builder,
    annotation: &Annotation,
    by_id: &HashMap<i64, usize>,
    classes: &HashMap<i64, &str>,
) -> Result<(), String> {
    let image = *by_id.get(&annotation.image_id).ok_or("expected the `image_id` of an image, found another")?;
    let class =
        *classes.get(&annotation.category_id).ok_or("expected the `category_id` of a category, found another")?;
    builder.add_class(image, class, builder::xywh(annotation.bbox.numbers()?)?);
    Ok(())
}
