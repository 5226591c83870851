//! PNG and JPEG → [`GreyImage`].

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::grey::{GreyImage, GreyImageError, ImageSource, MAX_PIXELS, check_size};
use super::luma;

/// Most memory that a decoder may take: eight bytes (RGBA of 16 bits) for each of the most pixels, and as much again.
const MAX_DECODER_BYTES: u64 = MAX_PIXELS * 16;

/// Why a file is not an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The first bytes are neither PNG's nor JPEG's.
    #[error("expected a PNG or JPEG file, found {found}")]
    UnknownFormat {
        /// What the first bytes are, as far as that can be told.
        found: &'static str,
    },
    /// The header or the pixels cannot be decoded.
    #[error("expected a readable {format} file, found a damaged or unsupported one ({reason})")]
    Damaged {
        /// `PNG` or `JPEG`.
        format: &'static str,
        /// The decoder's reason.
        reason: String,
    },
    /// The size or the pixels are out of bounds.
    #[error(transparent)]
    Unusable(#[from] GreyImageError),
}

/// Decodes a PNG or JPEG file.
///
/// * The size is checked in the header, before memory is spent on pixels.
/// * 8 and 16 bits per sample map linearly to `[0, 1]`: an image file holds displayed values, so no window is applied.
/// * Colour becomes luma (ITU-R BT.601, as Pillow's `L` and OpenCV do); transparency is flattened onto black.
/// * An EXIF orientation other than upright is **not** applied: boxes are in pixels of the *stored* image. A warning
///   says that viewers will show the image turned.
///
/// # Errors
/// When the file is neither PNG nor JPEG, is damaged, or its size is out of bounds. No message quotes text of the file.
pub fn decode_png_or_jpeg(bytes: &[u8]) -> Result<GreyImage, ImageError> {
    let (format, name) = recognize(bytes)?;
    // Both decoders are memory safe, but a panic in one must not end a server.
    catch_unwind(AssertUnwindSafe(|| decode(bytes, format, name)))
        .unwrap_or_else(|_| Err(ImageError::Damaged { format: name, reason: "the decoder gave up".to_owned() }))
}

fn recognize(bytes: &[u8]) -> Result<(ImageFormat, &'static str), ImageError> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok((ImageFormat::Png, "PNG")),
        [0xff, 0xd8, 0xff, ..] => Ok((ImageFormat::Jpeg, "JPEG")),
        _ => Err(ImageError::UnknownFormat { found: describe(bytes) }),
    }
}

fn describe(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "an empty file",
        [b'G', b'I', b'F', b'8', ..] => "a GIF file",
        [b'B', b'M', ..] => "a BMP file",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "a TIFF file",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "a WebP file",
        [b'%', b'P', b'D', b'F', ..] => "a PDF file",
        [b'P', b'K', 3, 4, ..] => "a ZIP archive",
        [0x1f, 0x8b, ..] => "a gzip file",
        _ if bytes.get(128..132) == Some(b"DICM") => "a DICOM file",
        _ if bytes.iter().take(512).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => "text",
        _ => "unknown bytes",
    }
}

fn decode(bytes: &[u8], format: ImageFormat, name: &'static str) -> Result<GreyImage, ImageError> {
    let damaged = |e: image::ImageError| ImageError::Damaged { format: name, reason: reason(&e) };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let decoded = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let source = ImageSource {
        format: name.to_owned(),
        grey_mapping: luma::mapping(&decoded),
        warnings: warnings(&decoded, orientation),
        pixel_aspect: None,
    };
    Ok(GreyImage::new(width, height, luma::grey_levels(&decoded), source)?)
}

/// What went wrong, without the decoder's own words: those may quote text chunks of the file.
fn reason(error: &image::ImageError) -> String {
    use image::ImageError as E;
    match error {
        E::Decoding(_) => "the data is corrupt or cut short",
        E::Limits(_) => "it asks for more memory than an image of the largest allowed size",
        E::Unsupported(_) => "it uses a feature that is not supported",
        E::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => "the file is cut short",
        _ => "it cannot be read",
    }
    .to_owned()
}

fn warnings(decoded: &DynamicImage, orientation: Orientation) -> Vec<String> {
    let mut warnings = Vec::new();
    if orientation != Orientation::NoTransforms {
        warnings.push("the file has an EXIF orientation, which was not applied: viewers show it turned".to_owned());
    }
    if luma::is_coloured(decoded) {
        warnings.push("the image has colours, which were reduced to grey".to_owned());
    }
    if decoded.color().has_alpha() {
        warnings.push("the image has transparency, which was flattened onto black".to_owned());
    }
    warnings
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
