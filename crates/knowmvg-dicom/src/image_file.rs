//! [`read_image`]: any file that holds a radiograph.

use knowmvg::image::{GreyImage, ImageError, decode_png_or_jpeg};

use crate::error::Error;
use crate::file::is_dicom;
use crate::read::read;

/// Why a file is no radiograph that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ImageFileError {
    /// It is DICOM.
    #[error(transparent)]
    Dicom(#[from] Error),
    /// It is a picture.
    #[error(transparent)]
    Picture(ImageError),
    /// It is something else.
    #[error("expected a DICOM, PNG or JPEG file, found {found}")]
    Unknown {
        /// What the first bytes are, as far as that can be told.
        found: &'static str,
    },
}

/// Reads DICOM, PNG or JPEG, by content: the name of a file says little, and nothing of what was uploaded.
///
/// # Errors
/// As [`read`] and [`decode_png_or_jpeg`].
pub fn read_image(bytes: &[u8]) -> Result<GreyImage, ImageFileError> {
    if is_dicom(bytes) {
        return Ok(read(bytes)?.image);
    }
    decode_png_or_jpeg(bytes).map_err(|error| match error {
        ImageError::UnknownFormat { found } => ImageFileError::Unknown { found },
        other => ImageFileError::Picture(other),
    })
}
