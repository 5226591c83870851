//! `GreyImage -> ModelImage`: the square that the network sees, and the map back to the stored pixels.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};

use super::GreyImage;
use crate::geometry::{Box2, Image, Map, Model};
use crate::model::vision::{IMAGENET_MEAN, IMAGENET_STD};

/// A square picture at the network's resolution.
#[derive(Debug, Clone)]
pub struct ModelImage {
    /// Side in pixels.
    pub side: usize,
    /// Row by row, in `[0, 1]`; black outside the stored image.
    pub pixels: Vec<f32>,
    /// From pixels of the stored image to fractions of the square.
    pub model_from_image: Map<Model, Image>,
}

impl ModelImage {
    /// The picture as the tower's three normalised channels.
    ///
    /// # Shapes
    /// Returns `[3, side, side]`.
    pub fn pixel_values(&self) -> Vec<f32> {
        let normalise =
            |channel: usize| self.pixels.iter().map(move |p| (p - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]);
        (0..3).flat_map(normalise).collect()
    }

    /// The part of the square that the stored image covers.
    pub fn content(&self, width: u32, height: u32) -> Box2<Model> {
        let whole = Box2::from_xyxy([0.0, 0.0, f64::from(width), f64::from(height)]).expect("sides are not negative");
        self.model_from_image.apply(&whole)
    }
}

/// Where a stored image lies on the square: its longer side fills it, the rest is centred.
struct Fit {
    width: u32,
    height: u32,
    left: u32,
    top: u32,
}

impl Fit {
    fn new(width: u32, height: u32, side: usize) -> Self {
        let scale = side as f64 / f64::from(width.max(height));
        let fit = |length: u32| ((f64::from(length) * scale).round() as u32).clamp(1, side as u32);
        let (fit_width, fit_height) = (fit(width), fit(height));
        Self {
            width: fit_width,
            height: fit_height,
            left: (side as u32 - fit_width) / 2,
            top: (side as u32 - fit_height) / 2,
        }
    }
}

/// The map from pixels of a stored image to fractions of the square; the aspect ratio is kept.
pub fn model_from_image(width: u32, height: u32, side: usize) -> Map<Model, Image> {
    let fit = Fit::new(width, height, side);
    let side_px = side as f64;
    let scales =
        [f64::from(fit.width) / f64::from(width) / side_px, f64::from(fit.height) / f64::from(height) / side_px];
    let shift = [f64::from(fit.left) / side_px, f64::from(fit.top) / side_px];
    Map::new(scales, shift).expect("sides are positive")
}

/// Scales the longer side to `side` and centres the picture on black; the aspect ratio is kept.
///
/// Shrinking averages over the covered area, so fine structures don't alias.
pub fn prepare(image: &GreyImage, side: usize) -> ModelImage {
    let fit = Fit::new(image.width(), image.height(), side);
    let buffer: ImageBuffer<Luma<f32>, Vec<f32>> =
        ImageBuffer::from_raw(image.width(), image.height(), image.pixels().to_vec())
            .expect("a grey image has width * height pixels");
    let scaled = imageops::resize(&buffer, fit.width, fit.height, FilterType::Triangle);

    let mut pixels = vec![0.0; side * side];
    for (row, values) in scaled.as_raw().chunks_exact(fit.width as usize).enumerate() {
        let start = (fit.top as usize + row) * side + fit.left as usize;
        for (pixel, value) in pixels[start..start + fit.width as usize].iter_mut().zip(values) {
            *pixel = value.clamp(0.0, 1.0);
        }
    }
    ModelImage { side, pixels, model_from_image: model_from_image(image.width(), image.height(), side) }
}
