//! The chest of one made-up patient, as shapes.
//!
//! Chest coordinates: `x` is -1 at the outer edge of the patient's right lung, which is on the image's left, 0 at the
//! middle of the spine and 1 at the outer edge of the left lung; `y` is 0 at the lung tips and 1 at the deepest corners
//! above the diaphragm. A *depth* is how far inside of a shape a point lies, about in these units; negative is outside.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A point in chest coordinates.
pub(super) type Point = [f64; 2];

/// One of the patient's sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum LungSide {
    Left,
    Right,
}

impl LungSide {
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// Direction on the image: the patient's left is on its right.
    pub fn sign(self) -> f64 {
        match self {
            Self::Left => 1.0,
            Self::Right => -1.0,
        }
    }
}

/// Numbers that make one chest differ from another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chest {
    /// Half the width of what stands between the lungs.
    mediastinum: f64,
    /// Distance of the lung tips from the middle.
    apex: f64,
    /// Highest points of the diaphragm, left and right.
    domes: [f64; 2],
    heart: Heart,
    /// Distance between neighbouring ribs.
    rib_step: f64,
    /// How far ribs fall towards the side.
    rib_fall: f64,
    /// Half the width of the body below the arms.
    pub body: f64,
}

/// A tilted ellipse.
#[derive(Debug, Clone, Copy)]
struct Heart {
    centre: Point,
    radii: [f64; 2],
    tilt: f64,
}

/// From 0 to 1 while `value` goes from `low` to `high`, without corners.
pub(super) fn smooth(low: f64, high: f64, value: f64) -> f64 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// 1 at the middle of a band and 0 from `half_width` on.
pub(super) fn band(offset: f64, half_width: f64) -> f64 {
    let t = (1.0 - (offset / half_width).powi(2)).max(0.0);
    t * t
}

/// A quarter of a round arch: rises steeply from 0 and arrives flat at 1.
fn arch(t: f64) -> f64 {
    let rest = 1.0 - t.clamp(0.0, 1.0);
    (1.0 - rest * rest).powf(0.6)
}

impl Chest {
    /// Draws the numbers of one patient.
    pub fn random(random: &mut ChaCha8Rng) -> Self {
        let right_dome = random.random_range(0.76..0.82);
        let half_width = random.random_range(0.43..0.51);
        let heart = Heart {
            centre: [random.random_range(0.10..0.17), random.random_range(0.64..0.68)],
            radii: [half_width, random.random_range(0.20..0.24)],
            tilt: random.random_range(0.25..0.5),
        };
        Self {
            mediastinum: random.random_range(0.13..0.18),
            apex: random.random_range(0.36..0.44),
            // The liver lifts the right dome.
            domes: [right_dome + random.random_range(0.015..0.045), right_dome],
            heart,
            rib_step: random.random_range(0.098..0.112),
            rib_fall: random.random_range(0.10..0.20),
            body: random.random_range(1.1..1.25),
        }
    }

    /// The same patient with a wide heart.
    pub fn with_wide_heart(mut self, random: &mut ChaCha8Rng) -> Self {
        let wide = random.random_range(0.60..0.72);
        let growth = wide / self.heart.radii[0];
        self.heart.radii = [wide, self.heart.radii[1] * (0.75 + 0.25 * growth)];
        self.heart.centre[0] += 0.04;
        self.heart.centre[1] -= 0.02;
        self
    }

    /// Distance from the middle to the outer edge of a lung at a height.
    pub fn outer_edge(&self, y: f64) -> f64 {
        let bulge = self.apex + (1.0 - self.apex) * arch(y / 0.82);
        bulge - 0.05 * smooth(0.8, 1.1, y)
    }

    fn inner_edge(&self, y: f64) -> f64 {
        self.apex - (self.apex - self.mediastinum) * arch(y / 0.26)
    }

    /// Height of the diaphragm at a distance from the middle.
    fn diaphragm(&self, side: LungSide, across: f64) -> f64 {
        let dome = self.domes[usize::from(side == LungSide::Right)];
        let peak = 0.44;
        if across > peak {
            return dome + (1.0 - dome) * ((across - peak) / (0.95 - peak)).powf(2.3);
        }
        dome + 0.35 * (1.0 - dome) * ((peak - across) / (peak - self.mediastinum)).powi(2)
    }

    /// Depth inside of a lung, as if the heart were not in front of it.
    pub fn lung_depth(&self, side: LungSide, [x, y]: Point) -> f64 {
        let across = x * side.sign();
        if across <= 0.0 || y <= 0.0 {
            return -(y.min(across)).abs().max(1e-6);
        }
        let sides = (self.outer_edge(y) - across).min(across - self.inner_edge(y));
        sides.min(self.diaphragm(side, across.min(0.95)) - y)
    }

    /// Depth inside of the part of a lung that the heart leaves visible.
    pub fn visible_lung_depth(&self, side: LungSide, point: Point) -> f64 {
        self.lung_depth(side, point).min(-self.heart_depth(point))
    }

    /// Depth inside of the heart's outline.
    pub fn heart_depth(&self, [x, y]: Point) -> f64 {
        let Heart { centre, radii, tilt } = self.heart;
        // The apex of the heart points down and to the patient's left.
        let (sin, cos) = tilt.sin_cos();
        let (dx, dy) = (x - centre[0], y - centre[1]);
        let (u, v) = ((dx * cos + dy * sin) / radii[0], (-dx * sin + dy * cos) / radii[1]);
        (1.0 - u.hypot(v)) * radii[1]
    }

