//! Where the label of a box goes: inside the picture, on no other label, and off the findings where there is room.

use crate::geometry::Box2;

use super::canvas::{Picture, rect};

/// Distance of a label from its box, in pixels.
const GAP: f64 = 4.0;
/// Distance between the places that are tried when all places beside the box are taken, in pixels.
const GRID: f64 = 16.0;

/// A label and, when it had to move away from its box, the line that joins the two.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub area: Box2<Picture>,
    pub leader: Option<([f64; 2], [f64; 2])>,
}

/// The picture with what already stands on it.
pub(super) struct Placement {
    bounds: Box2<Picture>,
    occupied: Vec<Box2<Picture>>,
    findings: Vec<Box2<Picture>>,
    /// Width of the narrowest label that no place was found for.
    too_wide: f64,
}

impl Placement {
    /// Labels stay inside `bounds` and off `reserved`; `findings` are better left uncovered.
    pub fn new(bounds: Box2<Picture>, reserved: Vec<Box2<Picture>>, findings: Vec<Box2<Picture>>) -> Self {
        Self { bounds, occupied: reserved, findings, too_wide: f64::INFINITY }
    }

    /// Finds and takes the place for a label of this size; `None` when no place in the whole picture is free.
    pub fn place(&mut self, anchor: &Box2<Picture>, size: [f64; 2]) -> Option<Placed> {
        let placed = self.beside(anchor, size).or_else(|| self.anywhere(anchor, size));
        self.occupied.extend(placed.as_ref().map(|p| p.area));
        placed
    }

    fn beside(&self, anchor: &Box2<Picture>, size: [f64; 2]) -> Option<Placed> {
        let free = beside(anchor, size).into_iter().enumerate().filter(|(_, area)| self.is_free(area));
        // The order of the places breaks ties and weighs as much as a little cover.
        let cost = |(rank, area): &(usize, Box2<Picture>)| self.cover(area) + 0.02 * *rank as f64;
        let best = free.min_by(|a, b| cost(a).total_cmp(&cost(b)));
        best.map(|(_, area)| Placed { area, leader: None })
    }

    /// The free place nearest to the box.
    fn anywhere(&mut self, anchor: &Box2<Picture>, [width, height]: [f64; 2]) -> Option<Placed> {
        // A picture that was full for a narrower label is not searched again.
        if width >= self.too_wide {
            return None;
        }
        let [x0, y0, x1, y1] = self.bounds.xyxy();
        let steps =
            |from: f64, to: f64| (0..=((to - from) / GRID).max(-1.0) as i64).map(move |i| from + GRID * i as f64);
        let places = steps(y0, y1 - height).flat_map(|y| steps(x0, x1 - width).map(move |x| (x, y)));
        let areas = places.map(|(x, y)| rect(x, y, x + width, y + height));
        let free = areas.filter(|area| self.is_free(area));
        let nearest = free.min_by(|a, b| separation(a, anchor).total_cmp(&separation(b, anchor)));
        if nearest.is_none() {
            self.too_wide = width;
        }
        nearest.map(|area| Placed { area, leader: Some(joint(&area, anchor)) })
    }

    fn is_free(&self, area: &Box2<Picture>) -> bool {
        let is_inside = area.clamped(&self.bounds) == *area;
        is_inside && !self.occupied.iter().any(|other| overlap(area, other) > 0.0)
    }

    /// Share of the label that hides findings.
    fn cover(&self, area: &Box2<Picture>) -> f64 {
        let hidden: f64 = self.findings.iter().map(|finding| overlap(area, finding)).sum();
        hidden / area.area().max(1.0)
    }
}

/// Places around a box, the usual ones first.
fn beside(anchor: &Box2<Picture>, [width, height]: [f64; 2]) -> Vec<Box2<Picture>> {
    let [x0, y0, x1, y1] = anchor.xyxy();
    let (above, below) = (y0 - GAP - height, y1 + GAP);
    let (before, after) = (x0 - GAP - width, x1 + GAP);
    let corners = [
        [x0, above],
        [x0, below],
        [x1 - width, above],
        [x1 - width, below],
        [after, y0],
        [before, y0],
        [after, y1 - height],
        [before, y1 - height],
        [x0 + GAP, y0 + GAP],
        [x0 + GAP, y1 - GAP - height],
        [x1 - GAP - width, y0 + GAP],
        [x1 - GAP - width, y1 - GAP - height],
    ];
    corners.map(|[x, y]| rect(x.round(), y.round(), x.round() + width, y.round() + height)).to_vec()
}

