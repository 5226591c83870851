//! The box that weighted boxes agree on best.

use knowmvg::geometry::Box2;

/// Most voters that are tried as the answer before the best of them is refined.
const CANDIDATES: usize = 160;
/// Votes below this share of the heaviest one are left out.
const NEGLIGIBLE: f64 = 1e-3;
/// Steps by which edges are moved, in fractions of the square; each half as long as the one before.
const STEPS: [f64; 5] = [0.04, 0.02, 0.01, 0.005, 0.002_5];
/// Most rounds with one step; each round improves the answer, so this only bounds the time.
const ROUNDS: usize = 64;

/// What an answer is worth against one true box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Utility {
    /// Worth of a hit (an IoU of at least one half) beside the IoU itself.
    pub hit: f64,
    /// How gradually an IoU becomes a hit.
    pub softness: f64,
}

impl Utility {
    fn of(&self, iou: f64) -> f64 {
        if self.hit == 0.0 { iou } else { iou + self.hit / (1.0 + ((0.5 - iou) / self.softness).exp()) }
    }
}

/// A box and its weight.
pub type Vote<Frame> = (Box2<Frame>, f64);

/// The box with the best expected utility that a search finds; `None` if no vote has a weight above 0.
///
/// The search starts from the heaviest voters and their mean, and moves one edge or the whole box at a time.
pub fn best_box<Frame>(votes: &[Vote<Frame>], utility: Utility) -> Option<Box2<Frame>> {
    let heaviest = votes.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
    let mut votes: Vec<Vote<Frame>> = votes.iter().filter(|(_, w)| *w > heaviest * NEGLIGIBLE).copied().collect();
    votes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let worth = |answer: &Box2<Frame>| votes.iter().map(|(b, weight)| weight * utility.of(b.iou(answer))).sum::<f64>();
    let starts = votes.iter().take(CANDIDATES).map(|(b, _)| *b).chain(mean(&votes));
    let mut best = starts.map(|b| (worth(&b), b)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    for step in STEPS {
        for _ in 0..ROUNDS {
            let moved = neighbours(&best.1, step).map(|b| (worth(&b), b)).max_by(|a, b| a.0.total_cmp(&b.0));
            match moved {
                Some(better) if better.0 > best.0 => best = better,
                _ => break,
            }
        }
    }
    Some(best.1)
}

fn mean<Frame>(votes: &[Vote<Frame>]) -> Option<Box2<Frame>> {
    let total: f64 = votes.iter().map(|(_, weight)| weight).sum();
    let corner = |i: usize| votes.iter().map(|(b, weight)| b.xyxy()[i] * weight / total).sum::<f64>();
    // Without votes the sums are 0, which is no start.
    (total > 0.0).then(|| std::array::from_fn(corner)).and_then(|corners| Box2::from_xyxy(corners).ok())
}

/// The boxes with one edge moved, or all of it moved along one axis, as far as they stay boxes.
fn neighbours<Frame>(bounds: &Box2<Frame>, step: f64) -> impl Iterator<Item = Box2<Frame>> {
    const MOVES: [&[usize]; 6] = [&[0], &[1], &[2], &[3], &[0, 2], &[1, 3]];
    let corners = bounds.xyxy();
    MOVES.iter().flat_map(move |edges| [(edges, step), (edges, -step)]).filter_map(move |(edges, by)| {
        let mut moved = corners;
        edges.iter().for_each(|edge| moved[*edge] += by);
        Box2::from_xyxy(moved).ok()
    })
}

#[cfg(test)]
mod tests {
    use knowmvg::geometry::Model;

    use super::*;

    const IOU: Utility = Utility { hit: 0.0, softness: 0.1 };

    fn unit(corners: [f64; 4]) -> Box2<Model> {
        Box2::from_xyxy(corners).unwrap()
    }

    #[test]
    fn the_heavier_camp_wins() {
        let (a, b) = (unit([0.1, 0.1, 0.3, 0.3]), unit([0.6, 0.6, 0.9, 0.9]));
        assert_eq!(best_box(&[(a, 2.0), (b, 1.0)], IOU), Some(a));
        assert_eq!(best_box(&[(a, 1.0), (b, 2.0)], IOU), Some(b));
        assert_eq!(best_box(&[(a, 0.0)], IOU), None);
        assert_eq!(best_box::<Model>(&[], IOU), None);
    }

    #[test]
    fn no_voter_and_no_square_around_the_same_centre_is_better() {
        let around = |half: f64| unit([0.5 - half, 0.5 - half, 0.5 + half, 0.5 + half]);
        let votes = [(around(0.1), 1.0), (around(0.14), 0.5), (around(0.3), 2.0), (around(0.31), 0.7)];
        let worth = |b: &Box2<Model>| votes.iter().map(|(v, weight)| weight * v.iou(b)).sum::<f64>();
        let reached = worth(&best_box(&votes, IOU).unwrap());
        assert!(votes.iter().all(|(b, _)| worth(b) <= reached));
        let finest = (1..500).map(|i| worth(&around(f64::from(i) / 1000.0))).fold(0.0, f64::max);
        assert!(reached >= finest - 0.01, "{reached} against {finest}");
    }

    #[test]
    fn a_worth_of_hits_prefers_many_hits_to_one_perfect_overlap() {
        // Three boxes in a row: the middle of two of them hits both, each of them hits itself only.
        let at = |x: f64| unit([x, 0.0, x + 0.3, 0.3]);
        let votes = [(at(0.0), 1.0), (at(0.15), 1.0), (at(0.6), 1.05)];
        let hits = |b: &Box2<Model>| votes.iter().filter(|(v, _)| v.iou(b) >= 0.5).count();
        assert_eq!(hits(&best_box(&votes, IOU).unwrap()), 1);
        assert_eq!(hits(&best_box(&votes, Utility { hit: 4.0, softness: 0.02 }).unwrap()), 2);
    }
}
