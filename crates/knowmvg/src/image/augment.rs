//! Augmentation in pixel space, for training only: a moved, scaled, re-exposed and perhaps mirrored view of an image.
//!
//! *Box-safe*: a view in which a box would leave the picture is not made. *Side-safe*: a mirrored view says so, and its
//! reader must swap left and right in the text, the knowledge and the labels.

use rand::Rng;

use super::GreyImage;
use super::preprocess::ModelImage;
use crate::geometry::{Box2, Image, Map, Model};

/// Whether left and right are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mirror {
    /// As stored.
    No,
    /// Left and right exchanged; the boxes too.
    Yes,
}

/// How one view is made.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// From pixels of the stored image to the square, before mirroring.
    pub model_from_image: Map<Model, Image>,
    /// Applied after the map.
    pub mirror: Mirror,
    /// Exponent on the grey values.
    pub gamma: f32,
    /// Factor on the distance from mid-grey.
    pub contrast: f32,
    /// Standard deviation of the added noise, in grey values of `[0, 1]`.
    pub noise: f32,
}

/// Ranges that views are drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Ranges {
    /// Size of the stored image over size of the square.
    pub scale: [f64; 2],
    /// Largest shift of the centre, in fractions of the square.
    pub shift: f64,
    /// Largest |ln gamma| and |ln contrast|.
    pub exposure: f64,
    /// Largest standard deviation of the noise.
    pub noise: f64,
}

impl Default for Ranges {
    fn default() -> Self {
        Self { scale: [0.80, 1.25], shift: 0.08, exposure: 0.35, noise: 0.02 }
    }
}

/// How often a view is drawn again because a box left the picture, before the size is kept as it is.
const ATTEMPTS: usize = 20;

impl View {
    /// Draws a view that keeps every box inside the picture.
    pub fn draw(
        width: u32,
        height: u32,
        boxes: &[Box2<Image>],
        ranges: &Ranges,
        mirror: Mirror,
        rng: &mut impl Rng,
    ) -> Self {
        let ln = |rng: &mut _, limit: f64| Rng::random_range(rng, -limit..=limit).exp() as f32;
        let (gamma, contrast) = (ln(rng, ranges.exposure), ln(rng, ranges.exposure * 0.5));
        let noise = rng.random_range(0.0..=ranges.noise) as f32;
        let mut model_from_image = centred(width, height, 1.0, [0.0, 0.0]);
        for _ in 0..ATTEMPTS {
            let scale = rng.random_range(ranges.scale[0].ln()..=ranges.scale[1].ln()).exp();
            let shift = [(); 2].map(|()| rng.random_range(-ranges.shift..=ranges.shift));
            let candidate = centred(width, height, scale, shift);
            if boxes.iter().all(|b| is_inside(&candidate.apply(b))) {
                model_from_image = candidate;
                break;
            }
        }
        Self { model_from_image, mirror, gamma, contrast, noise }
    }

    /// Where a box of the stored image lies in this view.
    pub fn box_in_model(&self, box_in_image: &Box2<Image>) -> Box2<Model> {
        let upright = self.model_from_image.apply(box_in_image);
        match self.mirror {
            Mirror::No => upright,
            Mirror::Yes => mirrored(&upright),
        }
    }

    /// Samples the view.
    pub fn render(&self, image: &GreyImage, side: usize, rng: &mut impl Rng) -> ModelImage {
        let image_from_model = self.model_from_image.inverse();
        let mut pixels = Vec::with_capacity(side * side);
        for row in 0..side {
            for col in 0..side {
                let col = if self.mirror == Mirror::Yes { side - 1 - col } else { col };
                let centre = [(col as f64 + 0.5) / side as f64, (row as f64 + 0.5) / side as f64];
                let grey = bilinear(image, image_from_model.apply_point(centre));
                pixels.push(grey.map_or(0.0, |g| self.expose(g, rng)));
            }
        }
        ModelImage { side, pixels, model_from_image: self.model_from_image }
    }

