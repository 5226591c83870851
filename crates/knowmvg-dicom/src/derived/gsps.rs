//! Presentation states: boxes and phrases that a viewer draws on the image itself, and that can be switched off.

use dicom_dictionary_std::{tags, uids};
use knowmvg::grounding::{Assertion, Grounding};

use super::common::{self, Series};
use super::error::WriteError;
use super::identity::Identity;
use super::object::Object;
use super::reference;
use super::region::{Region, regions};
use super::source::Source;
use super::time::ContentTime;

/// The layer of everything that is drawn.
const LAYER: &str = "KNOWMVG";

/// What stands on the image beside the boxes.
pub(super) const WARNING: &str = "AI, NOT FOR DIAGNOSIS";

/// Longest Unformatted Text Value (0070,0006).
const MAX_TEXT: usize = 1_024;

/// Writes boxes and phrases as a Grayscale Softcopy Presentation State.
///
/// The display is the image's own: its rescaling or modality table, its window or VOI table, and the inversion of MONOCHROME1.
/// A state that left them out would change how the image looks, since a viewer then takes none of them from the image.
///
/// # Errors
/// As [`sr::write`](super::sr::write).
///
/// # Source
/// PS3.3 §A.33.1, §C.10.4, §C.10.5, §C.10.7, §C.11.6, §C.11.8, §C.11.10, §C.11.11; PS3.4 §N.2.
///
/// # Departures
/// An image without a window gets a state without one, and each viewer finds its own.
pub fn write(source: &Source, grounding: &Grounding, time: ContentTime) -> Result<Vec<u8>, WriteError> {
    let class = uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE;
    let regions = regions(source, grounding)?;
    let identity = Identity::new(class, source, grounding)?;
    let series = Series { modality: "PR", number: "9002" };
    let object = common::modules(source, grounding, &series, &identity)
        .and(common::body_part(source))
        .and(identification(source, time))
        .and(annotations(source, &regions))
        .and(displayed_area(source))
        .and(display(source));
    object.file(class, &identity.instance())
}

/// PS3.3 §C.11.10 and §C.11.11.
fn identification(source: &Source, time: ContentTime) -> Object {
    let (date, time) = time.date_and_time(source.timezone.as_deref());
    Object::new()
        .text(tags::CONTENT_LABEL, LAYER)
        .text(tags::CONTENT_DESCRIPTION, common::DESCRIPTION)
        .empty(tags::CONTENT_CREATOR_NAME)
        .text(tags::PRESENTATION_CREATION_DATE, &date)
        .text(tags::PRESENTATION_CREATION_TIME, &time)
        .item(tags::REFERENCED_SERIES_SEQUENCE, reference::to_series(source, tags::REFERENCED_IMAGE_SEQUENCE))
}

/// PS3.3 §C.10.5 and §C.10.7.
fn annotations(source: &Source, regions: &[Region<'_>]) -> Object {
    let layer = Object::new()
        .text(tags::GRAPHIC_LAYER, LAYER)
        .text(tags::GRAPHIC_LAYER_ORDER, "1")
        .words(tags::GRAPHIC_LAYER_RECOMMENDED_DISPLAY_GRAYSCALE_VALUE, &[u16::MAX])
        .text(tags::GRAPHIC_LAYER_DESCRIPTION, common::DESCRIPTION);
    let words = regions.iter().map(|region| text(&label(region), [region.corners[0], region.corners[1]]));
    let words = words.chain([text(WARNING, [0.0, 0.0])]).collect();
    let annotation = Object::new()
        .item(tags::REFERENCED_IMAGE_SEQUENCE, reference::to_image(source))
        .text(tags::GRAPHIC_LAYER, LAYER)
        .items(tags::TEXT_OBJECT_SEQUENCE, words)
        .items(tags::GRAPHIC_OBJECT_SEQUENCE, regions.iter().map(outline).collect());
    Object::new().item(tags::GRAPHIC_LAYER_SEQUENCE, layer).item(tags::GRAPHIC_ANNOTATION_SEQUENCE, annotation)
}

fn outline(region: &Region<'_>) -> Object {
    let points = region.outline();
    Object::new()
        .text(tags::GRAPHIC_ANNOTATION_UNITS, "PIXEL")
        .words(tags::GRAPHIC_DIMENSIONS, &[2])
        .words(tags::NUMBER_OF_GRAPHIC_POINTS, &[points.len() as u16 / 2])
        .floats(tags::GRAPHIC_DATA, &points)
        .text(tags::GRAPHIC_TYPE, "POLYLINE")
        .text(tags::GRAPHIC_FILLED, "N")
}

/// Text at a point of the image.
fn text(words: &str, anchor: [f32; 2]) -> Object {
    Object::new()
        .text(tags::UNFORMATTED_TEXT_VALUE, words)
        .text(tags::ANCHOR_POINT_ANNOTATION_UNITS, "PIXEL")
        .floats(tags::ANCHOR_POINT, &anchor)
        .text(tags::ANCHOR_POINT_VISIBILITY, "N")
}

/// The number that the other outputs give it, the words, and how sure the program is.
fn label(region: &Region<'_>) -> String {
    let doubt = if region.phrase.assertion == Assertion::Uncertain { ", uncertain" } else { "" };
    let origin = if region.scored.by_person { "by a person".into() } else { confidence(region) };
    let tail = format!(" ({origin}{doubt})");
    let words = region.phrase.phrase.text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let head: String = format!("{}: ", region.label).chars().chain(words).take(MAX_TEXT - tail.len()).collect();
    head + &tail
}

fn confidence(region: &Region<'_>) -> String {
    format!("AI {} %", (region.scored.confidence.clamp(0.0, 1.0) * 100.0).round())
}

/// The whole image. Here, unlike everywhere else, pixels are counted from 1 (PS3.3 §C.10.4).
fn displayed_area(source: &Source) -> Object {
    let image = &source.image;
    let area = Object::new()
        .longs(tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER, &[1, 1])
        .longs(tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER, &[image.columns.into(), image.rows.into()])
        .text(tags::PRESENTATION_SIZE_MODE, "SCALE TO FIT");
    // Spacing on the detector is none in the patient, so only the proportion is repeated.
    let ratio = image.aspect.clone().or_else(|| image.spacing.map(ratio)).unwrap_or_else(|| "1\\1".to_owned());
    let area = area.text(tags::PRESENTATION_PIXEL_ASPECT_RATIO, &ratio);
    Object::new().item(tags::DISPLAYED_AREA_SELECTION_SEQUENCE, area)
}

/// Two integers (IS) in the proportion of two lengths.
fn ratio([vertical, horizontal]: [f64; 2]) -> String {
    if vertical == horizontal {
        return "1\\1".to_owned();
    }
    format!("{:.0}\\10000", (vertical / horizontal * 10_000.0).clamp(1.0, 1e9))
}

/// PS3.3 §C.11.1, §C.11.8, §C.11.6; PS3.4 §N.2.1.
fn display(source: &Source) -> Object {
    let shape = if source.image.is_inverted { "INVERSE" } else { "IDENTITY" };
    let object = source.modality_lut.clone().text(tags::PRESENTATION_LUT_SHAPE, shape);
    match &source.voi_lut {
        Some(voi) => object.item(tags::SOFTCOPY_VOILUT_SEQUENCE, voi.clone()),
        None => object,
    }
}
