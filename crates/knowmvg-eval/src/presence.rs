//! Whether a system says a statement is there when it is: the ROC curve and the area under it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use knowmvg::eval::Resampling;

use crate::bootstrap::Clustered;
use crate::scores::{Presence, RocPoint};

/// Most corners of a stored curve; the area is that of the whole curve.
const MAX_CORNERS: usize = 201;

/// A stated presence and the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// Any number that is not NaN, higher if more certain.
    pub score: f64,
    /// Whether the image shows it.
    pub is_present: bool,
}

/// Scores `(patient, class, claim)`; `None` unless there are present and absent ones.
pub fn presence(claims: &[(&str, &str, Claim)], resampling: Resampling) -> Option<Presence> {
    let mut by_label: BTreeMap<&str, Vec<(&str, Claim)>> = BTreeMap::new();
    claims.iter().for_each(|(patient, label, claim)| by_label.entry(label).or_default().push((patient, *claim)));
    let mut all: Vec<(&str, Claim)> = claims.iter().map(|(patient, _, claim)| (*patient, *claim)).collect();
    let auroc = auroc_metric(&mut all, resampling)?;
    let of_label =
        |(label, mut claims): (&str, Vec<_>)| Some((label.to_owned(), auroc_metric(&mut claims, resampling)?));
    let sorted: Vec<Claim> = all.iter().map(|(_, claim)| *claim).collect();
    Some(Presence {
        auroc,
        labels: by_label.into_iter().filter_map(of_label).collect(),
        curve: thinned(curve(&sorted)),
    })
}

fn auroc_metric(claims: &mut [(&str, Claim)], resampling: Resampling) -> Option<crate::scores::Metric> {
    claims.sort_by(|(_, a), (_, b)| descending(a, b));
    Clustered::new(claims.iter().copied()).metric(resampling, auroc)
}

fn descending(a: &Claim, b: &Claim) -> Ordering {
    b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal)
}

/// Area under the ROC curve of claims sorted by descending score; `None` unless there are present and absent ones.
///
/// # Source
/// Hanley and McNeil, *Radiology* 143, 1982: the chance that a present one scores higher than an absent one, ties half.
pub fn auroc(sorted: &[Claim]) -> Option<f64> {
    let (mut present, mut absent, mut won) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.score == b.score) {
        let here = tied.iter().filter(|claim| claim.is_present).count() as f64;
        let absent_here = tied.len() as f64 - here;
        won += absent_here * (present + here / 2.0);
        present += here;
        absent += absent_here;
    }
    (present > 0.0 && absent > 0.0).then(|| won / (present * absent))
}

/// Corners of the ROC curve of claims sorted by descending score; without corners in the middle of a straight line.
fn curve(sorted: &[Claim]) -> Vec<RocPoint> {
    let present = sorted.iter().filter(|claim| claim.is_present).count() as f64;
    let absent = sorted.len() as f64 - present;
    let mut counts = vec![[0.0, 0.0]];
    for tied in sorted.chunk_by(|a, b| a.score == b.score) {
        let here = tied.iter().filter(|claim| claim.is_present).count() as f64;
        let [x, y] = counts[counts.len() - 1];
        let next = [x + tied.len() as f64 - here, y + here];
        if counts.len() > 1 && is_straight(counts[counts.len() - 2], [x, y], next) {
            counts.pop();
        }
        counts.push(next);
    }
    counts
        .into_iter()
        .map(|[x, y]| RocPoint { false_positive_rate: x / absent, true_positive_rate: y / present })
        .collect()
}

/// Of counts, so that the comparison is exact.
fn is_straight([ax, ay]: [f64; 2], [bx, by]: [f64; 2], [cx, cy]: [f64; 2]) -> bool {
    (bx - ax) * (cy - by) == (by - ay) * (cx - bx)
}

/// Evenly many of the corners, with both ends.
fn thinned(corners: Vec<RocPoint>) -> Vec<RocPoint> {
    if corners.len() <= MAX_CORNERS {
        return corners;
    }
    (0..MAX_CORNERS).map(|i| corners[i * (corners.len() - 1) / (MAX_CORNERS - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(values: &[(f64, bool)]) -> Vec<Claim> {
        values.iter().map(|(score, is_present)| Claim { score: *score, is_present: *is_present }).collect()
    }

    #[test]
    fn ties_count_half() {
        assert_eq!(auroc(&claims(&[(0.9, true), (0.5, true), (0.5, false), (0.1, false)])), Some(0.875));
        assert_eq!(auroc(&claims(&[(0.5, true), (0.5, false)])), Some(0.5));
        assert_eq!(auroc(&claims(&[(0.5, true)])), None);
    }

    #[test]
    fn the_curve_goes_from_corner_to_corner_without_needless_points() {
        let points = curve(&claims(&[(0.9, true), (0.8, true), (0.7, false), (0.6, true), (0.5, false)]));
        let as_pairs: Vec<[f64; 2]> = points.iter().map(|p| [p.false_positive_rate, p.true_positive_rate]).collect();
        assert_eq!(as_pairs, [[0.0, 0.0], [0.0, 2.0 / 3.0], [0.5, 2.0 / 3.0], [0.5, 1.0], [1.0, 1.0]]);
    }

    #[test]
    fn a_long_curve_keeps_its_ends() {
        let many: Vec<(f64, bool)> = (0..3_000).map(|i| (-f64::from(i), i % 2 == 0)).collect();
        let points = thinned(curve(&claims(&many)));
        assert_eq!(points.len(), MAX_CORNERS);
        assert_eq!((points[0].true_positive_rate, points[MAX_CORNERS - 1].false_positive_rate), (0.0, 1.0));
    }
}