/// Area that two boxes share.
pub(super) fn overlap(a: &Box2<Picture>, b: &Box2<Picture>) -> f64 {
    a.clamped(b).area()
}

/// The nearest points of two boxes, first the one on `a`.
fn joint(a: &Box2<Picture>, b: &Box2<Picture>) -> ([f64; 2], [f64; 2]) {
    let ([ax0, ay0, ax1, ay1], [bx0, by0, bx1, by1]) = (a.xyxy(), b.xyxy());
    let axis = |a0: f64, a1: f64, b0: f64, b1: f64| {
        if a1 < b0 {
            (a1, b0)
        } else if b1 < a0 {
            (a0, b1)
        } else {
            let middle = (a0.max(b0) + a1.min(b1)) / 2.0;
            (middle, middle)
        }
    };
    let ((ax, bx), (ay, by)) = (axis(ax0, ax1, bx0, bx1), axis(ay0, ay1, by0, by1));
    ([ax, ay], [bx, by])
}

fn separation(a: &Box2<Picture>, b: &Box2<Picture>) -> f64 {
    let (from, to) = joint(a, b);
    (from[0] - to[0]).hypot(from[1] - to[1])
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn labels_stay_inside_and_apart_for_any_boxes() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..60 {
            let bounds = rect(0.0, 0.0, random.random_range(150.0..1200.0), random.random_range(80.0..1200.0));
            let count = random.random_range(1..60);
            let boxes: Vec<_> = (0..count)
                .map(|_| {
                    let [x, y] = [random.random_range(-50.0..1250.0), random.random_range(-50.0..1250.0)];
                    rect(x, y, x + random.random_range(0.0..700.0), y + random.random_range(0.0..700.0))
                        .clamped(&bounds)
                })
                .collect();
            let mut placement = Placement::new(bounds, vec![rect(0.0, 0.0, 20.0, 20.0)], boxes.clone());
            for anchor in &boxes {
                placement.place(anchor, [random.random_range(20.0..240.0), 22.0]);
            }
            let tags = &placement.occupied;
            for (index, tag) in tags.iter().enumerate() {
                assert_eq!(tag.clamped(&bounds), *tag, "runs off the picture");
                assert!(tags[..index].iter().all(|other| overlap(tag, other) == 0.0), "covers another label");
            }
        }
    }

    #[test]
    fn a_label_leaves_the_neighbouring_finding_free() {
        let (below, above) = (rect(100.0, 100.0, 200.0, 200.0), rect(90.0, 40.0, 220.0, 98.0));
        let mut placement = Placement::new(rect(0.0, 0.0, 400.0, 400.0), vec![], vec![below, above]);
        let placed = placement.place(&below, [80.0, 20.0]).unwrap();
        assert_eq!(overlap(&placed.area, &above), 0.0);
        assert_eq!(placed.leader, None);
    }

    #[test]
    fn a_moved_label_is_joined_to_its_box() {
        let anchor = rect(0.0, 0.0, 60.0, 60.0);
        let mut placement =
            Placement::new(rect(0.0, 0.0, 300.0, 300.0), vec![rect(0.0, 0.0, 200.0, 200.0)], vec![anchor]);
        let placed = placement.place(&anchor, [80.0, 20.0]).unwrap();
        let (_, end) = placed.leader.unwrap();
        assert_eq!(overlap(&placed.area, &anchor), 0.0);
        assert!(end[0] <= 60.0 && end[1] <= 60.0);
    }

    #[test]
    fn a_full_picture_has_no_place() {
        let bounds = rect(0.0, 0.0, 50.0, 50.0);
        let mut placement = Placement::new(bounds, vec![bounds], vec![]);
        assert_eq!(placement.place(&bounds, [10.0, 10.0]), None);
    }
}
