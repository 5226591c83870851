//! [`Film`]: a displayed image in a quarter of its memory, for pictures of results.

use knowmvg::image::GreyImage;
use knowmvg::render::{GreyView, RenderError};

use crate::problem::{Problem, UNDRAWABLE};

/// Grey levels of 8 bits, which is what every picture has in the end.
pub(crate) struct Film {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl From<&GreyImage> for Film {
    fn from(image: &GreyImage) -> Self {
        let pixels = image.pixels().iter().map(|grey| (grey * 255.0).round() as u8).collect();
        Self { width: image.width(), height: image.height(), pixels }
    }
}

impl Film {
    /// Makes something of the image.
    ///
    /// # Errors
    /// When that fails.
    pub fn draw<T>(&self, draw: impl FnOnce(&GreyView<'_>) -> Result<T, RenderError>) -> Result<T, Problem> {
        let grey: Vec<f32> = self.pixels.iter().map(|level| f32::from(*level) / 255.0).collect();
        let drawn = GreyView::new(self.width, self.height, &grey).and_then(|view| draw(&view));
        // These errors tell sizes and counts.
        drawn.map_err(|e| Problem::new(&UNDRAWABLE, e.to_string()))
    }
}
