//! The best box that is the same for everyone: what a label, or a label at its place, is worth without any image.
//!
//! A model that does not beat it has learnt where findings usually are and nothing else.

use std::collections::BTreeMap;

use crate::geometry::{Box2, Model};
use crate::grounding::Side;
use crate::prior::Location;
use crate::report::Zone;

/// Boxes that are tried as the answer before the best of them is refined.
const CANDIDATES: usize = 256;
/// Steps by which an edge is moved, in fractions of the square; each half as long as the one before.
const STEPS: [f64; 6] = [0.04, 0.02, 0.01, 0.005, 0.002_5, 0.001_25];
/// Most rounds with one step; each round improves the mean, so this only bounds the time.
const ROUNDS: usize = 64;

/// A labelled box of the training split.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The source's label.
    pub label: String,
    /// Where it is.
    pub location: Location,
    /// On the square.
    pub bounds: Box2<Model>,
}

type Place = (String, Option<Side>, Option<Zone>);

/// One box for each label and for each label at a place, estimated on training boxes.
#[derive(Debug, Clone, Default)]
pub struct ConstantBoxes {
    by_place: BTreeMap<Place, Box2<Model>>,
    by_label: BTreeMap<String, Box2<Model>>,
    overall: Option<Box2<Model>>,
}

impl ConstantBoxes {
    /// Estimates a box for every label and every label at a place of `examples`.
    pub fn fit(examples: &[Example]) -> Self {
        let mut by_place: BTreeMap<Place, Vec<Box2<Model>>> = BTreeMap::new();
        let mut by_label: BTreeMap<String, Vec<Box2<Model>>> = BTreeMap::new();
        for example in examples {
            by_place.entry(place(&example.label, example.location)).or_default().push(example.bounds);
            by_label.entry(example.label.clone()).or_default().push(example.bounds);
        }
        let all: Vec<Box2<Model>> = examples.iter().map(|e| e.bounds).collect();
        Self { by_place: best_of(by_place), by_label: best_of(by_label), overall: best_constant_box(&all) }
    }

    /// The box of a label; that of all labels if no example has it, `None` if there was no example at all.
    pub fn for_label(&self, label: &str) -> Option<Box2<Model>> {
        self.by_label.get(label).copied().or(self.overall)
    }

    /// The box of a label at a place; that of the label if no example has both.
    pub fn for_place(&self, label: &str, location: Location) -> Option<Box2<Model>> {
        self.by_place.get(&place(label, location)).copied().or_else(|| self.for_label(label))
    }
}

fn place(label: &str, location: Location) -> Place {
    (label.to_owned(), location.side, location.zone)
}

fn best_of<K: Ord>(groups: BTreeMap<K, Vec<Box2<Model>>>) -> BTreeMap<K, Box2<Model>> {
    groups.into_iter().filter_map(|(key, boxes)| Some((key, best_constant_box(&boxes)?))).collect()
}

/// The box with the highest mean IoU with `boxes` that a search finds; `None` if there are none.
///
/// The search starts from the best of the boxes themselves, their mean and their median, and then moves one edge at a time.
pub fn best_constant_box(boxes: &[Box2<Model>]) -> Option<Box2<Model>> {
    let step = boxes.len().div_ceil(CANDIDATES).max(1);
    let starts = boxes.iter().step_by(step).copied().chain(middle(boxes));
    let mut best = starts.map(|b| (mean_iou(&b, boxes), b)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    for step in STEPS {
        for _ in 0..ROUNDS {
            let moved = neighbours(&best.1, step).map(|b| (mean_iou(&b, boxes), b)).max_by(|a, b| a.0.total_cmp(&b.0));
            match moved {
                Some(better) if better.0 > best.0 => best = better,
                _ => break,
            }
        }
    }
    Some(best.1)
}

/// Mean and median of every corner.
fn middle(boxes: &[Box2<Model>]) -> impl Iterator<Item = Box2<Model>> {
    let sorted = |corner: usize| {
        let mut values: Vec<f64> = boxes.iter().map(|b| b.xyxy()[corner]).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let columns: [Vec<f64>; 4] = std::array::from_fn(sorted);
    let mean = columns.each_ref().map(|values| values.iter().sum::<f64>() / values.len() as f64);
    let median = columns.each_ref().map(|values| values.get(values.len() / 2).copied().unwrap_or(f64::NAN));
    // Without boxes neither is finite, and there is no start.
    [mean, median].into_iter().filter_map(|corners| Box2::from_xyxy(corners).ok())
}

/// The boxes with one edge moved by `step` in either direction, as far as they stay boxes.
fn neighbours(bounds: &Box2<Model>, step: f64) -> impl Iterator<Item = Box2<Model>> {
    let corners = bounds.xyxy();
    (0..8).filter_map(move |index| {
        let mut moved = corners;
        moved[index / 2] += if index % 2 == 0 { step } else { -step };
        Box2::from_xyxy(moved).ok()
    })
}

fn mean_iou(bounds: &Box2<Model>, boxes: &[Box2<Model>]) -> f64 {
    boxes.iter().map(|b| b.iou(bounds)).sum::<f64>() / boxes.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(corners: [f64; 4]) -> Box2<Model> {
        Box2::from_xyxy(corners).unwrap()
    }

    fn example(label: &str, side: Side, corners: [f64; 4]) -> Example {
        let location = Location { side: Some(side), zone: Some(Zone::Lower) };
        Example { label: label.to_owned(), location, bounds: unit(corners) }
    }

    #[test]
    fn equal_boxes_are_their_own_best_constant() {
        let one = unit([0.1, 0.2, 0.4, 0.6]);
        assert_eq!(best_constant_box(&[one; 5]), Some(one));
        assert_eq!(best_constant_box(&[]), None);
    }

    #[test]
    fn the_answer_is_no_worse_than_any_start_or_any_centred_square() {
        // Four sizes around one centre: by symmetry the optimum is among the squares that the test tries one by one.
        let around = |half: f64| unit([0.5 - half, 0.5 - half, 0.5 + half, 0.5 + half]);
        let boxes = [around(0.1), around(0.14), around(0.3), around(0.31)];
        let best = best_constant_box(&boxes).unwrap();
        let reached = mean_iou(&best, &boxes);
        let finest = (1..500).map(|i| mean_iou(&around(f64::from(i) / 1000.0), &boxes)).fold(0.0, f64::max);
        assert!(boxes.iter().chain(&middle(&boxes).collect::<Vec<_>>()).all(|b| mean_iou(b, &boxes) <= reached));
        assert!(reached >= finest - 0.002, "{reached} against {finest}");
    }

    #[test]
    fn unseen_places_fall_back_to_the_label_and_unseen_labels_to_all() {
        let (left, right) = ([0.6, 0.6, 0.9, 0.9], [0.1, 0.6, 0.4, 0.9]);
        let boxes = ConstantBoxes::fit(&[
            example("effusion", Side::Left, left),
            example("effusion", Side::Right, right),
            example("effusion", Side::Right, right),
        ]);
        let at = |side| Location { side: Some(side), zone: Some(Zone::Lower) };
        assert_eq!(boxes.for_place("effusion", at(Side::Left)), Some(unit(left)));
        assert_eq!(boxes.for_place("effusion", at(Side::Midline)), Some(unit(right)));
        assert_eq!(boxes.for_place("mass", at(Side::Left)), Some(unit(right)));
        assert_eq!(ConstantBoxes::fit(&[]).for_label("mass"), None);
    }
}
