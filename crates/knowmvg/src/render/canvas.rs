//! Anti-aliased shapes on an RGB picture.
//!
//! Every shape is a signed distance from its outline, turned into the share of a pixel that it covers. Coordinates are
//! pixels with the origin at the top-left corner, so pixel `(0, 0)` has its centre at `(0.5, 0.5)`.

use image::{Rgb, RgbImage};

use crate::geometry::Box2;

/// Pixels of a rendered picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Picture;

/// An opaque colour.
pub(super) type Colour = [u8; 3];

/// A box from numbers that the renderer computed itself; swapped corners collapse.
pub(super) fn rect(x0: f64, y0: f64, x1: f64, y1: f64) -> Box2<Picture> {
    Box2::from_xyxy([x0, y0, x1.max(x0), y1.max(y0)]).expect("the renderer computes finite coordinates")
}

/// The same box, larger by `margin` on each side.
pub(super) fn grown(shape: &Box2<Picture>, margin: f64) -> Box2<Picture> {
    let [x0, y0, x1, y1] = shape.xyxy();
    rect(x0 - margin, y0 - margin, x1 + margin, y1 + margin)
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    /// Width in pixels.
    pub width: f64,
    /// Radius of the corners in pixels.
    pub radius: f64,
    /// Lengths of dash and gap in pixels; `None` for a solid line.
    pub dash: Option<(f64, f64)>,
    /// Opacity in `[0, 1]`.
    pub alpha: f32,
}

/// A picture that shapes are drawn on.
pub(super) struct Canvas {
    picture: RgbImage,
}

impl Canvas {
    /// A picture of one colour.
    pub fn new(width: u32, height: u32, background: Colour) -> Self {
        Self { picture: RgbImage::from_pixel(width, height, Rgb(background)) }
    }

    /// The finished picture.
    pub fn into_picture(self) -> RgbImage {
        self.picture
    }

    /// Mixes a colour into one pixel; outside the picture nothing happens.
    pub fn blend(&mut self, x: i64, y: i64, colour: Colour, alpha: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        let Some(pixel) = self.picture.get_pixel_mut_checked(x, y) else { return };
        let alpha = alpha.clamp(0.0, 1.0);
        for (below, above) in pixel.0.iter_mut().zip(colour) {
            *below = (f32::from(*below) * (1.0 - alpha) + f32::from(above) * alpha).round() as u8;
        }
    }

    /// Paints every pixel near `area` whose centre has a positive coverage.
    fn paint(&mut self, area: &Box2<Picture>, colour: Colour, coverage: impl Fn(f64, f64) -> f64) {
        let [x0, y0, x1, y1] = area.xyxy();
        let (width, height) = (f64::from(self.picture.width()), f64::from(self.picture.height()));
        let columns = (x0 - 1.0).clamp(0.0, width) as i64..(x1 + 1.0).ceil().clamp(0.0, width) as i64;
        for y in (y0 - 1.0).clamp(0.0, height) as i64..(y1 + 1.0).ceil().clamp(0.0, height) as i64 {
            for x in columns.clone() {
                let share = coverage(x as f64 + 0.5, y as f64 + 0.5);
                if share > 0.0 {
                    self.blend(x, y, colour, share.min(1.0) as f32);
                }
            }
        }
    }

    /// A filled rectangle with round corners.
    pub fn fill(&mut self, shape: &Box2<Picture>, radius: f64, colour: Colour, alpha: f32) {
        self.paint(shape, colour, |x, y| f64::from(alpha) * (0.5 - distance(shape, radius, x, y)).clamp(0.0, 1.0));
    }

    /// The outline of a rectangle; the line is centred on its sides.
    pub fn stroke(&mut self, shape: &Box2<Picture>, stroke: &Stroke, colour: Colour) {
        let reach = stroke.width / 2.0 + 1.0;
        let inner = inset(shape, reach);
        self.paint(&grown(shape, reach), colour, |x, y| {
            // Most of a large box is far inside of its outline.
            if inner.is_some_and(|inner| inner.contains([x, y])) {
                return 0.0;
            }
            let line = (stroke.width / 2.0 + 0.5 - distance(shape, stroke.radius, x, y).abs()).clamp(0.0, 1.0);
            f64::from(stroke.alpha) * line * dash_at(shape, stroke, x, y)
        });
    }

