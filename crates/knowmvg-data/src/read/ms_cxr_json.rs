//! `MS_CXR_Local_Alignment_v1.1.0.json`: COCO with the phrase as `label_text` of each annotation.
//!
//! # Source
//! Boecking et al., ECCV 2022, <https://physionet.org/content/ms-cxr/1.1.0/>; loaded as
//! `hi-ml-multimodal` (MIT) loads it: `images[].{id, file_name, width, height, path}`, `annotations[].{image_id, category_id,
//! bbox, label_text}`, `bbox` being `x, y, width, height` in pixels.

use std::collections::HashMap;

use serde::Deserialize;

use super::coco::{Category, RawBox, SizedImage, categories};
use super::{Builder, Rows, Source, bounded, builder};
use crate::dataset::{Dataset, ImageEntry, Target, TargetKind};
use crate::error::DataError;
use crate::name;

#[derive(Deserialize)]
struct Document {
    images: Vec<SizedImage>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
    bbox: RawBox,
    label_text: String,
    #[serde(default)]
    split: Option<String>,
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let document: Document = bounded::read_json(source.path)?;
    let classes = categories(&document.categories);
    let mut builder = Builder::default();
    let mut by_id = HashMap::new();
    for (index, image) in document.images.iter().enumerate() {
        rows.next(source.path)?;
        let known = image.size().map(|size| by_id.insert(image.id, add_image(&mut builder, image, size)));
        rows.check(source.path, index + 1, known)?;
    }
    for (index, annotation) in document.annotations.into_iter().enumerate() {
        rows.next(source.path)?;
        let added = add(&mut builder, annotation, &by_id, &classes);
        rows.check(source.path, index + 1, added)?;
    }
    Ok(builder.finish())
}

fn add_image(builder: &mut Builder, image: &SizedImage, size: Option<[u32; 2]>) -> usize {
    let path = image.path.clone().unwrap_or_else(|| image.file_name.clone());
    let entry = || ImageEntry {
        id: name::stem(&image.file_name).to_owned(),
        size,
        patient: name::mimic_patient(&path),
        split: image.split.clone(),
        source: Some("ms-cxr".into()),
        file: Some(path),
        ..ImageEntry::default()
    };
    builder.find_or_add(&image.id.to_string(), entry)
}

fn add(
    builder: &mut Builder,
    annotation: Annotation,
    by_id: &HashMap<i64, usize>,
    classes: &HashMap<i64, &str>,
) -> Result<(), String> {
    let image = *by_id.get(&annotation.image_id).ok_or("expected the `image_id` of an image, found another")?;
    let class =
        *classes.get(&annotation.category_id).ok_or("expected the `category_id` of a category, found another")?;
    let bounds = builder::xywh(annotation.bbox.numbers()?)?;
    let entry = builder.entry(image);
    entry.split = entry.split.take().or(annotation.split);
    let (text, label) = (annotation.label_text, Some(class.to_owned()));
    builder.add(image, Target { kind: TargetKind::Phrase, text, label, answer: None, boxes: vec![bounds] });
    Ok(())
}
