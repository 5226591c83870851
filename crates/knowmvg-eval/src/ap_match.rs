//! Which detections on one image are right at one IoU threshold and in one range of areas.
//!
//! # Source
//! `COCOeval.evaluateImg` of pycocotools, without crowds.

use std::cmp::Ordering;

use knowmvg::geometry::{Box2, Image};

use crate::prediction::ScoredBox;

/// Most detections of one image that count.
pub const MAX_DETECTIONS: usize = 100;

/// What a detection is at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It meets a true box that counts.
    Right,
    /// It meets none.
    Wrong,
    /// It meets a true box outside of the range of areas, or none and is itself outside.
    Ignored,
}

/// The detections and true boxes of one class on one image.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Confidences of the detections, descending.
    pub confidences: Vec<f64>,
    detection_areas: Vec<f64>,
    truth_areas: Vec<f64>,
    /// By detection, then true box.
    ious: Vec<Vec<f64>>,
}

impl Scene {
    /// Keeps the most confident detections; equally confident ones stay in their order.
    pub fn new(detections: &[ScoredBox], truths: &[Box2<Image>]) -> Self {
        let mut kept = detections.to_vec();
        kept.sort_by(|a, b| b.confidence.partial_cmp(&a.confidence).unwrap_or(Ordering::Equal));
        kept.truncate(MAX_DETECTIONS);
        Self {
            confidences: kept.iter().map(|d| d.confidence).collect(),
            detection_areas: kept.iter().map(|d| d.bounds.area()).collect(),
            truth_areas: truths.iter().map(Box2::area).collect(),
            ious: kept.iter().map(|d| truths.iter().map(|t| d.bounds.iou(t)).collect()).collect(),
        }
    }

    /// Number of true boxes with an area in `range`, both ends included.
    pub fn truths_in(&self, range: [f64; 2]) -> usize {
        self.truth_areas.iter().filter(|area| is_in(**area, range)).count()
    }

    /// What each detection is. The most confident chooses first, and takes the true box it overlaps most; true boxes out of
    /// range are taken only where no other is left.
    pub fn outcomes(&self, threshold: f64, range: [f64; 2]) -> Vec<Outcome> {
        let counts: Vec<bool> = self.truth_areas.iter().map(|area| is_in(*area, range)).collect();
        let mut is_free = vec![true; counts.len()];
        let decide = |(ious, area): (&Vec<f64>, &f64)| {
            let best = |in_range: bool| best_of(ious, threshold, |truth| is_free[truth] && counts[truth] == in_range);
            let Some(truth) = best(true).or_else(|| best(false)) else {
                return if is_in(*area, range) { Outcome::Wrong } else { Outcome::Ignored };
            };
            is_free[truth] = false;
            if counts[truth] { Outcome::Right } else { Outcome::Ignored }
        };
        self.ious.iter().zip(&self.detection_areas).map(decide).collect()
    }
}

/// The allowed true box with the largest IoU that reaches the threshold; the last of equal ones, as pycocotools takes it.
fn best_of(ious: &[f64], threshold: f64, is_allowed: impl Fn(usize) -> bool) -> Option<usize> {
    let reaching = ious.iter().enumerate().filter(|(truth, iou)| **iou >= threshold && is_allowed(*truth));
    reaching.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(truth, _)| truth)
}

fn is_in(area: f64, [low, high]: [f64; 2]) -> bool {
    (low..=high).contains(&area)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [f64; 2] = [0.0, 1e10];

    fn pixels(corners: [f64; 4]) -> Box2<Image> {
        Box2::from_xyxy(corners).unwrap()
    }

    fn scored(corners: [f64; 4], confidence: f64) -> ScoredBox {
        ScoredBox { bounds: pixels(corners), confidence }
    }

    #[test]
    fn a_true_box_is_found_once() {
        let square = [0.0, 0.0, 10.0, 10.0];
        let scene = Scene::new(&[scored(square, 0.4), scored(square, 0.9)], &[pixels(square)]);
        assert_eq!(scene.confidences, [0.9, 0.4]);
        assert_eq!(scene.outcomes(0.5, ALL), [Outcome::Right, Outcome::Wrong]);
    }

    #[test]
    fn a_box_out_of_range_neither_helps_nor_hurts() {
        let (small, large) = ([0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 100.0, 100.0]);
        let scene = Scene::new(&[scored(small, 0.9), scored(large, 0.8)], &[pixels(large)]);
        assert_eq!(scene.outcomes(0.5, [0.0, 1024.0]), [Outcome::Wrong, Outcome::Ignored]);
        assert_eq!(scene.truths_in([0.0, 1024.0]), 0);
    }

    #[test]
    fn only_the_most_confident_hundred_count() {
        let detections: Vec<ScoredBox> = (0..150).map(|i| scored([0.0, 0.0, 1.0, 1.0], f64::from(i) / 150.0)).collect();
        let scene = Scene::new(&detections, &[]);
        assert_eq!(scene.outcomes(0.5, ALL).len(), MAX_DETECTIONS);
        assert_eq!(scene.confidences.last(), Some(&(50.0 / 150.0)));
    }
}
