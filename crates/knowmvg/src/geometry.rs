//! Boxes, the frames they live in, and the maps between frames.
//!
//! * [`Image`]: pixels of the stored image. x grows right, y grows down; the origin is the *corner* of the top-left
//!   pixel, so pixel (0, 0) covers `[0, 1) x [0, 1)` and a width is `x1 - x0`, never `+ 1`. This is the frame of DICOM
//!   SCOORD and the only frame that leaves the crate.
//! * [`Model`]: the square the network sees, in fractions of its side.
//! * [`Thorax`]: the smallest box around both lungs of one patient, in fractions of its sides. Image-left is the
//!   patient's right.
//!
//! Maps are named `dst_from_src`: `box_in_image = image_from_model.apply(&box_in_model)`.

use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Pixels of the stored image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Image;
/// Fractions of the square that the network sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model;
/// Fractions of the box around both lungs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thorax;

/// An axis-aligned box in `Frame`, by its two corners; finite, with `x0 <= x1` and `y0 <= y1`.
///
/// The fields are private, so those conditions hold for every value of this type.
#[derive(Debug)]
pub struct Box2<Frame> {
    corners: [f64; 4],
    frame: PhantomData<Frame>,
}

// Derived impls would ask `Frame` for the same traits, which a marker need not have.
impl<Frame> Clone for Box2<Frame> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<Frame> Copy for Box2<Frame> {}
impl<Frame> PartialEq for Box2<Frame> {
    fn eq(&self, other: &Self) -> bool {
        self.corners == other.corners
    }
}

/// Why four numbers are not a box.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BoxError {
    /// A coordinate is NaN or infinite.
    #[error("expected four finite coordinates, found {0:?}")]
    NotFinite([f64; 4]),
    /// The second corner lies left of or above the first.
    #[error("expected x0 <= x1 and y0 <= y1, found {0:?}")]
    Inverted([f64; 4]),
}

impl<Frame> Box2<Frame> {
    /// From the top-left and bottom-right corners.
    ///
    /// # Errors
    /// When a coordinate is not finite or the corners are swapped.
    pub fn from_xyxy(corners: [f64; 4]) -> Result<Self, BoxError> {
        let [x0, y0, x1, y1] = corners;
        if !corners.iter().all(|c| c.is_finite()) {
            return Err(BoxError::NotFinite(corners));
        }
        if x1 < x0 || y1 < y0 {
            return Err(BoxError::Inverted(corners));
        }
        Ok(Self { corners, frame: PhantomData })
    }

    /// From the top-left corner and size, as COCO and MS-CXR store boxes.
    ///
    /// # Errors
    /// When a number is not finite or a size is negative.
    pub fn from_xywh([x, y, width, height]: [f64; 4]) -> Result<Self, BoxError> {
        Self::from_xyxy([x, y, x + width, y + height])
    }

    /// From the centre and size, as the decoder predicts boxes.
    ///
    /// # Errors
    /// When a number is not finite or a size is negative.
    pub fn from_cxcywh([cx, cy, width, height]: [f64; 4]) -> Result<Self, BoxError> {
        Self::from_xyxy([cx - width / 2.0, cy - height / 2.0, cx + width / 2.0, cy + height / 2.0])
    }

    /// `[x0, y0, x1, y1]`.
    pub fn xyxy(&self) -> [f64; 4] {
        self.corners
    }

    /// `[cx, cy, width, height]`.
    pub fn cxcywh(&self) -> [f64; 4] {
        let [x0, y0, x1, y1] = self.corners;
        [(x0 + x1) / 2.0, (y0 + y1) / 2.0, x1 - x0, y1 - y0]
    }

    /// Width.
    pub fn width(&self) -> f64 {
        self.corners[2] - self.corners[0]
    }

    /// Height.
    pub fn height(&self) -> f64 {
        self.corners[3] - self.corners[1]
    }

    /// Area; zero for a degenerate box.
    pub fn area(&self) -> f64 {
        self.width() * self.height()
    }

    fn intersection_area(&self, other: &Self) -> f64 {
        let [ax0, ay0, ax1, ay1] = self.corners;
        let [bx0, by0, bx1, by1] = other.corners;
        let width = (ax1.min(bx1) - ax0.max(bx0)).max(0.0);
        let height = (ay1.min(by1) - ay0.max(by0)).max(0.0);
        width * height
    }

    /// The smallest box around both.
    pub fn enclosing(&self, other: &Self) -> Self {
        let [ax0, ay0, ax1, ay1] = self.corners;
        let [bx0, by0, bx1, by1] = other.corners;
        Self { corners: [ax0.min(bx0), ay0.min(by0), ax1.max(bx1), ay1.max(by1)], frame: PhantomData }
    }

    /// Intersection over union, in `[0, 1]`. Two boxes without area have an IoU of 0.
    pub fn iou(&self, other: &Self) -> f64 {
        let intersection = self.intersection_area(other);
        let union = self.area() + other.area() - intersection;
        if union > 0.0 { (intersection / union).min(1.0) } else { 0.0 }
    }