    /// Depth inside of the body's outline.
    pub fn body_depth(&self, [x, y]: Point) -> f64 {
        let shoulders = 0.36 + 1.5 * smooth(-0.30, 0.06, y);
        let armpits = self.body + 0.6 * (1.0 - smooth(0.10, 0.42, y));
        shoulders.min(armpits) - x.abs()
    }

    /// How much bone of ribs and collarbones lies on a point, 0 to about 1.
    pub fn bone(&self, point: Point) -> f64 {
        let [x, y] = [point[0].abs(), point[1]];
        let wall = self.outer_edge(y.max(0.1));
        if x > wall + 0.05 {
            return self.collarbone(x, y);
        }
        let along = (x / wall).min(1.05);
        let fall = self.rib_fall * along.powi(3) - 0.045 * (along * std::f64::consts::PI).sin();
        let back = self.nearest_rib(y - fall - 0.02);
        let front = self.nearest_rib(y - 0.12 - 0.30 * (1.0 - along));
        let from_spine = smooth(0.06, 0.12, x);
        let to_sternum = smooth(0.30, 0.50, x) * smooth(0.14, 0.26, y);
        // Front ribs are thinner and lie nearer to the detector, so they show less.
        let ribs = 0.8 * from_spine * hollow(back, 0.026) + 0.4 * to_sternum * hollow(front, 0.030);
        ribs * (1.0 - smooth(0.96, 1.04, y)) + self.collarbone(x, y)
    }

    /// Distance to the nearest of the ribs, which are parallel.
    fn nearest_rib(&self, y: f64) -> f64 {
        let steps = (y / self.rib_step).round().clamp(0.0, 9.0);
        y - steps * self.rib_step
    }

    fn collarbone(&self, x: f64, y: f64) -> f64 {
        let middle = 0.125 - 0.13 * x + 0.03 * (x * 4.5).sin();
        smooth(0.10, 0.14, x) * (1.0 - smooth(1.1, 1.25, x)) * hollow(y - middle, 0.030)
    }

    /// How much of the spine lies on a point: vertebrae with discs between them.
    pub fn spine(&self, [x, y]: Point) -> f64 {
        let waist = 0.02 * (std::f64::consts::TAU * y / 0.095).cos();
        let vertebra = 0.8 + 0.2 * (std::f64::consts::TAU * y / 0.095).cos();
        (1.0 - smooth(0.085 + waist, 0.115 + waist, x.abs())) * vertebra
    }

    /// How much of the windpipe lies on a point.
    pub fn windpipe(&self, [x, y]: Point) -> f64 {
        let trachea = band(x + 0.01, 0.06) * (1.0 - smooth(0.30, 0.36, y));
        let branch = |sign: f64| band(x * sign - 0.02 - 1.1 * (y - 0.33), 0.05) * smooth(0.32, 0.35, y);
        trachea + 0.6 * (branch(1.0) + branch(-1.0)) * (1.0 - smooth(0.40, 0.45, y))
    }

    /// Depth inside of the vessels between the lungs, with the arch of the aorta at the left.
    pub fn great_vessels_depth(&self, [x, y]: Point) -> f64 {
        let column = self.inner_edge(y.max(0.0)).min(self.mediastinum + 0.05) - x.abs();
        let arch = 0.10 - (x - 0.13).hypot((y - 0.27) * 1.1);
        column.min(y + 0.3).max(arch)
    }

    /// How much of the gas in the stomach lies on a point.
    pub fn stomach(&self, [x, y]: Point) -> f64 {
        let dome = self.domes[0];
        smooth(0.0, 0.5, 1.0 - ((x - 0.5) / 0.19).hypot((y - dome - 0.11) / 0.055))
    }

    /// Where the vessels of a lung come from.
    pub fn hilum(&self, side: LungSide) -> Point {
        // The left one lies a little higher.
        [side.sign() * (self.mediastinum + 0.06), if side == LungSide::Left { 0.42 } else { 0.45 }]
    }
}

/// Cross section of a bone: bright at its rims.
fn hollow(offset: f64, half_width: f64) -> f64 {
    let fill = 1.0 - smooth(0.8 * half_width, 1.1 * half_width, offset.abs());
    let rim = band(offset.abs() - 0.85 * half_width, 0.35 * half_width);
    0.65 * fill + 0.35 * rim
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn lungs_lie_on_their_sides_and_the_heart_leans_left() {
        for seed in 0..20 {
            let chest = Chest::random(&mut ChaCha8Rng::seed_from_u64(seed));
            assert!(chest.lung_depth(LungSide::Left, [0.6, 0.4]) > 0.0);
            assert!(chest.lung_depth(LungSide::Right, [-0.6, 0.4]) > 0.0);
            assert!(chest.lung_depth(LungSide::Left, [-0.6, 0.4]) < 0.0);
            assert!(chest.heart_depth([0.45, 0.7]) > 0.0 && chest.heart_depth([-0.45, 0.7]) < 0.0);
        }
    }

    #[test]
    fn a_wide_heart_takes_more_than_half_of_the_chest() {
        for seed in 0..20 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let chest = Chest::random(&mut random);
            let width = |chest: &Chest| {
                let columns = (-1000..=1000).map(|x| f64::from(x) / 1000.0);
                let inside = |x: &f64| (30..100).any(|y| chest.heart_depth([*x, f64::from(y) / 100.0]) > 0.0);
                columns.filter(inside).count() as f64 / 2000.0
            };
            assert!((0.36..0.5).contains(&width(&chest)), "normal ratio {}", width(&chest));
            let wide = chest.with_wide_heart(&mut random);
            assert!((0.52..0.74).contains(&width(&wide)), "wide ratio {}", width(&wide));
        }
    }
}