    /// A straight line.
    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], width: f64, colour: Colour, alpha: f32) {
        let area = rect(from[0].min(to[0]), from[1].min(to[1]), from[0].max(to[0]), from[1].max(to[1]));
        self.paint(&grown(&area, width), colour, |x, y| {
            f64::from(alpha) * (width / 2.0 + 0.5 - segment_distance(from, to, [x, y])).clamp(0.0, 1.0)
        });
    }

    /// Copies a grey image with its top-left corner at `(left, top)`; `tone` maps a value in `[0, 1]` to a colour.
    pub fn place(
        &mut self,
        grey: &image::ImageBuffer<image::Luma<f32>, Vec<f32>>,
        (left, top): (u32, u32),
        tone: impl Fn(u32, u32, f32) -> Colour,
    ) {
        for (x, y, value) in grey.enumerate_pixels() {
            let Some(pixel) = self.picture.get_pixel_mut_checked(left + x, top + y) else { continue };
            *pixel = Rgb(tone(x, y, value.0[0].clamp(0.0, 1.0)));
        }
    }
}

/// Signed distance of a point from the outline of a rectangle with round corners; negative inside.
fn distance(shape: &Box2<Picture>, radius: f64, x: f64, y: f64) -> f64 {
    let [cx, cy, width, height] = shape.cxcywh();
    let radius = radius.min(width / 2.0).min(height / 2.0);
    let dx = (x - cx).abs() - width / 2.0 + radius;
    let dy = (y - cy).abs() - height / 2.0 + radius;
    dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - radius
}

fn inset(shape: &Box2<Picture>, margin: f64) -> Option<Box2<Picture>> {
    let [x0, y0, x1, y1] = shape.xyxy();
    // Round corners reach inwards, so the margin is generous.
    let margin = 2.0 * margin + 4.0;
    Box2::from_xyxy([x0 + margin, y0 + margin, x1 - margin, y1 - margin]).ok()
}

/// Whether the line is drawn at a point: 1 on a dash, 0 in a gap, soft between.
fn dash_at(shape: &Box2<Picture>, stroke: &Stroke, x: f64, y: f64) -> f64 {
    let Some((dash, gap)) = stroke.dash else { return 1.0 };
    let [cx, cy, width, height] = shape.cxcywh();
    // Dashes are counted from the middle of each side, so that a box looks the same left and right, top and bottom.
    let (along, half) = if (x - cx).abs() - width / 2.0 > (y - cy).abs() - height / 2.0 {
        ((y - cy).abs(), height / 2.0)
    } else {
        ((x - cx).abs(), width / 2.0)
    };
    // Corners are always drawn: they say where the box ends.
    if along > half - dash / 2.0 {
        return 1.0;
    }
    let phase = (along + dash / 2.0).rem_euclid(dash + gap);
    let (ends, begins_again) = (dash - phase + 0.5, phase - dash - gap + 0.5);
    ends.max(begins_again).clamp(0.0, 1.0)
}

fn segment_distance(from: [f64; 2], to: [f64; 2], point: [f64; 2]) -> f64 {
    let direction = [to[0] - from[0], to[1] - from[1]];
    let offset = [point[0] - from[0], point[1] - from[1]];
    let length = direction[0] * direction[0] + direction[1] * direction[1];
    let along = if length > 0.0 { (offset[0] * direction[0] + offset[1] * direction[1]) / length } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (offset[0] - along * direction[0]).hypot(offset[1] - along * direction[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOLID: Stroke = Stroke { width: 3.0, radius: 0.0, dash: None, alpha: 1.0 };

    #[test]
    fn a_snapped_outline_is_crisp() {
        let mut canvas = Canvas::new(40, 40, [0, 0, 0]);
        canvas.stroke(&rect(10.5, 10.5, 30.5, 30.5), &SOLID, [255, 255, 255]);
        let picture = canvas.into_picture();
        let row: Vec<u8> = (7..15).map(|x| picture.get_pixel(x, 20).0[0]).collect();
        assert_eq!(row, [0, 0, 255, 255, 255, 0, 0, 0]);
        assert_eq!(picture.get_pixel(20, 20).0, [0, 0, 0]);
    }

    #[test]
    fn shapes_outside_of_the_picture_do_nothing() {
        let mut canvas = Canvas::new(4, 4, [1, 2, 3]);
        canvas.fill(&rect(-90.0, -90.0, -50.0, -50.0), 2.0, [255, 255, 255], 1.0);
        canvas.stroke(&rect(1e9, 1e9, 2e9, 2e9), &SOLID, [255, 255, 255]);
        assert!(canvas.into_picture().pixels().all(|p| p.0 == [1, 2, 3]));
    }

    #[test]
    fn a_dashed_line_has_dashes_and_gaps_and_whole_corners() {
        let mut canvas = Canvas::new(120, 60, [0, 0, 0]);
        let stroke = Stroke { dash: Some((10.0, 6.0)), ..SOLID };
        canvas.stroke(&rect(10.5, 10.5, 110.5, 50.5), &stroke, [255, 255, 255]);
        let picture = canvas.into_picture();
        let top: Vec<u8> = (10..111).map(|x| picture.get_pixel(x, 10).0[0]).collect();
        assert!(top.contains(&0) && top.iter().filter(|v| **v == 255).count() > 40);
        assert_eq!((top[0], top[100]), (255, 255));
    }
}
