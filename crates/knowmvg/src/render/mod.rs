//! Pictures of a [`Grounding`](crate::grounding::Grounding): PNG overlay, SVG overlay and heatmaps.
//!
//! | what | function |
//! |---|---|
//! | radiograph, boxes, labels and a legend of every phrase | [`overlay`] |
//! | the same boxes as scalable vectors over a linked image | [`svg`] |
//! | the same with the image inside; the image alone; any file as an address | [`svg_with_image`], [`grey_png`], [`data_uri`] |
//! | prior or attention over the darkened radiograph; alone, as a layer with alpha | [`heatmap`], [`layer_png`] |
//!
//! The same input gives the same bytes. Nothing in a grounding is left out silently: the legend grows with the report,
//! and a picture that would become unreasonably large is an error.

mod canvas;
mod embedded;
mod heatmap;
mod legend;
mod overlay;
mod palette;
mod placement;
mod scene;
mod svg;
mod text;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageBuffer, ImageEncoder, Luma, RgbImage};

pub use embedded::{data_uri, grey_png, svg_with_image};
pub use heatmap::{heatmap, layer_png};
pub use overlay::{OverlayOptions, Visibility, overlay};
pub use svg::svg;

/// Pixels in a rendered picture; a report whose legend needs more is an error.
pub const MAX_PICTURE_PIXELS: u64 = 64_000_000;

/// Boxes in one picture.
pub const MAX_BOXES: usize = 2_000;

/// A borrowed grey image, as it should look on a screen.
///
/// # Shapes
/// `pixels` is `[height, width]`, row by row from the top.
///
/// # Units
/// 0 is black and 1 is white; values outside are clipped and NaN is drawn black.
#[derive(Debug, Clone, Copy)]
pub struct GreyView<'a> {
    width: u32,
    height: u32,
    pixels: &'a [f32],
}

impl<'a> GreyView<'a> {
    /// From the size and the pixels.
    ///
    /// # Errors
    /// When the image is empty or `pixels` is not `width * height` long.
    pub fn new(width: u32, height: u32, pixels: &'a [f32]) -> Result<Self, RenderError> {
        if width == 0 || height == 0 {
            return Err(RenderError::EmptyImage { width, height });
        }
        let expected = u64::from(width) * u64::from(height);
        if expected != pixels.len() as u64 {
            return Err(RenderError::PixelCount { expected, found: pixels.len() });
        }
        Ok(Self { width, height, pixels })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The image at another size; each value in `[0, 1]`.
    fn resized(&self, width: u32, height: u32) -> ImageBuffer<Luma<f32>, Vec<f32>> {
        let finite = self.pixels.iter().map(|v| if v.is_nan() { 0.0 } else { v.clamp(0.0, 1.0) }).collect();
        let source: ImageBuffer<Luma<f32>, Vec<f32>> =
            ImageBuffer::from_raw(self.width, self.height, finite).expect("the constructor checked the length");
        image::imageops::resize(&source, width, height, image::imageops::FilterType::CatmullRom)
    }

    /// Size of the image when its long side is `long_side`.
    fn scaled_size(&self, long_side: u32) -> (u32, u32) {
        scaled_size((self.width, self.height), long_side)
    }
}

fn scaled_size((width, height): (u32, u32), long_side: u32) -> (u32, u32) {
    let scale = f64::from(long_side) / f64::from(width.max(height));
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).clamp(1, long_side);
    (side(width), side(height))
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A side of the image is zero.
    #[error("expected an image with pixels, found {width} x {height}")]
    EmptyImage {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The pixels do not fill the image.
    #[error("expected {expected} pixels, found {found}")]
    PixelCount {
        /// Width times height.
        expected: u64,
        /// Length of the pixels.
        found: usize,
    },
    /// The grounding belongs to an image of another shape.
    #[error("expected an image shaped like {expected:?}, on which the boxes were found, found {found:?}")]
    ImageShape {
        /// Width and height in the grounding.
        expected: (u32, u32),
        /// Width and height of the pixels.
        found: (u32, u32),
    },
    /// The map does not fill its rows and columns.
    #[error("expected a map of {rows} x {cols} values, found {found}")]
    MapShape {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Values in the map.
        found: usize,
    },
    /// The requested long side is outside the supported range.
    #[error("expected a long side of {min} to {max} pixels, found {found}")]
    LongSide {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
        /// Requested.
        found: u32,
    },
    /// More boxes than a picture can show.
    #[error("expected at most {limit} boxes, found {found}")]
    TooManyBoxes {
        /// [`MAX_BOXES`].
        limit: usize,
        /// Boxes in the grounding.
        found: usize,
    },
    /// The legend does not fit the largest picture.
    #[error("expected a picture of at most {limit} pixels, found that the report needs {found}")]
    TooLarge {
        /// [`MAX_PICTURE_PIXELS`].
        limit: u64,
        /// Pixels needed.
        found: u64,
    },
    /// The PNG encoder failed.
    #[error("expected the picture to encode as PNG")]
    Png(#[source] image::ImageError),
}

/// The picture as PNG bytes.
///
/// # Errors
/// When the encoder fails, which for a picture of this module it does only without memory.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>, RenderError> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .map_err(RenderError::Png)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_as_many_pixels_as_it_says() {
        assert!(GreyView::new(2, 2, &[0.0; 4]).is_ok());
        assert!(matches!(GreyView::new(2, 2, &[0.0; 3]), Err(RenderError::PixelCount { expected: 4, found: 3 })));
        assert!(matches!(GreyView::new(0, 2, &[]), Err(RenderError::EmptyImage { .. })));
        assert!(GreyView::new(u32::MAX, u32::MAX, &[0.0]).is_err());
    }

    #[test]
    fn the_long_side_is_kept_for_any_shape() {
        let row = vec![0.5; 10_000];
        assert_eq!(GreyView::new(10_000, 1, &row).unwrap().scaled_size(1200), (1200, 1));
        assert_eq!(GreyView::new(100, 100, &row).unwrap().scaled_size(1200), (1200, 1200));
    }

    #[test]
    fn png_is_read_back_as_it_was() {
        let picture = RgbImage::from_fn(7, 5, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let read = image::load_from_memory(&png(&picture).unwrap()).unwrap().into_rgb8();
        assert_eq!(read, picture);
    }
}
