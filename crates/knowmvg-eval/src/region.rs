//! Areas of unions of boxes, exactly: the plane is cut at the boxes' own edges and never rasterised.

use knowmvg::geometry::{Box2, Image};

/// A vertical strip in which a union of boxes is a few intervals.
struct Strip {
    x0: f64,
    x1: f64,
}

/// Intersection over union of two unions of boxes, in `[0, 1]`; 0 if neither has an area.
pub fn union_iou(a: &[Box2<Image>], b: &[Box2<Image>]) -> f64 {
    let (a, b) = (by_top(a), by_top(b));
    let (mut intersection, mut union) = (0.0, 0.0);
    for strip in strips(&[a.as_slice(), b.as_slice()].concat()) {
        let (of_a, of_b) = (strip.intervals(&a), strip.intervals(&b));
        let shared = length_of_intersection(&of_a, &of_b);
        intersection += (strip.x1 - strip.x0) * shared;
        union += (strip.x1 - strip.x0) * (length(&of_a) + length(&of_b) - shared);
    }
    if union > 0.0 { (intersection / union).min(1.0) } else { 0.0 }
}

/// Area of a union of boxes.
///
/// # Units
/// Square pixels.
pub fn union_area(boxes: &[Box2<Image>]) -> f64 {
    rectangles(boxes).iter().map(|[x0, y0, x1, y1]| (x1 - x0) * (y1 - y0)).sum()
}

/// Disjoint rectangles `[x0, y0, x1, y1]` that together cover exactly what the boxes cover; from left to right, then down.
pub fn rectangles(boxes: &[Box2<Image>]) -> Vec<[f64; 4]> {
    let boxes = by_top(boxes);
    let of_strip = |strip: Strip| strip.intervals(&boxes).into_iter().map(move |[y0, y1]| [strip.x0, y0, strip.x1, y1]);
    strips(&boxes).flat_map(of_strip).collect()
}

fn by_top(boxes: &[Box2<Image>]) -> Vec<Box2<Image>> {
    let mut boxes: Vec<Box2<Image>> = boxes.iter().filter(|b| b.area() > 0.0).copied().collect();
    boxes.sort_by(|a, b| a.xyxy()[1].total_cmp(&b.xyxy()[1]));
    boxes
}

fn strips(boxes: &[Box2<Image>]) -> impl Iterator<Item = Strip> + use<> {
    let mut edges: Vec<f64> = boxes.iter().flat_map(|b| [b.xyxy()[0], b.xyxy()[2]]).collect();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    let ends = edges.clone().into_iter().skip(1);
    edges.into_iter().zip(ends).map(|(x0, x1)| Strip { x0, x1 })
}

impl Strip {
    /// Disjoint intervals of y that boxes sorted by their top cover in this strip, ascending.
    fn intervals(&self, boxes: &[Box2<Image>]) -> Vec<[f64; 2]> {
        let mut merged: Vec<[f64; 2]> = Vec::new();
        for [x0, y0, x1, y1] in boxes.iter().map(Box2::xyxy) {
            if x0 > self.x0 || x1 < self.x1 {
                continue;
            }
            match merged.last_mut() {
                Some(last) if y0 <= last[1] => last[1] = last[1].max(y1),
                _ => merged.push([y0, y1]),
            }
        }
        merged
    }
}

fn length(intervals: &[[f64; 2]]) -> f64 {
    intervals.iter().map(|[y0, y1]| y1 - y0).sum()
}

fn length_of_intersection(a: &[[f64; 2]], b: &[[f64; 2]]) -> f64 {
    let (mut i, mut j, mut total) = (0, 0, 0.0);
    while i < a.len() && j < b.len() {
        total += (a[i][1].min(b[j][1]) - a[i][0].max(b[j][0])).max(0.0);
        if a[i][1] < b[j][1] { i += 1 } else { j += 1 }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(corners: [f64; 4]) -> Box2<Image> {
        Box2::from_xyxy(corners).unwrap()
    }

    #[test]
    fn an_overlap_counts_once() {
        let cross = [pixels([0.0, 4.0, 10.0, 6.0]), pixels([4.0, 0.0, 6.0, 10.0])];
        assert_eq!(union_area(&cross), 36.0);
        assert_eq!(union_iou(&cross, &cross), 1.0);
        assert_eq!(union_iou(&cross, &cross[..1]), 20.0 / 36.0);
    }

    #[test]
    fn two_halves_are_the_whole() {
        let halves = [pixels([0.0, 0.0, 5.0, 8.0]), pixels([5.0, 0.0, 10.0, 8.0])];
        assert_eq!(union_iou(&halves, &[pixels([0.0, 0.0, 10.0, 8.0])]), 1.0);
    }

    #[test]
    fn nothing_and_lines_have_no_overlap() {
        let line = [pixels([0.0, 0.0, 0.0, 9.0])];
        assert_eq!(union_iou(&[], &[]), 0.0);
        assert_eq!(union_iou(&line, &line), 0.0);
        assert_eq!(union_area(&line), 0.0);
        assert_eq!(union_iou(&[pixels([0.0, 0.0, 1.0, 1.0])], &[pixels([1.0, 0.0, 2.0, 1.0])]), 0.0);
    }
}
