//! What an image file looks like: the digest of its bytes, and a perceptual hash of its pixels.

use knowmvg::image::{GreyImage, ImageError, decode_png_or_jpeg};
use sha2::{Digest, Sha256};

/// Rows of the perceptual hash, and bits a row.
pub const HASH_SIDE: usize = 16;

/// A difference hash of 16 x 16 bits, row by row.
pub type PerceptualHash = [u64; HASH_SIDE * HASH_SIDE / 64];

/// What identifies an image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// Difference hash of the pixels.
    pub hash: PerceptualHash,
    /// Width and height of the file in pixels.
    pub size: [u32; 2],
}

impl Fingerprint {
    /// From the bytes of a PNG or JPEG file.
    ///
    /// # Errors
    /// When it is no such file, or damaged.
    pub fn of(bytes: &[u8]) -> Result<Self, ImageError> {
        let image = decode_png_or_jpeg(bytes)?;
        let size = [image.width(), image.height()];
        Ok(Self { digest: Sha256::digest(bytes).into(), hash: difference_hash(&image), size })
    }
}

/// Whether each of 17 x 16 mean grey levels is darker than its right neighbour.
///
/// # Source
/// The difference hash of N. Krawetz, "Kind of Like That" (2013), at 16 x 16 instead of 8 x 8 bits: radiographs of one
/// projection resemble each other too much for 64.
pub fn difference_hash(image: &GreyImage) -> PerceptualHash {
    let means = cell_means(image);
    let mut hash = PerceptualHash::default();
    let neighbours = means.iter().flat_map(|row| row.windows(2));
    for (at, _) in neighbours.enumerate().filter(|(_, pair)| pair[0] < pair[1]) {
        hash[at / 64] |= 1 << (at % 64);
    }
    hash
}

/// Mean grey levels of 17 columns and 16 rows of cells.
fn cell_means(image: &GreyImage) -> [[f64; HASH_SIDE + 1]; HASH_SIDE] {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut means = [[0.0; HASH_SIDE + 1]; HASH_SIDE];
    for (row, means) in means.iter_mut().enumerate() {
        let rows = span(row, HASH_SIDE, height);
        for (col, mean) in means.iter_mut().enumerate() {
            let cols = span(col, HASH_SIDE + 1, width);
            let lines = rows.clone().map(|y| &image.pixels()[y * width..][cols.clone()]);
            let sum: f64 = lines.flatten().map(|pixel| f64::from(*pixel)).sum();
            *mean = sum / (rows.len() * cols.len()) as f64;
        }
    }
    means
}

/// The pixels of a cell; at least one, where there are fewer pixels than cells.
fn span(cell: usize, cells: usize, pixels: usize) -> std::ops::Range<usize> {
    let start = (cell * pixels / cells).min(pixels - 1);
    start..((cell + 1) * pixels / cells).max(start + 1)
}

/// In how many bits two hashes differ.
pub fn distance(a: &PerceptualHash, b: &PerceptualHash) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use knowmvg::image::ImageSource;

    use super::*;
    use crate::check::NEAR_DUPLICATE_BITS;

    fn image(width: u32, height: u32, grey: impl Fn(f32, f32) -> f32) -> GreyImage {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels = pixels.map(|(x, y)| grey(x as f32 / width as f32, y as f32 / height as f32)).collect();
        GreyImage::new(width, height, pixels, ImageSource::default()).unwrap()
    }

    #[test]
    fn a_ramp_to_the_right_sets_every_bit_and_its_mirror_none() {
        let all = difference_hash(&image(64, 48, |x, _| x));
        assert_eq!(all, [u64::MAX; 4]);
        assert_eq!(difference_hash(&image(64, 48, |x, _| 1.0 - x)), [0; 4]);
        assert_eq!(distance(&all, &[0; 4]), 256);
    }

    #[test]
    fn size_and_brightness_change_little_and_a_mirror_much() {
        let scene = |x: f32, y: f32| 0.5 + 0.3 * (7.0 * x + 2.0 * y).sin() * (5.0 * y).cos();
        let small = difference_hash(&image(100, 90, scene));
        let large = difference_hash(&image(300, 270, |x, y| 0.1 + 0.8 * scene(x, y)));
        assert!(distance(&small, &large) <= NEAR_DUPLICATE_BITS, "{}", distance(&small, &large));
        assert!(distance(&small, &difference_hash(&image(100, 90, |x, y| scene(1.0 - x, y)))) > 80);
    }

    #[test]
    fn images_with_fewer_pixels_than_cells_are_hashed() {
        difference_hash(&image(16, 16, |x, _| x));
    }
}
