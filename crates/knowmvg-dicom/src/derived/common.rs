//! Modules that all derived objects have: patient, study, series, equipment.

use dicom_dictionary_std::tags;
use knowmvg::grounding::{Grounding, ModelInfo};

use super::code;
use super::identity::Identity;
use super::object::Object;
use super::source::{ImageLaterality, Source};

/// What every derived object says about itself where people see it.
pub(super) const DESCRIPTION: &str = "KnowMVG - research use only, not for diagnosis";

/// What tells the series of derived objects apart.
pub(super) struct Series {
    pub modality: &'static str,
    /// Far above those of a modality, so that they are listed last.
    pub number: &'static str,
}

/// Patient and study of the image, and a series and a device of our own.
///
/// # Source
/// PS3.3 §C.7.1.1, §C.7.2.1, §C.7.2.2, §C.7.3.1, §C.7.5.1, §C.7.5.2, §C.12.1.
pub(super) fn modules(source: &Source, grounding: &Grounding, series: &Series, identity: &Identity) -> Object {
    let object = Object::new().and(source.patient.clone()).and(source.study.clone()).and(code::coding_schemes());
    let object = object.and(equipment(&grounding.model));
    let object = object
        .text(tags::MODALITY, series.modality)
        .text(tags::SERIES_INSTANCE_UID, &identity.series())
        .text(tags::SERIES_NUMBER, series.number)
        .text(tags::SERIES_DESCRIPTION, DESCRIPTION)
        .text(tags::INSTANCE_NUMBER, "1");
    match &source.timezone {
        Some(offset) => object.text(tags::TIMEZONE_OFFSET_FROM_UTC, offset),
        None => object,
    }
}

/// Which part of the body a series shows; reports have no such attributes.
///
/// An image that does not say gets CHEST, which is what the program is for: without it, a reader has to expect a paired part
/// and its side (PS3.3 §C.7.3.1, Laterality).
pub(super) fn body_part(source: &Source) -> Object {
    let object = Object::new().text(tags::BODY_PART_EXAMINED, source.image.body_part.as_deref().unwrap_or("CHEST"));
    match source.image.laterality {
        Some(ImageLaterality::Left) => object.text(tags::LATERALITY, "L"),
        Some(ImageLaterality::Right) => object.text(tags::LATERALITY, "R"),
        None => object,
    }
}

fn equipment(model: &ModelInfo) -> Object {
    // A serial number tells one device from another of its kind: here, one set of weights.
    let serial: String = model.sha256.chars().take(64).collect();
    Object::new()
        .text(tags::MANUFACTURER, "KnowMVG")
        .text(tags::MANUFACTURER_MODEL_NAME, &line(&model.name))
        .text(tags::DEVICE_SERIAL_NUMBER, &line(&serial))
        .text(tags::SOFTWARE_VERSIONS, &line(&model.version))
}

/// Text for an attribute of one line (LO): at most 64 characters, no backslash, no control character, and not empty.
pub(super) fn line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() || c == '\\' { ' ' } else { c });
    let line: String = plain.take(64).collect();
    if line.trim().is_empty() { "unknown".to_owned() } else { line }
}
