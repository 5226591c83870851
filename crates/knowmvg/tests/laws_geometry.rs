//! Laws of boxes, of the maps between frames, and of the square that the network sees.

use knowmvg::geometry::{Box2, Image, Map, Model, Thorax};
use knowmvg::image::augment::mirrored;
use knowmvg::image::preprocess::{model_from_image, prepare};
use knowmvg::image::{GreyImage, ImageSource};
use proptest::prelude::*;

/// Float64 loses a few of its 16 digits by cancellation.
const TOLERANCE: f64 = 1e-9;

/// Boxes with an area, on and around the unit square.
fn a_box<Frame: std::fmt::Debug>() -> impl Strategy<Value = Box2<Frame>> {
    [-1.0..2.0, -1.0..2.0, 0.01..2.0, 0.01..2.0].prop_map(|xywh| Box2::from_xywh(xywh).unwrap())
}

/// Any map that keeps boxes between a thousandth and a thousand times their size.
fn a_map<Dst: std::fmt::Debug, Src: std::fmt::Debug>() -> impl Strategy<Value = Map<Dst, Src>> {
    ([0.001..1000.0, 0.001..1000.0], [-100.0..100.0, -100.0..100.0])
        .prop_map(|(scale, shift)| Map::new(scale, shift).unwrap())
}

/// Sizes of stored images, very long ones too.
fn a_size() -> impl Strategy<Value = (u32, u32)> {
    (1..6000_u32, 1..6000_u32)
}

fn near(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= TOLERANCE * scale
}

fn boxes_near<Frame>(a: &Box2<Frame>, b: &Box2<Frame>, scale: f64) -> bool {
    a.xyxy().iter().zip(b.xyxy()).all(|(a, b)| near(*a, b, scale))
}

proptest! {
    #[test]
    fn iou_and_giou_are_symmetric_and_bounded(a in a_box::<Model>(), b in a_box()) {
        prop_assert_eq!(a.iou(&b), b.iou(&a));
        prop_assert_eq!(a.giou(&b), b.giou(&a));
        prop_assert!((0.0..=1.0).contains(&a.iou(&b)));
        prop_assert!(a.giou(&b) >= -1.0 && a.giou(&b) <= a.iou(&b) + TOLERANCE);
    }

    #[test]
    fn a_box_agrees_with_itself(a in a_box::<Model>()) {
        prop_assert!(near(a.iou(&a), 1.0, 1.0) && near(a.giou(&a), 1.0, 1.0));
    }

    #[test]
    fn iou_is_free_of_scale_and_place(a in a_box::<Model>(), b in a_box(), map in a_map::<Image, Model>()) {
        // A shift of up to 100 on a box of 1e-5 costs seven digits.
        prop_assert!((map.apply(&a).iou(&map.apply(&b)) - a.iou(&b)).abs() < 1e-6);
        prop_assert!((map.apply(&a).giou(&map.apply(&b)) - a.giou(&b)).abs() < 1e-6);
    }

    #[test]
    fn boxes_apart_have_no_iou(a in a_box::<Model>(), gap in 0.0_f64..3.0) {
        let [x0, y0, x1, y1] = a.xyxy();
        let beside = Box2::from_xyxy([x1 + gap, y0, x1 + gap + a.width(), y1]).unwrap();
        let below = Box2::from_xyxy([x0, y1 + gap, x1, y1 + gap + a.height()]).unwrap();
        prop_assert_eq!([a.iou(&beside), a.iou(&below)], [0.0, 0.0]);
        prop_assert!(a.giou(&beside) <= TOLERANCE && a.giou(&below) <= TOLERANCE);
    }

    #[test]
    fn a_part_has_its_share_as_iou(a in a_box::<Model>(), share in 0.01_f64..1.0) {
        let [x0, y0, _, y1] = a.xyxy();
        let part = Box2::from_xyxy([x0, y0, x0 + a.width() * share, y1]).unwrap();
        prop_assert!((a.iou(&part) - share).abs() < 1e-9);
        prop_assert!((a.giou(&part) - share).abs() < 1e-9);
    }

    #[test]
    fn the_three_ways_to_write_a_box_agree(a in a_box::<Model>()) {
        let [x0, y0, _, _] = a.xyxy();
        prop_assert!(boxes_near(&Box2::from_cxcywh(a.cxcywh()).unwrap(), &a, 1.0));
        prop_assert!(boxes_near(&Box2::from_xywh([x0, y0, a.width(), a.height()]).unwrap(), &a, 1.0));
    }

    #[test]
    fn a_map_and_its_inverse_cancel(a in a_box::<Model>(), map in a_map::<Image, Model>()) {
        // The shift is divided by the scale: up to 1e5.
        prop_assert!(boxes_near(&map.inverse().apply(&map.apply(&a)), &a, 1e5));
        prop_assert!(boxes_near(&map.inverse().after(&map).apply(&a), &a, 1e5));
    }

    #[test]
    fn maps_after_each_other_are_one(a in a_box(), first in a_map::<Model, Thorax>(), then in a_map::<Image, Model>()) {
        let together = then.after(&first).apply(&a);
        prop_assert!(boxes_near(&together, &then.apply(&first.apply(&a)), 1e6));
    }

    #[test]
    fn a_mirrored_box_comes_back(a in a_box::<Model>(), b in a_box()) {
        prop_assert!(boxes_near(&mirrored(&mirrored(&a)), &a, 1.0));
        prop_assert!((mirrored(&a).iou(&mirrored(&b)) - a.iou(&b)).abs() < 1e-9);
    }

    #[test]
    fn boxes_survive_resizing_and_padding((width, height) in a_size(), side in prop::sample::select(vec![56, 224, 448]), corners in [0.0..1.0, 0.0..1.0, 0.0..1.0, 0.0..1.0]) {
        let [x, y, u, v]: [f64; 4] = corners;
        let [w, h] = [f64::from(width), f64::from(height)];
        let in_image = Box2::<Image>::from_xyxy([x.min(u) * w, y.min(v) * h, x.max(u) * w, y.max(v) * h]).unwrap();
        let map = model_from_image(width, height, side);
        let in_model = map.apply(&in_image);
        prop_assert!(in_model.xyxy().iter().all(|c| (-TOLERANCE..=1.0 + TOLERANCE).contains(c)), "{:?}", in_model);
        prop_assert!(boxes_near(&map.inverse().apply(&in_model), &in_image, w.max(h)));
    }

    #[test]
    fn the_stored_image_fills_the_longer_side_and_lies_in_the_middle((width, height) in a_size()) {
        let side = 448;
        let whole = Box2::<Image>::from_xyxy([0.0, 0.0, f64::from(width), f64::from(height)]).unwrap();
        let content = model_from_image(width, height, side).apply(&whole);
        let pixel = 1.0 / side as f64;
        let [long, short] = if width >= height { [content.width(), content.height()] } else { [content.height(), content.width()] };
        prop_assert!(near(long, 1.0, 1.0));
        let ratio = f64::from(width.min(height)) / f64::from(width.max(height));
        prop_assert!((short - ratio).abs() <= pixel, "{} against {}", short, ratio);
        let [cx, cy, _, _] = content.cxcywh();
        prop_assert!((cx - 0.5).abs() <= pixel && (cy - 0.5).abs() <= pixel);
    }
}

