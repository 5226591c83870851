//! References to the source image.

use dicom_dictionary_std::tags;

use super::object::Object;
use super::source::Source;

/// The image itself; its first frame, if it has several, since that is the one that was looked at.
pub(super) fn to_image(source: &Source) -> Object {
    let reference = Object::new()
        .text(tags::REFERENCED_SOP_CLASS_UID, &source.identifiers.sop_class_uid)
        .text(tags::REFERENCED_SOP_INSTANCE_UID, &source.identifiers.sop_instance_uid);
    if source.image.frames > 1 { reference.text(tags::REFERENCED_FRAME_NUMBER, "1") } else { reference }
}

/// The image in its series.
pub(super) fn to_series(source: &Source, images: dicom_core::Tag) -> Object {
    Object::new()
        .text(tags::SERIES_INSTANCE_UID, &source.identifiers.series_instance_uid)
        .item(images, whole_image(source))
}

/// The image in its series in its study, as evidence (PS3.3 §C.17.2.3).
pub(super) fn to_study(source: &Source) -> Object {
    let series = to_series(source, tags::REFERENCED_SOP_SEQUENCE);
    Object::new()
        .text(tags::STUDY_INSTANCE_UID, &source.identifiers.study_instance_uid)
        .item(tags::REFERENCED_SERIES_SEQUENCE, series)
}

/// Without a frame: evidence is instances.
fn whole_image(source: &Source) -> Object {
    Object::new()
        .text(tags::REFERENCED_SOP_CLASS_UID, &source.identifiers.sop_class_uid)
        .text(tags::REFERENCED_SOP_INSTANCE_UID, &source.identifiers.sop_instance_uid)
}