    fn expose(&self, grey: f32, rng: &mut impl Rng) -> f32 {
        // The sum of two uniform draws is close enough to a normal one for film grain.
        let grain = (rng.random::<f32>() + rng.random::<f32>() - 1.0) * 2.45 * self.noise;
        ((grey.powf(self.gamma) - 0.5) * self.contrast + 0.5 + grain).clamp(0.0, 1.0)
    }
}

/// The box seen in a mirror.
pub fn mirrored<Frame>(b: &Box2<Frame>) -> Box2<Frame> {
    let [x0, y0, x1, y1] = b.xyxy();
    Box2::from_xyxy([1.0 - x1, y0, 1.0 - x0, y1]).expect("mirroring keeps a box a box")
}

fn is_inside(b: &Box2<Model>) -> bool {
    b.xyxy().iter().all(|c| (0.0..=1.0).contains(c))
}

fn centred(width: u32, height: u32, scale: f64, shift: [f64; 2]) -> Map<Model, Image> {
    let per_pixel = scale / f64::from(width.max(height));
    let offset = |length: u32, shift: f64| 0.5 + shift - per_pixel * f64::from(length) / 2.0;
    Map::new([per_pixel; 2], [offset(width, shift[0]), offset(height, shift[1])]).expect("sizes are positive")
}

/// Bilinear interpolation between pixel centres; `None` outside the picture.
fn bilinear(image: &GreyImage, [x, y]: [f64; 2]) -> Option<f32> {
    if x < 0.0 || y < 0.0 || x >= f64::from(image.width()) || y >= f64::from(image.height()) {
        return None;
    }
    let corner = |value: f64, length: u32| {
        let centre = (value - 0.5).clamp(0.0, f64::from(length - 1));
        (centre as usize, (centre as usize + 1).min(length as usize - 1), centre.fract() as f32)
    };
    let (x0, x1, fx) = corner(x, image.width());
    let (y0, y1, fy) = corner(y, image.height());
    let at = |x: usize, y: usize| image.pixels()[y * image.width() as usize + x];
    let top = at(x0, y0) + fx * (at(x1, y0) - at(x0, y0));
    let bottom = at(x0, y1) + fx * (at(x1, y1) - at(x0, y1));
    Some(top + fy * (bottom - top))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::image::ImageSource;

    #[test]
    fn a_bright_box_stays_where_the_view_says() {
        let (width, height) = (80_u32, 60_u32);
        let lit = Box2::<Image>::from_xyxy([20.0, 12.0, 44.0, 36.0]).unwrap();
        let pixels: Vec<f32> = (0..width * height)
            .map(|i| f32::from(lit.contains([f64::from(i % width) + 0.5, f64::from(i / width) + 0.5])))
            .collect();
        let image = GreyImage::new(width, height, pixels, ImageSource::default()).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let ranges = Ranges { exposure: 0.0, noise: 0.0, ..Ranges::default() };
        for mirror in [Mirror::No, Mirror::Yes] {
            let view = View::draw(width, height, &[lit], &ranges, mirror, &mut rng);
            let side = 200;
            let seen = view.render(&image, side, &mut rng);
            let bounds = view.box_in_model(&lit);
            for (index, grey) in seen.pixels.iter().enumerate() {
                let point = [(index % side) as f64 + 0.5, (index / side) as f64 + 0.5].map(|c| c / side as f64);
                if (*grey > 0.5) != bounds.contains(point) {
                    let [x0, y0, x1, y1] = bounds.xyxy();
                    let edge =
                        [(point[0] - x0).abs(), (point[0] - x1).abs(), (point[1] - y0).abs(), (point[1] - y1).abs()];
                    assert!(edge.iter().any(|e| *e < 0.01), "pixel far from an edge disagrees: {point:?} {bounds:?}");
                }
            }
        }
    }
}