    /// Generalized intersection over union, in `[-1, 1]`.
    ///
    /// # Source
    /// Rezatofighi et al., CVPR 2019, eq. 1-3.
    pub fn giou(&self, other: &Self) -> f64 {
        let union = self.area() + other.area() - self.intersection_area(other);
        let hull = self.enclosing(other).area();
        if hull > 0.0 { self.iou(other) - (hull - union) / hull } else { self.iou(other) }
    }

    /// The part of this box inside `bounds`; a box outside collapses onto the nearest edge.
    pub fn clamped(&self, bounds: &Self) -> Self {
        let [x0, y0, x1, y1] = self.corners;
        let [bx0, by0, bx1, by1] = bounds.corners;
        let corners = [x0.clamp(bx0, bx1), y0.clamp(by0, by1), x1.clamp(bx0, bx1), y1.clamp(by0, by1)];
        Self { corners, frame: PhantomData }
    }

    /// Whether the point lies in the half-open box.
    pub fn contains(&self, [x, y]: [f64; 2]) -> bool {
        let [x0, y0, x1, y1] = self.corners;
        x >= x0 && x < x1 && y >= y0 && y < y1
    }
}

impl<Frame> Serialize for Box2<Frame> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.corners.serialize(serializer)
    }
}

impl<'de, Frame> Deserialize<'de> for Box2<Frame> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let corners = <[f64; 4]>::deserialize(deserializer)?;
        Self::from_xyxy(corners).map_err(serde::de::Error::custom)
    }
}

/// An axis-aligned affine map from the frame `Src` to the frame `Dst`, orientation kept.
#[derive(Debug)]
pub struct Map<Dst, Src> {
    scale: [f64; 2],
    shift: [f64; 2],
    frames: PhantomData<(Dst, Src)>,
}

impl<Dst, Src> Clone for Map<Dst, Src> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<Dst, Src> Copy for Map<Dst, Src> {}

impl<Dst, Src> Map<Dst, Src> {
    /// `dst = scale * src + shift`, per axis. `None` unless the scales are positive and everything is finite.
    pub fn new(scale: [f64; 2], shift: [f64; 2]) -> Option<Self> {
        let usable = scale.iter().all(|s| s.is_finite() && *s > 0.0) && shift.iter().all(|s| s.is_finite());
        usable.then_some(Self { scale, shift, frames: PhantomData })
    }

    /// The map under which the unit square of `Src` becomes `unit_in_dst`. `None` if that box has no area.
    pub fn from_unit_square(unit_in_dst: &Box2<Dst>) -> Option<Self> {
        let [x0, y0, _, _] = unit_in_dst.xyxy();
        Self::new([unit_in_dst.width(), unit_in_dst.height()], [x0, y0])
    }

    /// Maps a point.
    pub fn apply_point(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.scale[0] * x + self.shift[0], self.scale[1] * y + self.shift[1]]
    }

    /// Maps a box.
    pub fn apply(&self, src: &Box2<Src>) -> Box2<Dst> {
        let [x0, y0, x1, y1] = src.corners;
        let [u0, v0] = self.apply_point([x0, y0]);
        let [u1, v1] = self.apply_point([x1, y1]);
        Box2 { corners: [u0, v0, u1, v1], frame: PhantomData }
    }

    /// The map back.
    pub fn inverse(&self) -> Map<Src, Dst> {
        let [sx, sy] = self.scale;
        let [tx, ty] = self.shift;
        Map { scale: [1.0 / sx, 1.0 / sy], shift: [-tx / sx, -ty / sy], frames: PhantomData }
    }

    /// This map after `first`.
    pub fn after<Mid>(&self, first: &Map<Src, Mid>) -> Map<Dst, Mid> {
        Map {
            scale: [self.scale[0] * first.scale[0], self.scale[1] * first.scale[1]],
            shift: self.apply_point(first.shift),
            frames: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(corners: [f64; 4]) -> Box2<Model> {
        Box2::from_xyxy(corners).unwrap()
    }

    #[test]
    fn iou_has_no_plus_one() {
        let a = unit([0.0, 0.0, 0.5, 0.5]);
        let b = unit([0.4, 0.4, 0.9, 0.9]);
        assert!((a.iou(&b) - 0.01 / 0.49).abs() < 1e-12);
    }

    #[test]
    fn rejects_what_is_not_a_box() {
        assert!(matches!(Box2::<Image>::from_xyxy([0.0, f64::NAN, 1.0, 1.0]), Err(BoxError::NotFinite(_))));
        assert!(matches!(Box2::<Image>::from_xyxy([2.0, 0.0, 1.0, 1.0]), Err(BoxError::Inverted(_))));
        assert!(serde_json::from_str::<Box2<Image>>("[3,0,1,1]").is_err());
    }

    #[test]
    fn degenerate_boxes_have_iou_zero() {
        let point = unit([0.5, 0.5, 0.5, 0.5]);
        assert_eq!(point.iou(&point), 0.0);
    }
}
