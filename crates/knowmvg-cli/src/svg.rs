//! The SVG overlay as one file: the displayed radiograph is inside, so DICOM works as well as PNG.

use std::io::Cursor;

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageFormat};
use knowmvg::grounding::Grounding;
use knowmvg::image::GreyImage;
use knowmvg::render;

use crate::failure::{Exit, Failure};

/// Longest side of the radiograph inside, in pixels; the boxes keep their precision.
const LONG_SIDE: u32 = 2_048;

/// Draws the grounding over its image.
pub fn with_image_inside(image: &GreyImage, grounding: &Grounding) -> Result<String, Failure> {
    let undrawn = |e: Box<dyn std::error::Error>| Failure::new(Exit::Work, "cannot draw the SVG").because(e);
    let mut png = Cursor::new(Vec::new());
    displayed(image).write_to(&mut png, ImageFormat::Png).map_err(|e| undrawn(e.into()))?;
    let href = format!("data:image/png;base64,{}", base64(png.get_ref()));
    render::svg(grounding, &href).map_err(|e| undrawn(e.into()))
}

/// The image as 8-bit grey, shrunk if it is large.
fn displayed(image: &GreyImage) -> GrayImage {
    let (width, height) = (image.width(), image.height());
    let bytes = image.pixels().iter().map(|p| (p * 255.0).round() as u8).collect();
    let full = GrayImage::from_raw(width, height, bytes).expect("a grey image has width * height pixels");
    let scale = f64::from(LONG_SIDE) / f64::from(width.max(height));
    if scale >= 1.0 {
        return full;
    }
    let [width, height] = [width, height].map(|side| ((f64::from(side) * scale).round() as u32).max(1));
    imageops::resize(&full, width, height, FilterType::Triangle)
}

/// RFC 4648, §4, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, i| bits << 8 | usize::from(chunk.get(i).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = ALPHABET[bits >> (18 - 6 * place) & 0x3f];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let examples =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in examples {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn a_large_image_is_shrunk_and_keeps_its_shape() {
        let image = |width, height| {
            let pixels = vec![1.0; width as usize * height as usize];
            GreyImage::new(width, height, pixels, Default::default()).unwrap()
        };
        let large = displayed(&image(4_096, 64));
        assert_eq!((large.dimensions(), large.get_pixel(5, 5).0), ((2_048, 32), [255]));
        assert_eq!(displayed(&image(40, 64)).dimensions(), (40, 64));
    }
}
