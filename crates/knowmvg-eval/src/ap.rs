//! Average precision over IoU thresholds, as COCO defines it.
//!
//! # Source
//! `COCOeval.accumulate` and `summarize` of pycocotools: 101 recall points, ranges of areas with both ends included.

use std::cmp::Ordering;

use crate::ap_match::{Outcome, Scene};
use crate::scores::AveragePrecision;

/// Number of IoU thresholds.
const THRESHOLDS: usize = 10;
const FIRST_THRESHOLD: f64 = 0.5;
const LAST_THRESHOLD: f64 = 0.95;
/// Number of recalls at which precision is read.
const RECALLS: usize = 101;
/// Areas of true boxes in square pixels; COCO's "all" ends at 100,000² too.
const ALL: [f64; 2] = [0.0, 1e10];
const SMALL: [f64; 2] = [0.0, 32.0 * 32.0];
const MEDIUM: [f64; 2] = [32.0 * 32.0, 96.0 * 96.0];
const LARGE: [f64; 2] = [96.0 * 96.0, 1e10];

/// Average precision of one class over its images; `None` without true boxes.
///
/// The order of the scenes decides between equally confident detections, as in pycocotools.
pub fn average_precision(scenes: &[Scene]) -> Option<AveragePrecision> {
    let by_threshold = precisions(scenes, ALL)?;
    let mean_in = |range| precisions(scenes, range).map(|p| mean(&p));
    Some(AveragePrecision {
        ap: mean(&by_threshold),
        ap50: by_threshold[0],
        ap75: by_threshold[5],
        small: mean_in(SMALL),
        medium: mean_in(MEDIUM),
        large: mean_in(LARGE),
        true_boxes: scenes.iter().map(|scene| scene.truths_in(ALL)).sum(),
    })
}

/// The mean over classes, for a range of areas over those that have true boxes in it; `None` without classes.
pub fn mean_over_classes(classes: &[AveragePrecision]) -> Option<AveragePrecision> {
    let mean_of = |pick: fn(&AveragePrecision) -> Option<f64>| {
        let values: Vec<f64> = classes.iter().filter_map(pick).collect();
        (!values.is_empty()).then(|| mean(&values))
    };
    Some(AveragePrecision {
        ap: mean_of(|class| Some(class.ap))?,
        ap50: mean_of(|class| Some(class.ap50))?,
        ap75: mean_of(|class| Some(class.ap75))?,
        small: mean_of(|class| class.small),
        medium: mean_of(|class| class.medium),
        large: mean_of(|class| class.large),
        true_boxes: classes.iter().map(|class| class.true_boxes).sum(),
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Average precision at each threshold; `None` if no true box is in range.
fn precisions(scenes: &[Scene], range: [f64; 2]) -> Option<[f64; THRESHOLDS]> {
    let truths: usize = scenes.iter().map(|scene| scene.truths_in(range)).sum();
    let step = (LAST_THRESHOLD - FIRST_THRESHOLD) / (THRESHOLDS - 1) as f64;
    let threshold = |i: usize| if i + 1 == THRESHOLDS { LAST_THRESHOLD } else { i as f64 * step + FIRST_THRESHOLD };
    let at = |i| interpolated(&ranked(scenes, threshold(i), range), truths);
    (truths > 0).then(|| std::array::from_fn(at))
}

/// Whether each detection that is not ignored is right, the most confident first.
fn ranked(scenes: &[Scene], threshold: f64, range: [f64; 2]) -> Vec<bool> {
    let outcomes = |scene: &Scene| scene.confidences.clone().into_iter().zip(scene.outcomes(threshold, range));
    let mut all: Vec<(f64, Outcome)> = scenes.iter().flat_map(outcomes).collect();
    all.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(Ordering::Equal));
    all.iter().filter(|(_, o)| *o != Outcome::Ignored).map(|(_, o)| *o == Outcome::Right).collect()
}

/// Mean over the recall points of the highest precision at that recall or above; 0 where the recall is not reached.
fn interpolated(ranked: &[bool], truths: usize) -> f64 {
    let (mut recalls, mut precisions, mut right) = (Vec::new(), Vec::new(), 0.0);
    for (is_right, rank) in ranked.iter().zip(1..) {
        right += f64::from(*is_right);
        recalls.push(right / truths as f64);
        precisions.push(right / f64::from(rank));
    }
    let mut highest = 0.0_f64;
    for precision in precisions.iter_mut().rev() {
        highest = highest.max(*precision);
        *precision = highest;
    }
    let step = 1.0 / (RECALLS - 1) as f64;
    let at = |i: usize| precisions.get(recalls.partition_point(|recall| *recall < i as f64 * step)).copied();
    (0..RECALLS).map(|i| at(i).unwrap_or(0.0)).sum::<f64>() / RECALLS as f64
}

#[cfg(test)]
mod tests {
    use knowmvg::geometry::{Box2, Image};

    use super::*;
    use crate::prediction::ScoredBox;

    fn square(side: f64) -> Box2<Image> {
        Box2::from_xyxy([0.0, 0.0, side, side]).unwrap()
    }

    #[test]
    fn a_wrong_box_costs_only_if_it_is_more_confident() {
        let away = Box2::from_xyxy([500.0, 500.0, 520.0, 520.0]).unwrap();
        let with = |confidence| {
            let detections =
                [ScoredBox { bounds: square(20.0), confidence: 0.5 }, ScoredBox { bounds: away, confidence }];
            average_precision(&[Scene::new(&detections, &[square(20.0)])]).unwrap()
        };
        assert_eq!(with(0.1).ap, 1.0);
        assert!((with(0.9).ap - 0.5).abs() < 1e-12);
    }

    #[test]
    fn ranges_of_areas_are_apart() {
        let found = |side| Scene::new(&[ScoredBox { bounds: square(side), confidence: 0.5 }], &[square(side)]);
        let ap = average_precision(&[found(20.0), found(50.0)]).unwrap();
        assert_eq!([ap.small, ap.medium, ap.large], [Some(1.0), Some(1.0), None]);
        assert_eq!(ap.true_boxes, 2);
    }

    #[test]
    fn without_truth_there_is_no_precision_and_without_detections_it_is_zero() {
        assert_eq!(average_precision(&[Scene::new(&[ScoredBox { bounds: square(9.0), confidence: 1.0 }], &[])]), None);
        assert_eq!(average_precision(&[Scene::new(&[], &[square(9.0)])]).unwrap().ap, 0.0);
        assert_eq!(mean_over_classes(&[]), None);
    }
}
