//! Where a finding tends to be, before anybody looks: `Phrase -> Prior`, in the thorax frame.
//!
//! A prior is a map and a reference box. It is estimated from training boxes with back-off along the knowledge graph
//! ([`estimator`]), kept as a table of all findings x sides x zones ([`table`]), refined by the places that the phrase
//! names, and warped onto the patient's lungs ([`Prior::on_image`]).

pub mod estimator;
pub mod frame;
pub mod table;

use serde::{Deserialize, Serialize};

use crate::geometry::{Box2, Map, Model, Thorax};
use crate::grounding::Side;
use crate::report::Zone;

/// Cells along one side of a prior map.
pub const MAP_SIDE: usize = 24;
/// The part of the thorax frame that a map covers: the neck, the shoulders and the upper abdomen are just outside the
/// lungs.
pub const MAP_BOUNDS: [f64; 4] = [-0.25, -0.25, 1.25, 1.35];

/// What a prior is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// Patient's side, if the phrase says one.
    pub side: Option<Side>,
    /// Height in the lungs, if the phrase says one.
    pub zone: Option<Zone>,
}

/// A map and a reference box in the thorax frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// Probability that a point lies in the finding, up to a factor; the largest value is 1.
    ///
    /// # Shapes
    /// `[MAP_SIDE * MAP_SIDE]`, row-major over [`MAP_BOUNDS`].
    pub map: Vec<f32>,
    /// The box with the best expected IoU.
    pub reference: Box2<Thorax>,
    /// What it was estimated from, most specific first.
    pub source: String,
}

/// A prior on the square that the network sees.
#[derive(Debug, Clone, PartialEq)]
pub struct PriorOnImage {
    /// `[grid * grid]`, row-major.
    pub map: Vec<f32>,
    /// Reference box.
    pub reference: Box2<Model>,
}

impl Prior {
    /// Knows nothing: a flat map and a box in the middle.
    pub fn flat() -> Self {
        let reference = Box2::from_xyxy([0.3, 0.3, 0.7, 0.7]).expect("a constant box");
        Self { map: vec![1.0; MAP_SIDE * MAP_SIDE], reference, source: "none".into() }
    }

    /// The map and the box on one patient.
    pub fn on_image(&self, model_from_thorax: &Map<Model, Thorax>, grid: usize) -> PriorOnImage {
        let thorax_from_model = model_from_thorax.inverse();
        let centre = |i: usize| (i as f64 + 0.5) / grid as f64;
        let map = (0..grid * grid)
            .map(|i| sample(&self.map, thorax_from_model.apply_point([centre(i % grid), centre(i / grid)])))
            .collect();
        let square = Box2::from_xyxy([0.0, 0.0, 1.0, 1.0]).expect("a constant box");
        PriorOnImage { map, reference: model_from_thorax.apply(&self.reference).clamped(&square) }
    }

    /// Narrows the prior to the places that the phrase names: outside them the map falls to [`OUTSIDE_PLACE`], and a
    /// reference box whose centre lies outside is replaced by the place that is nearest to it.
    pub fn refined_by(mut self, places: &[(String, Box2<Thorax>)]) -> Self {
        let specific: Vec<_> = places.iter().filter(|(_, region)| region.area() < WHOLE_LUNG_AREA).collect();
        if specific.is_empty() {
            return self;
        }
        let inside = |point: [f64; 2]| specific.iter().any(|(_, region)| grown(region).contains(point));
        for (index, value) in self.map.iter_mut().enumerate() {
            if !inside(cell_centre(index)) {
                *value *= OUTSIDE_PLACE;
            }
        }
        let [cx, cy, _, _] = self.reference.cxcywh();
        if !inside([cx, cy]) {
            let distance = |region: &Box2<Thorax>| {
                let [x, y, _, _] = region.cxcywh();
                (x - cx).hypot(y - cy)
            };
            let nearest = specific.iter().min_by(|a, b| distance(&a.1).total_cmp(&distance(&b.1))).expect("not empty");
            self.reference = nearest.1;
            self.source = format!("{} within {}", self.source, nearest.0);
        }
        self
    }
}

/// What remains of a prior outside the places that a phrase names.
pub const OUTSIDE_PLACE: f32 = 0.1;
/// A region this large says no more than the side does.
const WHOLE_LUNG_AREA: f64 = 0.30;

/// A region with a margin: reports name places loosely.
fn grown(region: &Box2<Thorax>) -> Box2<Thorax> {
    let [cx, cy, width, height] = region.cxcywh();
    Box2::from_cxcywh([cx, cy, width * 1.2 + 0.04, height * 1.2 + 0.04]).expect("growing keeps a box a box")
}

/// Centre of a map's cell in the thorax frame.
pub fn cell_centre(index: usize) -> [f64; 2] {
    let [x0, y0, x1, y1] = MAP_BOUNDS;
    let at = |i: usize| (i as f64 + 0.5) / MAP_SIDE as f64;
    [x0 + at(index % MAP_SIDE) * (x1 - x0), y0 + at(index / MAP_SIDE) * (y1 - y0)]
}

/// Bilinear value of a map at a point of the thorax frame; 0 outside [`MAP_BOUNDS`].
fn sample(map: &[f32], [x, y]: [f64; 2]) -> f32 {
    let [x0, y0, x1, y1] = MAP_BOUNDS;
    if !(x0..x1).contains(&x) || !(y0..y1).contains(&y) {
        return 0.0;
    }
    let corner = |value: f64, low: f64, high: f64| {
        let cell = ((value - low) / (high - low) * MAP_SIDE as f64 - 0.5).clamp(0.0, (MAP_SIDE - 1) as f64);
        (cell as usize, (cell as usize + 1).min(MAP_SIDE - 1), cell.fract() as f32)
    };
    let (col0, col1, fx) = corner(x, x0, x1);
    let (row0, row1, fy) = corner(y, y0, y1);
    let at = |row: usize, col: usize| map[row * MAP_SIDE + col];
    let top = at(row0, col0) + fx * (at(row0, col1) - at(row0, col0));
    let bottom = at(row1, col0) + fx * (at(row1, col1) - at(row1, col0));
    top + fy * (bottom - top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_follows_the_lungs() {
        let mut prior = Prior::flat();
        prior.map = (0..MAP_SIDE * MAP_SIDE).map(|i| if cell_centre(i)[0] < 0.5 { 1.0 } else { 0.0 }).collect();
        let lungs = Box2::<Model>::from_xyxy([0.2, 0.1, 0.6, 0.9]).unwrap();
        let seen = prior.on_image(&Map::from_unit_square(&lungs).unwrap(), 20);
        // The patient's right lung ends at x = 0.4 of the square, column 8 of 20.
        assert!(seen.map[10 * 20 + 6] > 0.99 && seen.map[10 * 20 + 9] < 0.01);
        assert_eq!(seen.map[10 * 20 + 19], 0.0, "far outside the lungs");
    }

    #[test]
    fn a_named_place_moves_the_box() {
        let place = Box2::from_xyxy([0.6, 0.7, 0.9, 1.0]).unwrap();
        let prior = Prior::flat().refined_by(&[("left base".into(), place)]);
        assert_eq!(prior.reference, place);
        assert!(prior.map.contains(&OUTSIDE_PLACE));
    }
}
