//! Pixels inside of the page: scaled down, as JPEG.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use knowmvg::image::GreyImage;
use knowmvg::render;

/// Longest side of an embedded picture, in pixels.
pub(super) const MAX_SIDE: u32 = 384;
const QUALITY: u8 = 82;

/// A `data:` address of the image, at most [`MAX_SIDE`] pixels long; `None` if it cannot be encoded.
pub(super) fn data_uri(image: &GreyImage) -> Option<String> {
    let (width, height, pixels) = scaled(image);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(&pixels, width, height, ExtendedColorType::L8)
        .ok()?;
    Some(render::data_uri("image/jpeg", &bytes))
}

/// Means over the pixels that fall into each smaller one; thin lines would vanish if pixels were skipped.
fn scaled(image: &GreyImage) -> (u32, u32, Vec<u8>) {
    let (width, height) = (image.width(), image.height());
    let longest = width.max(height).max(MAX_SIDE);
    let side = |length: u32| (u64::from(length) * u64::from(MAX_SIDE) / u64::from(longest)).max(1) as u32;
    let (small_width, small_height) = (side(width), side(height));
    let mut pixels = Vec::with_capacity((small_width * small_height) as usize);
    for row in 0..small_height {
        let rows = cells(row, small_height, height);
        for col in 0..small_width {
            pixels.push(mean(image, cells(col, small_width, width), rows.clone()));
        }
    }
    (small_width, small_height, pixels)
}

fn cells(at: u32, small: u32, large: u32) -> std::ops::Range<usize> {
    let edge = |at: u32| (u64::from(at) * u64::from(large) / u64::from(small)) as usize;
    edge(at)..edge(at + 1)
}

fn mean(image: &GreyImage, cols: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> u8 {
    let count = (cols.len() * rows.len()) as f32;
    let width = image.width() as usize;
    let sum: f32 = rows.map(|row| image.pixels()[row * width..][cols.clone()].iter().sum::<f32>()).sum();
    (sum / count * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use knowmvg::image::ImageSource;

    use super::*;

    #[test]
    fn a_large_image_becomes_small_and_keeps_its_grey() {
        let image = GreyImage::new(1000, 500, vec![0.4; 500_000], ImageSource::default()).unwrap();
        let (width, height, pixels) = scaled(&image);
        assert_eq!((width, height, pixels.len()), (384, 192, 384 * 192));
        assert!(pixels.iter().all(|pixel| *pixel == 102));
    }

    #[test]
    fn a_small_image_stays_as_it_is() {
        let image =
            GreyImage::new(16, 20, (0..320).map(|i| i as f32 / 320.0).collect(), ImageSource::default()).unwrap();
        let (width, height, pixels) = scaled(&image);
        assert_eq!((width, height), (16, 20));
        assert_eq!(pixels[100], (100.0f32 / 320.0 * 255.0).round() as u8);
    }
}
