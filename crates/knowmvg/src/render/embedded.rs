//! The radiograph itself as PNG, and an SVG overlay with that PNG inside.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::PngEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, GrayImage, ImageEncoder};

use super::{GreyView, RenderError, svg};
use crate::grounding::Grounding;

/// Longest side of the radiograph inside of an SVG, in pixels; the boxes keep their precision.
const LONG_SIDE: u32 = 2_048;

/// The displayed image as 8-bit grey PNG, shrunk so that no side is longer than `long_side` pixels.
///
/// # Errors
/// When the encoder fails, which it does only without memory.
pub fn grey_png(image: &GreyView<'_>, long_side: u32) -> Result<Vec<u8>, RenderError> {
    let grey = displayed(image, long_side);
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(grey.as_raw(), grey.width(), grey.height(), ExtendedColorType::L8)
        .map_err(RenderError::Png)?;
    Ok(bytes)
}

/// Draws a grounding as one SVG file: the displayed radiograph is inside, so DICOM works as well as PNG.
///
/// # Errors
/// As [`svg`] and [`grey_png`].
pub fn svg_with_image(image: &GreyView<'_>, grounding: &Grounding) -> Result<String, RenderError> {
    svg(grounding, &data_uri("image/png", &grey_png(image, LONG_SIDE)?))
}

/// The image in 8 bits, shrunk if it is large.
fn displayed(image: &GreyView<'_>, long_side: u32) -> GrayImage {
    let (width, height) = (image.width, image.height);
    let bytes = image.pixels.iter().map(|p| (p.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let full = GrayImage::from_raw(width, height, bytes).expect("a view has width * height pixels");
    if width.max(height) <= long_side {
        return full;
    }
    let (width, height) = image.scaled_size(long_side.max(1));
    imageops::resize(&full, width, height, FilterType::Triangle)
}

/// A file as an address that has it inside.
///
/// # Source
/// RFC 2397, with base64 of RFC 4648, §4, padded.
pub fn data_uri(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let base64 = |bytes: &[u8]| data_uri("a/b", bytes).strip_prefix("data:a/b;base64,").unwrap().to_owned();
        let examples =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in examples {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn a_large_image_is_shrunk_and_keeps_its_shape() {
        let pixels = vec![1.0; 4_096 * 64];
        let large = displayed(&GreyView::new(4_096, 64, &pixels).unwrap(), 2_048);
        assert_eq!((large.dimensions(), large.get_pixel(5, 5).0), ((2_048, 32), [255]));
        let small = GreyView::new(40, 64, &pixels[..40 * 64]).unwrap();
        assert_eq!(displayed(&small, 2_048).dimensions(), (40, 64));
    }

    #[test]
    fn png_holds_the_displayed_grey_levels() {
        let png = grey_png(&GreyView::new(2, 1, &[0.0, f32::NAN]).unwrap(), 64).unwrap();
        assert_eq!(image::load_from_memory(&png).unwrap().into_luma8().into_raw(), [0, 0]);
        let png = grey_png(&GreyView::new(2, 1, &[0.5, 7.0]).unwrap(), 64).unwrap();
        assert_eq!(image::load_from_memory(&png).unwrap().into_luma8().into_raw(), [128, 255]);
    }
}
