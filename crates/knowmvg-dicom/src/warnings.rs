//! What a reader should know before trusting a result on an image.

use crate::dataset::Elements;
use crate::facts::Facts;
use crate::format::PixelFormat;
use crate::tags;

/// How much the sides of a pixel may differ and still count as square.
const SQUARE_TOLERANCE: f64 = 0.01;

/// Everything about the file that a model of frontal chest radiographs was not made for.
pub(crate) fn of(elements: &Elements, facts: &Facts, format: &PixelFormat) -> Vec<String> {
    let checks = [
        modality(facts),
        body_part(elements, facts),
        view(elements, facts),
        orientation(elements),
        frames(format),
        aspect(elements)
            .filter(|ratio| (ratio - 1.0).abs() > SQUARE_TOLERANCE)
            .map(|ratio| format!("pixels are not square: height over width is {ratio:.3}")),
        term(elements, tags::BURNED_IN_ANNOTATION, "YES", "the image has burned-in text, which may name the patient"),
        elements
            .item(tags::PRESENTATION_LUT_SEQUENCE)
            .map(|_| "the image has a Presentation LUT Sequence, which was not applied".to_owned()),
    ];
    checks.into_iter().flatten().collect()
}

fn modality(facts: &Facts) -> Option<String> {
    match facts.modality.as_deref() {
        // DR is not a term of the standard, and is what much equipment writes.
        Some("CR" | "DX" | "RG" | "DR") => None,
        found => Some(format!("expected a radiograph (CR, DX, RG), found modality {}", found.unwrap_or("unknown"))),
    }
}

fn body_part(elements: &Elements, facts: &Facts) -> Option<String> {
    elements.text(tags::BODY_PART_EXAMINED)?;
    match facts.body_part.as_deref() {
        Some("CHEST" | "THORAX" | "LUNG" | "PORT CHEST") => None,
        Some(other) => Some(format!("expected a chest, found body part {other}")),
        None => Some("expected a chest, found another body part".to_owned()),
    }
}

fn view(elements: &Elements, facts: &Facts) -> Option<String> {
    let sideways = directions(elements).is_some_and(|(row, _)| matches!(row, 'A' | 'P'));
    match facts.view_position.as_deref() {
        Some(view @ ("LL" | "RL" | "LAT" | "LATERAL" | "LLO" | "RLO" | "OBL")) => {
            Some(format!("expected a frontal view (PA, AP), found {view}"))
        }
        _ if sideways => Some("expected a frontal view (PA, AP), found a lateral Patient Orientation".to_owned()),
        _ => None,
    }
}

/// A frontal film hangs as if one faced the patient: rows run to the patient's left, columns to the feet.
fn orientation(elements: &Elements) -> Option<String> {
    match directions(elements)? {
        ('R', _) => Some("rows run to the patient's right: left and right are exchanged on this image".to_owned()),
        (_, 'H') => Some("columns run to the patient's head: the image is upside down".to_owned()),
        ('H' | 'F', _) => Some("rows run along the patient: the image is turned".to_owned()),
        _ => None,
    }
}

/// Where rows and columns run to (PS3.3 §C.7.6.1.1.1), by the first letter of each.
fn directions(elements: &Elements) -> Option<(char, char)> {
    let text = elements.text(tags::PATIENT_ORIENTATION)?;
    let (row, column) = text.split_once('\\')?;
    Some((row.trim().chars().next()?, column.trim().chars().next()?))
}

fn frames(format: &PixelFormat) -> Option<String> {
    (format.frames > 1).then(|| format!("the file has {} frames; the first was read", format.frames))
}

fn term(elements: &Elements, tag: dicom_core::Tag, value: &str, warning: &str) -> Option<String> {
    (elements.text(tag)? == value).then(|| warning.to_owned())
}

/// Height of a pixel over its width: all three attributes state the vertical measure first (PS3.3 §10.7.1.3).
pub(crate) fn aspect(elements: &Elements) -> Option<f64> {
    let tags = [tags::PIXEL_ASPECT_RATIO, tags::PIXEL_SPACING, tags::IMAGER_PIXEL_SPACING];
    let ratios = tags.into_iter().filter_map(|tag| match elements.decimals(tag)?.as_slice() {
        &[vertical, horizontal] if vertical > 0.0 && horizontal > 0.0 => Some(vertical / horizontal),
        _ => None,
    });
    ratios.into_iter().find(|ratio| ratio.is_finite() && *ratio > 0.0)
}
