//! The patient's thorax frame: the box around both lungs, as the model found them.

use crate::geometry::{Box2, Map, Model, Thorax};
use crate::grounding::Side;
use crate::report::Zone;

/// Smallest side of a thorax, in fractions of the square; a smaller one is taken for a failure to find the lungs.
const MIN_SIDE: f64 = 0.2;
/// Least IoU of the found thorax with the typical one.
const MIN_AGREEMENT: f64 = 0.15;

/// Where the lungs of an average patient lie on a frontal radiograph that was not cropped.
pub fn typical_thorax() -> Box2<Model> {
    Box2::from_xyxy([0.12, 0.10, 0.88, 0.82]).expect("a constant box")
}

/// The map from the thorax frame to the square, from the two lungs; `None` if they are implausible.
pub fn model_from_lungs(left: &Box2<Model>, right: &Box2<Model>) -> Option<Map<Model, Thorax>> {
    let thorax = left.enclosing(right);
    let plausible =
        thorax.width() >= MIN_SIDE && thorax.height() >= MIN_SIDE && thorax.iou(&typical_thorax()) >= MIN_AGREEMENT;
    if plausible { Map::from_unit_square(&thorax) } else { None }
}

/// The map for a patient whose lungs were not found.
pub fn model_from_typical() -> Map<Model, Thorax> {
    Map::from_unit_square(&typical_thorax()).expect("a constant box with an area")
}

/// Side and zone of a box by its centre, in fractions of the stored image.
///
/// # Source
/// The convention of the benchmark that the first numbers are given on: `cx < 0.45` right, `> 0.55` left, else midline;
/// `cy <= 0.33` upper, `<= 0.60` mid, else lower.
pub fn side_and_zone(box_in_fractions: &Box2<Model>) -> (Side, Zone) {
    let [cx, cy, _, _] = box_in_fractions.cxcywh();
    let side = match cx {
        x if x < 0.45 => Side::Right,
        x if x > 0.55 => Side::Left,
        _ => Side::Midline,
    };
    let zone = match cy {
        y if y <= 0.33 => Zone::Upper,
        y if y <= 0.60 => Zone::Mid,
        _ => Zone::Lower,
    };
    (side, zone)
}
