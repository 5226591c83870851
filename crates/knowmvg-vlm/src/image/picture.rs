use knowmvg::image::GreyImage;

use crate::{Error, Result};

/// Longest side of a picture.
///
/// # Units
/// Pixels.
const MAX_SIDE: usize = 1 << 14;

/// A picture in red, green and blue.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    width: usize,
    height: usize,
    /// `[3, height, width]`, 0 to 255 in whole steps.
    planes: Vec<f32>,
}

impl Picture {
    /// From bytes as pictures are mostly stored, `[height, width, 3]`.
    ///
    /// # Errors
    /// When there are not as many bytes as that, none, or too many.
    pub fn from_rgb(width: usize, height: usize, bytes: &[u8]) -> Result<Self> {
        let has_sides = [width, height].iter().all(|side| (1..=MAX_SIDE).contains(side));
        if !has_sides || bytes.len() != width * height * 3 {
            return Err(Error::Input(format!(
                "expected a picture of at most {MAX_SIDE} pixels a side and three bytes a pixel, found {width} x {height} and {} bytes",
                bytes.len()
            )));
        }
        let plane = |channel: usize| bytes.iter().skip(channel).step_by(3).map(|byte| f32::from(*byte));
        Ok(Self { width, height, planes: (0..3).flat_map(plane).collect() })
    }

    /// A grey image, the same in every colour, in 256 levels as a file for screens would have them.
    pub fn from_grey(image: &GreyImage) -> Self {
        let plane = image.pixels().iter().map(|grey| (grey * 255.0).round());
        let planes = plane.clone().chain(plane.clone()).chain(plane).collect();
        Self { width: image.width() as usize, height: image.height() as usize, planes }
    }

    /// From planes of a size that was checked.
    pub(super) fn from_planes([height, width]: [usize; 2], planes: Vec<f32>) -> Self {
        Self { width, height, planes }
    }

    /// Height and width.
    ///
    /// # Units
    /// Pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// `[3, height, width]`, 0 to 255.
    pub fn planes(&self) -> &[f32] {
        &self.planes
    }
}

#[cfg(test)]
mod tests {
    use knowmvg::image::ImageSource;

    use super::*;

    #[test]
    fn grey_is_the_same_in_every_colour() {
        let levels: Vec<u8> = (0..=255).collect();
        let greys = levels.iter().map(|level| f32::from(*level) / 255.0).collect();
        let grey = GreyImage::new(16, 16, greys, ImageSource::default()).unwrap();
        let bytes: Vec<u8> = levels.iter().flat_map(|level| [*level; 3]).collect();
        assert_eq!(Picture::from_grey(&grey), Picture::from_rgb(16, 16, &bytes).unwrap());
    }

    #[test]
    fn bytes_have_to_be_as_many_as_the_picture_has() {
        assert!(Picture::from_rgb(2, 2, &[0; 12]).is_ok());
        assert!(Picture::from_rgb(2, 2, &[0; 11]).is_err());
        assert!(Picture::from_rgb(0, 2, &[]).is_err());
        assert!(Picture::from_rgb(usize::MAX, 2, &[]).is_err());
    }
}
