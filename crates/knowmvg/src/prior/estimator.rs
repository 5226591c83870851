//! Priors from training boxes, with back-off: every box votes, with a weight that falls with its distance from what was
//! asked for, so that a rare finding borrows from its relatives, its mirror image, and at last from the atlas.
//!
//! While training, the boxes of the patient in question are left out: the model never sees its own box in its prior.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Location, MAP_BOUNDS, MAP_SIDE, Prior};
use crate::geometry::{Box2, Thorax};
use crate::grounding::Side;
use crate::image::augment::mirrored;
use crate::knowledge::KnowledgeBase;
use crate::report::Zone;

/// A training box with what is known about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PriorBox {
    /// Node of the knowledge base.
    pub finding: String,
    /// Side of its centre.
    pub side: Side,
    /// Zone of its centre.
    pub zone: Zone,
    /// In the thorax frame of its patient.
    pub bounds: Box2<Thorax>,
    /// Whose box it is, for leaving it out.
    pub patient: String,
}

/// Weight of a box of another finding under the same parent, against 1 for the finding itself.
const SIBLING: f64 = 0.15;
/// Weight of a box of an ancestor or descendant.
const RELATIVE: f64 = 0.4;
/// Weight of a box of any other finding.
const STRANGER: f64 = 0.01;
/// Weight of the mirror image of a box on the other side.
const MIRROR_IMAGE: f64 = 0.5;
/// Weight of a box in another zone, or with the midline on one hand only.
const ELSEWHERE: f64 = 0.01;
/// Weight of the atlas: half a box.
const ATLAS: f64 = 0.5;
/// Most boxes that compete to be the reference.
const CANDIDATES: usize = 96;

/// Estimates priors from a list of boxes.
pub struct PriorEstimator<'a> {
    boxes: Vec<PriorBox>,
    knowledge: &'a KnowledgeBase,
}

impl<'a> PriorEstimator<'a> {
    /// From training boxes; an empty list leaves the atlas alone.
    pub fn new(boxes: Vec<PriorBox>, knowledge: &'a KnowledgeBase) -> Self {
        Self { boxes, knowledge }
    }

    /// The findings that have boxes, with their number.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for b in &self.boxes {
            *counts.entry(b.finding.as_str()).or_default() += 1;
        }
        counts
    }

    /// The prior for a finding at a location, without the boxes of one patient.
    pub fn estimate(&self, finding: Option<&str>, location: Location, without: Option<&str>) -> Prior {
        let mut votes: Vec<(Box2<Thorax>, f64)> = Vec::new();
        let mut exact = 0;
        let mut affinities = BTreeMap::new();
        for b in self.boxes.iter().filter(|b| Some(b.patient.as_str()) != without) {
            let affinity = *affinities.entry(b.finding.as_str()).or_insert_with(|| self.affinity(finding, &b.finding));
            let (bounds, side) = side_vote(b, location.side);
            let weight = affinity * side * zone_vote(b.zone, location.zone);
            exact += usize::from(weight == 1.0);
            votes.push((bounds, weight));
        }
        let atlas = self.atlas(finding, location);
        votes.extend(atlas.iter().map(|b| (*b, ATLAS / atlas.len() as f64)));
        if votes.iter().all(|(_, weight)| *weight <= 0.0) {
            return Prior::flat();
        }
        let name = finding.unwrap_or("any finding");
        let source = format!("{exact} boxes of {name}{}", describe(location));
        Prior { map: density(&votes), reference: best_box(&votes), source }
    }

    /// How much a box of `other` says about `finding`.
    fn affinity(&self, finding: Option<&str>, other: &str) -> f64 {
        let Some(finding) = finding else { return 1.0 };
        if finding == other {
            return 1.0;
        }
        let (ours, theirs) = (self.knowledge.ancestors(finding), self.knowledge.ancestors(other));
        if ours.contains(&other) || theirs.contains(&finding) {
            RELATIVE
        } else if ours.first().is_some_and(|parent| theirs.first() == Some(parent)) {
            SIBLING
        } else {
            STRANGER
        }
    }

    /// The part of a paired place on the side that was asked for.
    fn on_side<'p>(&'p self, id: &'p str, side: Option<Side>) -> &'p str {
        self.knowledge.place_on_side(id, side).map_or(id, |place| place.id.as_str())
    }

    /// Regions of the knowledge base that fit the question.
    fn atlas(&self, finding: Option<&str>, location: Location) -> Vec<Box2<Thorax>> {
        let typical: Vec<&str> = finding
            .and_then(|id| self.knowledge.finding(id))
            .map(|f| f.typical_places.iter().map(|id| self.on_side(id, location.side)).collect())
            .unwrap_or_default();
        let own_region = finding.and_then(|id| self.knowledge.place(id)).map(|p| p.id.as_str());
        let fits = |id: &&str| {
            self.knowledge.place(id).is_some_and(|place| {
                let side_fits = location.side.is_none_or(|s| s == Side::Bilateral || place.side.is_none_or(|p| p == s));
                let zone_fits = location.zone.is_none_or(|z| zone_of(place.region.cxcywh()[1]) == z);
                side_fits && zone_fits
            })
        };
        let chosen: Vec<&str> = typical.into_iter().chain(own_region).filter(fits).collect();
        if chosen.is_empty() {
            return vec![cell_of_atlas(location)];
        }
        chosen.into_iter().filter_map(|id| self.knowledge.place(id)).map(|place| place.region).collect()
    }
}

