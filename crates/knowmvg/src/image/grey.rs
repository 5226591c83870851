//! [`GreyImage`]: displayed grey levels, checked once.

use sha2::{Digest, Sha256};

use crate::grounding::ImageInfo;

/// Most pixels that an image may have: 64 Mi, about eight times the largest detector in chest radiography.
pub const MAX_PIXELS: u64 = 1 << 26;
/// Shortest side that an image may have, in pixels; a model patch is not smaller.
pub const MIN_SIDE: u32 = 16;

/// A grey image as it is displayed: 0 is black, 1 is white, bone is brighter than air.
///
/// The fields are private, so the size limits and the range of the pixels hold for every value of this type.
///
/// # Shapes
/// `pixels` is `[height, width]`, row by row from the top left.
#[derive(Debug, Clone, PartialEq)]
pub struct GreyImage {
    width: u32,
    height: u32,
    pixels: Vec<f32>,
    source: ImageSource,
}

/// Where the pixels came from and how they became grey levels; nothing here names the patient.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageSource {
    /// `PNG`, `JPEG` or the DICOM transfer syntax UID.
    pub format: String,
    /// Which mapping made the displayed values, e.g. `VOI window LINEAR`, `percentile window 0.5-99.5`.
    pub grey_mapping: String,
    /// What a reader should know before trusting a result on this image.
    pub warnings: Vec<String>,
    /// Height of a pixel over its width, if the file says so; 1 is square.
    pub pixel_aspect: Option<f64>,
}

/// Why pixels are not an image.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GreyImageError {
    /// A side is shorter than [`MIN_SIDE`].
    #[error("expected an image of at least {MIN_SIDE} x {MIN_SIDE} pixels, found {width} x {height}")]
    TooSmall {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// There are more than [`MAX_PIXELS`].
    #[error("expected an image of at most {MAX_PIXELS} pixels, found {width} x {height}")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The number of values is not width times height.
    #[error("expected {expected} grey levels, found {found}")]
    WrongCount {
        /// Width times height.
        expected: u64,
        /// Length of the values.
        found: usize,
    },
    /// A value is not a number in `[0, 1]`.
    #[error("expected grey levels in [0, 1], found {0}")]
    OutOfRange(f32),
}

/// Whether an image of this size may be decoded; asked before any memory is spent on its pixels.
///
/// # Errors
/// When a side is too short or there are too many pixels.
pub fn check_size(width: u32, height: u32) -> Result<(), GreyImageError> {
    if width < MIN_SIDE || height < MIN_SIDE {
        return Err(GreyImageError::TooSmall { width, height });
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(GreyImageError::TooLarge { width, height });
    }
    Ok(())
}

impl GreyImage {
    /// From grey levels, row by row.
    ///
    /// # Errors
    /// When the size is out of bounds, the count is wrong or a value lies outside `[0, 1]`.
    pub fn new(width: u32, height: u32, pixels: Vec<f32>, source: ImageSource) -> Result<Self, GreyImageError> {
        check_size(width, height)?;
        let expected = u64::from(width) * u64::from(height);
        if pixels.len() as u64 != expected {
            return Err(GreyImageError::WrongCount { expected, found: pixels.len() });
        }
        match pixels.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            Some(&stray) => Err(GreyImageError::OutOfRange(stray)),
            None => Ok(Self { width, height, pixels, source }),
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Grey levels in `[0, 1]`, row by row from the top left.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// Where the pixels came from.
    pub fn source(&self) -> &ImageSource {
        &self.source
    }

    /// Adds something that a reader should know.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.source.warnings.push(warning.into());
    }

    /// SHA-256 over width, height (`u32`) and grey levels (`f32`), all little endian; hexadecimal.
    ///
    /// It names what was displayed: the same film as lossless PNG and as DICOM may share it, two windows of one film do not.
    pub fn sha256(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.width.to_le_bytes());
        hasher.update(self.height.to_le_bytes());
        for pixel in &self.pixels {
            hasher.update(pixel.to_le_bytes());
        }
        crate::model::weights::hex(&hasher.finalize())
    }

    /// The facts that a grounding states about its image.
    pub fn info(&self) -> ImageInfo {
        ImageInfo {
            width: self.width,
            height: self.height,
            sha256: self.sha256(),
            format: self.source.format.clone(),
            grey_mapping: self.source.grey_mapping.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(width: u32, height: u32, value: f32) -> Result<GreyImage, GreyImageError> {
        GreyImage::new(width, height, vec![value; (width * height) as usize], ImageSource::default())
    }

    #[test]
    fn accepts_the_smallest_image_and_no_smaller() {
        assert!(flat(16, 16, 1.0).is_ok());
        assert_eq!(flat(15, 16, 1.0), Err(GreyImageError::TooSmall { width: 15, height: 16 }));
    }

    #[test]
    fn counts_pixels_without_overflow() {
        assert!(check_size(8192, 8192).is_ok());
        assert_eq!(check_size(8192, 8193), Err(GreyImageError::TooLarge { width: 8192, height: 8193 }));
        assert!(check_size(u32::MAX, u32::MAX).is_err());
    }

    #[test]
    fn rejects_what_cannot_be_displayed() {
        assert_eq!(flat(16, 16, 1.5), Err(GreyImageError::OutOfRange(1.5)));
        assert!(matches!(flat(16, 16, f32::NAN), Err(GreyImageError::OutOfRange(v)) if v.is_nan()));
        let short = GreyImage::new(16, 16, vec![0.0; 255], ImageSource::default());
        assert_eq!(short, Err(GreyImageError::WrongCount { expected: 256, found: 255 }));
    }

    #[test]
    fn the_hash_depends_on_shape_and_on_every_pixel() {
        let wide = GreyImage::new(32, 16, vec![0.5; 512], ImageSource::default()).unwrap();
        let tall = GreyImage::new(16, 32, vec![0.5; 512], ImageSource::default()).unwrap();
        let mut pixels = vec![0.5; 512];
        pixels[511] = 0.5 + f32::EPSILON;
        let other = GreyImage::new(32, 16, pixels, ImageSource::default()).unwrap();
        assert_ne!(wide.sha256(), tall.sha256());
        assert_ne!(wide.sha256(), other.sha256());
        assert_eq!(wide.sha256().len(), 64);
    }
}