/// A bright box on a dark image, drawn pixel by pixel.
fn drawn(width: u32, height: u32, [x0, y0, x1, y1]: [u32; 4]) -> Vec<f32> {
    let is_inside = |x: u32, y: u32| (x0..x1).contains(&x) && (y0..y1).contains(&y);
    (0..width * height).map(|i| f32::from(is_inside(i % width, i / width))).collect()
}

/// The smallest box around the pixels brighter than 1/2.
fn bright(pixels: &[f32], side: usize) -> Box2<Model> {
    let lit = || (0..side * side).filter(|i| pixels[*i] > 0.5);
    let cols = || lit().map(|i| i % side);
    let rows = || lit().map(|i| i / side);
    let corners = [cols().min(), rows().min(), cols().max().map(|c| c + 1), rows().max().map(|r| r + 1)];
    Box2::from_xyxy(corners.map(|c| c.expect("a bright pixel") as f64 / side as f64)).unwrap()
}

#[test]
fn pixels_and_boxes_go_the_same_way() {
    let side = 112;
    for (width, height, corners) in [
        (300, 200, [30, 20, 90, 150]),
        (200, 300, [100, 200, 190, 290]),
        (40, 56, [4, 8, 30, 20]),
        (112, 112, [0, 0, 50, 112]),
    ] {
        let pixels = drawn(width, height, corners);
        let image = GreyImage::new(width, height, pixels, ImageSource::default()).unwrap();
        let seen = prepare(&image, side);
        let expected = seen.model_from_image.apply(&Box2::from_xyxy(corners.map(f64::from)).unwrap());
        let found = bright(&seen.pixels, side);
        // Half of a pixel by rounding to whole pixels, and a little by the filter.
        let limit = 0.75 / side as f64;
        let error = found.xyxy().iter().zip(expected.xyxy()).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max);
        assert!(error <= limit, "{width} x {height}: expected {expected:?}, found {found:?}");
        let content = seen.content(width, height);
        assert!(boxes_near(&content, &model_from_image(width, height, side).apply(&whole(width, height)), 1.0));
    }
}

fn whole(width: u32, height: u32) -> Box2<Image> {
    Box2::from_xyxy([0.0, 0.0, f64::from(width), f64::from(height)]).unwrap()
}