fn describe(location: Location) -> String {
    let side = location.side.map(|s| format!(", {s:?}")).unwrap_or_default();
    let zone = location.zone.map(|z| format!(", {z:?} zone")).unwrap_or_default();
    format!("{side}{zone}").to_lowercase()
}

/// Zone of a height in the thorax frame.
fn zone_of(cy: f64) -> Zone {
    match cy {
        y if y < 0.33 => Zone::Upper,
        y if y < 0.66 => Zone::Mid,
        _ => Zone::Lower,
    }
}

/// The third of a lung, a lung, or the whole thorax that a location names.
fn cell_of_atlas(location: Location) -> Box2<Thorax> {
    let (x0, x1) = match location.side {
        Some(Side::Right) => (0.03, 0.44),
        Some(Side::Left) => (0.56, 0.97),
        Some(Side::Midline) => (0.33, 0.67),
        Some(Side::Bilateral) | None => (0.05, 0.95),
    };
    let (y0, y1) = match location.zone {
        Some(Zone::Upper) => (0.05, 0.38),
        Some(Zone::Mid) => (0.33, 0.67),
        Some(Zone::Lower) => (0.60, 0.97),
        None => (0.08, 0.95),
    };
    Box2::from_xyxy([x0, y0, x1, y1]).expect("constant corners in order")
}

/// The box as it counts for a side, and its weight.
fn side_vote(b: &PriorBox, asked: Option<Side>) -> (Box2<Thorax>, f64) {
    match (asked, b.side) {
        (None | Some(Side::Bilateral), _) => (b.bounds, 1.0),
        (Some(asked), side) if asked == side => (b.bounds, 1.0),
        (Some(Side::Left), Side::Right) | (Some(Side::Right), Side::Left) => (mirrored(&b.bounds), MIRROR_IMAGE),
        _ => (b.bounds, ELSEWHERE),
    }
}

fn zone_vote(zone: Zone, asked: Option<Zone>) -> f64 {
    if asked.is_none_or(|asked| asked == zone) { 1.0 } else { ELSEWHERE }
}

/// Weighted share of boxes over every cell, largest value 1.
fn density(votes: &[(Box2<Thorax>, f64)]) -> Vec<f32> {
    let mut map = vec![0.0_f64; MAP_SIDE * MAP_SIDE];
    let [left, top, right, bottom] = MAP_BOUNDS;
    let cell = |value: f64, low: f64, high: f64| (value - low) / (high - low) * MAP_SIDE as f64;
    for (bounds, weight) in votes {
        let [x0, y0, x1, y1] = bounds.xyxy();
        let cols = (cell(x0, left, right), cell(x1, left, right));
        let rows = (cell(y0, top, bottom), cell(y1, top, bottom));
        for (row, row_share) in covered(rows) {
            for (col, col_share) in covered(cols) {
                map[row * MAP_SIDE + col] += weight * row_share * col_share;
            }
        }
    }
    let largest = map.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    map.into_iter().map(|v| (v / largest) as f32).collect()
}

/// Cells that an interval touches, each with the share of it that is covered.
fn covered((from, to): (f64, f64)) -> impl Iterator<Item = (usize, f64)> + Clone {
    let first = from.floor().clamp(0.0, MAP_SIDE as f64) as usize;
    let last = to.ceil().clamp(0.0, MAP_SIDE as f64) as usize;
    (first..last).map(move |cell| (cell, (to.min(cell as f64 + 1.0) - from.max(cell as f64)).clamp(0.0, 1.0)))
}

/// The voter with the best expected IoU under all votes: what a blind guesser should answer.
fn best_box(votes: &[(Box2<Thorax>, f64)]) -> Box2<Thorax> {
    let mut order: Vec<&(Box2<Thorax>, f64)> = votes.iter().filter(|(_, weight)| *weight > 0.0).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.xyxy().map(f64::to_bits).cmp(&b.0.xyxy().map(f64::to_bits))));
    let heavy = order.iter().take_while(|(_, weight)| *weight >= order[0].1 * 0.2).count();
    let step = heavy.div_ceil(CANDIDATES).max(1);
    let expected = |candidate: &Box2<Thorax>| order.iter().map(|(b, weight)| weight * candidate.iou(b)).sum::<f64>();
    let scored = order[..heavy].iter().step_by(step).map(|(b, _)| (*b, expected(b)));
    let mean = weighted_mean(&order);
    let candidates = scored.chain(std::iter::once((mean, expected(&mean))));
    candidates.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(b, _)| b).expect("there is at least the mean")
}

fn weighted_mean(votes: &[&(Box2<Thorax>, f64)]) -> Box2<Thorax> {
    let total: f64 = votes.iter().map(|(_, weight)| weight).sum();
    let mut corners = [0.0; 4];
    for (bounds, weight) in votes {
        for (sum, corner) in corners.iter_mut().zip(bounds.xyxy()) {
            *sum += corner * weight / total;
        }
    }
    Box2::from_xyxy(corners).expect("a mean of boxes is a box")
}
