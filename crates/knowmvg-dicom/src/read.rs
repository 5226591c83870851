//! [`read`]: the whole way from bytes to an image.

use knowmvg::image::{GreyImage, ImageSource};

use crate::dataset::Elements;
use crate::error::Error;
use crate::facts::{self, Facts};
use crate::format::PixelFormat;
use crate::guard::guarded;
use crate::{codec, file, grey, tags, warnings};

/// Most bytes that a file may have: 512 MiB, four times the pixels of the largest image.
pub const MAX_FILE_BYTES: usize = 1 << 29;

/// A displayed image and what its file says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct DicomImage {
    /// What a reader of the film sees.
    pub image: GreyImage,
    /// What the file says, as far as it names no one.
    pub facts: Facts,
}

/// Reads a DICOM file.
///
/// The grey levels are those of a calibrated viewer that opens the file: modality transformation, then VOI
/// transformation, then inversion of MONOCHROME1; `image.source().grey_mapping` says which. Without a window, 8-bit
/// images keep their full range, and deeper ones get the window between their 0.5th and 99.5th percentile.
///
/// # Errors
/// When the file is not DICOM, is damaged, holds no image, or an image of a kind or size that is not supported.
///
/// # Departures
/// Files without preamble, without file meta information or with a wrong transfer syntax are read, with a warning.
pub fn read(bytes: &[u8]) -> Result<DicomImage, Error> {
    guarded(bytes, MAX_FILE_BYTES, decode)
}

fn decode(bytes: &[u8]) -> Result<DicomImage, Error> {
    let file = file::open(bytes)?;
    let mut elements = Elements::read(&file.dataset, file.encoding)?;
    let pixel_data = elements.take_pixel_data().ok_or_else(|| not_an_image(&elements))?;
    refuse_unprocessed(&elements)?;
    let format = PixelFormat::read(&elements)?;
    let cells = codec::first_frame(pixel_data, &format, &file.transfer_syntax, file.encoding)?;
    let displayed = grey::display(&cells, &elements, &format);
    let facts = Facts::read(&elements, &format, &file.transfer_syntax);
    let source = ImageSource {
        format: file.transfer_syntax,
        grey_mapping: displayed.mapping,
        warnings: [file.warnings, displayed.warnings, warnings::of(&elements, &facts, &format)].concat(),
        pixel_aspect: warnings::aspect(&elements),
    };
    let image = GreyImage::new(u32::from(format.columns), u32::from(format.rows), displayed.pixels, source)?;
    Ok(DicomImage { image, facts })
}

fn not_an_image(elements: &Elements) -> Error {
    Error::NotAnImage { sop_class: facts::sop_class_name(facts::sop_class(elements).as_deref()) }
}

/// PS3.3 §C.8.11.1.1.1: such pixels go to image processing, and no grey mapping is defined that would show them.
fn refuse_unprocessed(elements: &Elements) -> Result<(), Error> {
    match elements.text(tags::PRESENTATION_INTENT_TYPE).as_deref() {
        Some("FOR PROCESSING") => {
            let expected = "an image for presentation";
            Err(Error::Unsupported { expected, found: "Presentation Intent Type FOR PROCESSING".to_owned() })
        }
        _ => Ok(()),
    }
}
