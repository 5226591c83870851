//! Secondary captures: the overlay as an image, for viewers that show nothing else.

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use knowmvg::grounding::Grounding;
use knowmvg::render::{self, GreyView, OverlayOptions};

use super::code;
use super::common::{self, Series};
use super::error::WriteError;
use super::gsps::WARNING;
use super::identity::Identity;
use super::object::Object;
use super::reference;
use super::region::regions;
use super::source::Source;
use super::time::ContentTime;

/// What is burned in below the picture.
const NOTICE: &str = "AI, NOT FOR DIAGNOSIS. Research software, not a medical device.";

/// Writes the overlay, with its legend, as a Secondary Capture Image.
///
/// Nobody can measure on it or take the boxes off; it is for those who see nothing otherwise.
///
/// # Errors
/// As [`sr::write`](super::sr::write), and when the overlay cannot be drawn.
///
/// # Source
/// PS3.3 §A.8.1, §C.7.6.1, §C.7.6.3, §C.8.6.1, §C.8.6.2.
pub fn write(
    source: &Source,
    image: &GreyView<'_>,
    grounding: &Grounding,
    time: ContentTime,
) -> Result<Vec<u8>, WriteError> {
    let class = uids::SECONDARY_CAPTURE_IMAGE_STORAGE;
    // The same rules as for the other objects: boxes, and boxes of this image.
    regions(source, grounding)?;
    let identity = Identity::new(class, source, grounding)?;
    let series = Series { modality: "OT", number: "9003" };
    let object = common::modules(source, grounding, &series, &identity)
        .and(common::body_part(source))
        .and(general(source, time))
        .and(pixels(image, grounding)?);
    object.file(class, &identity.instance())
}

/// PS3.3 §C.7.6.1 and §C.8.6.
fn general(source: &Source, time: ContentTime) -> Object {
    let (date, time) = time.date_and_time(source.timezone.as_deref());
    let origin = reference::to_image(source)
        .item(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, code::Code::from(code::SOURCE_IMAGE).item());
    let object = Object::new()
        .text(tags::CONVERSION_TYPE, "WSD")
        .text(tags::IMAGE_TYPE, "DERIVED\\SECONDARY\\OTHER")
        .text(tags::CONTENT_DATE, &date)
        .text(tags::CONTENT_TIME, &time)
        .empty(tags::PATIENT_ORIENTATION)
        .text(tags::DERIVATION_DESCRIPTION, "Boxes and labels of KnowMVG over the displayed image, resampled")
        .item(tags::SOURCE_IMAGE_SEQUENCE, origin)
        .text(tags::BURNED_IN_ANNOTATION, "YES")
        .text(tags::IMAGE_COMMENTS, WARNING);
    // Once lossy, always lossy (PS3.3 §C.7.6.1.1.5); the resampling is no compression.
    let lossy = if source.image.is_lossy { "01" } else { "00" };
    object.text(tags::LOSSY_IMAGE_COMPRESSION, lossy)
}

fn pixels(image: &GreyView<'_>, grounding: &Grounding) -> Result<Object, WriteError> {
    let options = OverlayOptions { notice: NOTICE, ..OverlayOptions::default() };
    let picture = render::overlay(image, grounding, &options)?;
    let side = |pixels: u32| u16::try_from(pixels).map_err(|_| WriteError::PictureTooLarge);
    let (rows, columns) = (side(picture.height())?, side(picture.width())?);
    let mut bytes = picture.into_raw();
    // Values have an even length (PS3.5 §8.1.1).
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    Ok(Object::new()
        .words(tags::SAMPLES_PER_PIXEL, &[3])
        .text(tags::PHOTOMETRIC_INTERPRETATION, "RGB")
        .words(tags::PLANAR_CONFIGURATION, &[0])
        .words(tags::ROWS, &[rows])
        .words(tags::COLUMNS, &[columns])
        .words(tags::BITS_ALLOCATED, &[8])
        .words(tags::BITS_STORED, &[8])
        .words(tags::HIGH_BIT, &[7])
        .words(tags::PIXEL_REPRESENTATION, &[0])
        .bytes(tags::PIXEL_DATA, VR::OB, bytes))
}
