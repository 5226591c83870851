//! A grounding as a COCO object detection file, with a score for each box.
//!
//! What COCO has no place for (assertion, evidence, phrases without a box) is left out; phrases stand as text beside the
//! boxes that show them.

use std::collections::BTreeMap;

use knowmvg::grounding::{GroundedPhrase, Grounding, ScoredBox};
use serde::Serialize;

/// Category of a box whose phrase names no finding of the knowledge base.
const UNNAMED: &str = "unnamed";

#[derive(Serialize)]
pub(crate) struct Document<'g> {
    info: Info<'g>,
    licenses: [(); 0],
    images: [Image<'g>; 1],
    annotations: Vec<Annotation<'g>>,
    categories: Vec<Category<'g>>,
}

#[derive(Serialize)]
struct Info<'g> {
    description: &'g str,
    version: &'g str,
}

#[derive(Serialize)]
struct Image<'g> {
    id: usize,
    /// The hash of the displayed pixels: COCO wants a name, and that of the upload is not kept.
    file_name: &'g str,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct Annotation<'g> {
    id: usize,
    image_id: usize,
    category_id: usize,
    /// Left, top, width, height.
    bbox: [f64; 4],
    area: f64,
    iscrowd: u8,
    segmentation: [(); 0],
    /// Missing if a person put the box there: nothing was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    phrase: &'g str,
}

#[derive(Serialize)]
struct Category<'g> {
    id: usize,
    name: &'g str,
}

/// One image, every box, and the findings that were named as categories in alphabetical order.
pub(crate) fn document(grounding: &Grounding) -> Document<'_> {
    let boxed: Vec<&GroundedPhrase> = grounding.findings.iter().filter(|phrase| !phrase.boxes.is_empty()).collect();
    let mut numbers: BTreeMap<&str, usize> = boxed.iter().map(|phrase| (category(phrase), 0)).collect();
    (1..).zip(numbers.values_mut()).for_each(|(id, number)| *number = id);
    let boxes = boxed.iter().flat_map(|phrase| phrase.boxes.iter().map(move |found| (*phrase, found)));
    let image = &grounding.image;
    Document {
        info: Info { description: &grounding.notice, version: "1.0" },
        licenses: [],
        images: [Image { id: 1, file_name: &image.sha256, width: image.width, height: image.height }],
        annotations: (1..)
            .zip(boxes)
            .map(|(id, (phrase, found))| annotation(id, numbers[category(phrase)], phrase, found))
            .collect(),
        categories: numbers.iter().map(|(name, id)| Category { id: *id, name }).collect(),
    }
}

fn category(phrase: &GroundedPhrase) -> &str {
    phrase.finding.as_deref().unwrap_or(UNNAMED)
}

fn annotation<'g>(id: usize, category_id: usize, phrase: &'g GroundedPhrase, found: &ScoredBox) -> Annotation<'g> {
    let [x0, y0, x1, y1] = found.box_in_image.xyxy();
    Annotation {
        id,
        image_id: 1,
        category_id,
        bbox: [x0, y0, x1 - x0, y1 - y0],
        area: found.box_in_image.area(),
        iscrowd: 0,
        segmentation: [],
        score: (!found.by_person).then_some(found.confidence),
        phrase: &phrase.phrase.text,
    }
}
