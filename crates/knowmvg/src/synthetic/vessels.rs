//! Branching vessels of the lungs.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::anatomy::{Chest, LungSide, Point};
use super::radiograph::Grid;

const TRUNKS: usize = 11;
const STEP: f64 = 0.012;

/// One vessel that is still to be drawn.
struct Branch {
    at: Point,
    /// Direction on the image in radians.
    heading: f64,
    /// Half of the width in chest units.
    radius: f64,
    length: f64,
}

/// How much vessel lies on each pixel, 0 to 1, row by row.
pub(super) fn vessels(random: &mut ChaCha8Rng, chest: &Chest, grid: &Grid) -> Vec<f32> {
    let mut drawn = vec![0.0; (grid.side as usize).pow(2)];
    for side in LungSide::BOTH {
        let mut branches: Vec<Branch> = (0..TRUNKS).map(|nth| trunk(random, chest, side, nth)).collect();
        while let Some(branch) = branches.pop() {
            grow(random, branch, &mut branches, |at, radius| stamp(&mut drawn, grid, at, radius));
        }
    }
    drawn
}

fn trunk(random: &mut ChaCha8Rng, chest: &Chest, side: LungSide, nth: usize) -> Branch {
    let spread = -1.35 + 2.7 * nth as f64 / (TRUNKS - 1) as f64 + random.random_range(-0.12..0.12);
    let heading = if side == LungSide::Left { spread } else { std::f64::consts::PI - spread };
    Branch {
        at: chest.hilum(side),
        heading,
        radius: random.random_range(0.014..0.026),
        length: random.random_range(0.45..0.8),
    }
}

/// Walks along a branch, which grows thinner, bends and splits.
fn grow(random: &mut ChaCha8Rng, mut branch: Branch, more: &mut Vec<Branch>, mut stamp: impl FnMut(Point, f64)) {
    let start = branch.radius;
    let mut walked = 0.0;
    while walked < branch.length && branch.radius > 0.0025 {
        stamp(branch.at, branch.radius);
        branch.heading += random.random_range(-0.10..0.10);
        // The chest is about as high as half of its width in these units.
        branch.at[0] += STEP * branch.heading.cos();
        branch.at[1] += 0.54 * STEP * branch.heading.sin();
        branch.radius = start * (1.0 - 0.85 * walked / branch.length);
        walked += STEP;
        if walked > 0.08 && random.random_bool(0.05) && more.len() < 200 {
            let turn = if random.random_bool(0.5) { 0.6 } else { -0.6 };
            more.push(Branch {
                at: branch.at,
                heading: branch.heading + turn * random.random_range(0.6..1.3),
                radius: 0.72 * branch.radius,
                length: 0.6 * (branch.length - walked),
            });
        }
    }
}

/// Draws a soft dot; where dots meet the stronger one stays.
fn stamp(drawn: &mut [f32], grid: &Grid, at: Point, radius: f64) {
    let [cx, cy] = grid.pose.pixel_from_chest(at);
    let radius = radius * grid.pose.unit();
    let reach = 2.0 * radius.max(0.5);
    let side = f64::from(grid.side);
    let range =
        |centre: f64| (centre - reach).clamp(0.0, side) as usize..(centre + reach + 1.0).clamp(0.0, side) as usize;
    // A vessel thinner than a pixel covers a part of it only.
    let strength = (radius / 0.5).min(1.0) * (0.35 + 0.65 * (radius / (0.02 * grid.pose.unit())).min(1.0));
    for y in range(cy) {
        for x in range(cx) {
            let distance = (x as f64 + 0.5 - cx).hypot(y as f64 + 0.5 - cy) / reach;
            let value = (strength * (1.0 - distance * distance).max(0.0)) as f32;
            let pixel = &mut drawn[y * grid.side as usize + x];
            *pixel = pixel.max(value);
        }
    }
}
