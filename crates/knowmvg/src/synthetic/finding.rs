//! Findings that are put into a made-up chest.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::anatomy::{Chest, LungSide, Point, band, smooth};
use super::noise::Texture;

/// What can be put into a chest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// A lump wider than 3 cm.
    Mass,
    /// A lump of at most 3 cm.
    Nodule,
    /// Air spaces filled with something denser than air.
    Consolidation,
    /// Fluid around the lung, higher at the side than in the middle.
    Effusion,
    /// Air around the lung.
    Pneumothorax,
    /// A heart wider than half of the chest.
    Cardiomegaly,
}

impl FindingKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Mass, Self::Nodule, Self::Consolidation, Self::Effusion, Self::Pneumothorax, Self::Cardiomegaly];

    /// The label in the annotations.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mass => "mass",
            Self::Nodule => "nodule",
            Self::Consolidation => "consolidation",
            Self::Effusion => "effusion",
            Self::Pneumothorax => "pneumothorax",
            Self::Cardiomegaly => "cardiomegaly",
        }
    }
}

/// One finding with its shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finding {
    pub kind: FindingKind,
    pub side: LungSide,
    shape: Shape,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Blob(Blob),
    /// Height of the fluid in the middle and how far it climbs at the side.
    Fluid {
        level: f64,
        climb: f64,
    },
    /// Width of the air at the side and height down to which it reaches.
    Air {
        width: f64,
        depth: f64,
    },
    Heart,
}

/// An ellipse with a wavy rim.
#[derive(Debug, Clone, Copy)]
struct Blob {
    centre: Point,
    radii: [f64; 2],
    tilt: f64,
    /// Height and phase of two, three and five waves around the rim.
    waves: [[f64; 2]; 3],
}

impl Blob {
    fn random(random: &mut ChaCha8Rng, centre: Point, radii: [f64; 2], waviness: f64) -> Self {
        let mut wave = || [waviness * random.random_range(0.3..1.0), random.random_range(0.0..std::f64::consts::TAU)];
        let waves = [wave(), wave(), wave()];
        Self { centre, radii, tilt: random.random_range(-0.6..0.6), waves }
    }

    fn depth(&self, [x, y]: Point) -> f64 {
        let (sin, cos) = self.tilt.sin_cos();
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let (u, v) = ((dx * cos + dy * sin) / self.radii[0], (-dx * sin + dy * cos) / self.radii[1]);
        let angle = v.atan2(u);
        let ripple = |(count, [height, phase]): (f64, [f64; 2])| height * (count * angle + phase).cos();
        let rim = 1.0 + [2.0, 3.0, 5.0].into_iter().zip(self.waves).map(ripple).sum::<f64>();
        (rim - u.hypot(v)) * self.radii[0].min(self.radii[1])
    }
}

impl Finding {
    /// Draws place and shape of a finding of this kind.
    pub fn random(random: &mut ChaCha8Rng, kind: FindingKind, chest: &Chest) -> Self {
        let side = *LungSide::BOTH.choose(random).expect("there are two sides");
        let shape = match kind {
            FindingKind::Mass => Shape::Blob(round(random, chest, side, 0.11..0.20, 0.05)),
            FindingKind::Nodule => Shape::Blob(round(random, chest, side, 0.035..0.085, 0.03)),
            FindingKind::Consolidation => Shape::Blob(patch(random, chest, side)),
            FindingKind::Effusion => {
                Shape::Fluid { level: random.random_range(0.62..0.90), climb: random.random_range(0.08..0.2) }
            }
            FindingKind::Pneumothorax => {
                Shape::Air { width: random.random_range(0.09..0.26), depth: random.random_range(0.45..0.95) }
            }
            FindingKind::Cardiomegaly => Shape::Heart,
        };
        Self { kind, side, shape }
    }

    /// Depth inside of the part of the finding that is visible; its box is drawn around it.
    pub fn depth(&self, chest: &Chest, point: Point) -> f64 {
        match self.shape {
            Shape::Heart => chest.heart_depth(point),
            _ => self.own_depth(chest, point).min(chest.visible_lung_depth(self.side, point)),
        }
    }

    /// Depth inside of the finding's own shape, which the lung cuts.
    fn own_depth(&self, chest: &Chest, point: Point) -> f64 {
        let across = point[0] * self.side.sign();
        match self.shape {
            Shape::Blob(blob) => blob.depth(point),
            Shape::Fluid { level, climb } => {
                // The surface of the fluid climbs along the wall of the chest.
                let share = (across / chest.outer_edge(level)).clamp(0.0, 1.0);
                point[1] - (level - climb * share.powi(4))
            }
            Shape::Air { .. } => across - self.lung_edge(chest, point[1]),
            Shape::Heart => chest.heart_depth(point),
        }
    }

    /// Outer edge of a lung that air has pushed from the wall.
    fn lung_edge(&self, chest: &Chest, y: f64) -> f64 {
        let Shape::Air { width, depth } = self.shape else { return f64::INFINITY };
        // Air rises, so the gap is widest at the top and closes downwards.
        let gap = width * (1.0 - smooth(0.25 * depth, depth, y)) + 0.04 * smooth(0.02, 0.1, y) - 0.04;
        if y < depth { chest.outer_edge((y - 0.9 * width).max(0.0)) - gap.max(0.0) } else { f64::INFINITY }
    }

    /// The density at a point with this finding in front of it.
    pub fn apply(&self, chest: &Chest, texture: &Texture, point: Point, density: f64) -> f64 {
        let lung = smooth(-0.01, 0.02, chest.lung_depth(self.side, point));
        let depth = self.own_depth(chest, point);
        match self.kind {
            FindingKind::Mass => density + 0.30 * lung * smooth(-0.01, 0.05, depth),
            FindingKind::Nodule => density + 0.23 * lung * smooth(-0.008, 0.02, depth),
            FindingKind::Consolidation => {
                let patchy = (0.85 + 0.5 * texture.cloud(point, 9.0)).clamp(0.3, 1.2);
                density + 0.27 * lung * patchy * smooth(-0.03, 0.09, depth)
            }
            FindingKind::Effusion => {
                let cover = 0.88 * lung * smooth(-0.02, 0.05, depth);
                density * (1.0 - cover) + 0.70 * cover
            }
            FindingKind::Pneumothorax => {
                let line = 0.11 * band(depth, 0.011);
                density + lung * (line - 0.07 * smooth(0.0, 0.012, depth))
            }
            FindingKind::Cardiomegaly => density,
        }
    }

    /// Share of the lung's vessels that stay visible at a point.
    pub fn vessels(&self, chest: &Chest, point: Point) -> f64 {
        if point[0] * self.side.sign() <= 0.0 {
            return 1.0;
        }
        match self.kind {
            FindingKind::Cardiomegaly => 1.0,
            FindingKind::Pneumothorax | FindingKind::Effusion => {
                1.0 - smooth(-0.005, 0.01, self.own_depth(chest, point))
            }
            // Vessels next to tissue as dense as they are have no edge that shows.
            _ => 1.0 - 0.85 * smooth(-0.01, 0.03, self.own_depth(chest, point)),
        }
    }
}

/// A lump well inside of the visible lung.
fn round(random: &mut ChaCha8Rng, chest: &Chest, side: LungSide, radii: std::ops::Range<f64>, waviness: f64) -> Blob {
    let radius = random.random_range(radii);
    let centre = place(random, chest, side, radius * 0.9, 0.06..0.88);
    // The chest is nearly as high as it is wide, and `x` spans two units.
    let height = radius * random.random_range(0.42..0.56);
    Blob::random(random, centre, [radius, height], waviness)
}

/// Part of a lobe.
fn patch(random: &mut ChaCha8Rng, chest: &Chest, side: LungSide) -> Blob {
    let centre = place(random, chest, side, 0.12, 0.2..0.85);
    let radii = [random.random_range(0.18..0.34), random.random_range(0.08..0.17)];
    Blob::random(random, centre, radii, 0.12)
}

/// A point of the visible lung with `margin` around it, or the deepest one that was tried.
fn place(random: &mut ChaCha8Rng, chest: &Chest, side: LungSide, margin: f64, heights: std::ops::Range<f64>) -> Point {
    let mut deepest = ([side.sign() * 0.6, 0.4], f64::NEG_INFINITY);
    for _ in 0..40 {
        let point = [side.sign() * random.random_range(0.2..0.95), random.random_range(heights.clone())];
        // A step down is about half as long in these units as a step to the side.
        let depth = chest.visible_lung_depth(side, point);
        if depth > margin {
            return point;
        }
        if depth > deepest.1 {
            deepest = (point, depth);
        }
    }
    deepest.0
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn grid() -> impl Iterator<Item = Point> {
        (-110..=110).flat_map(|x| (0..=110).map(move |y| [f64::from(x) / 100.0, f64::from(y) / 100.0]))
    }

    #[test]
    fn every_finding_of_a_lung_lies_in_its_lung() {
        for seed in 0..12 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let chest = Chest::random(&mut random);
            for kind in FindingKind::ALL {
                let finding = Finding::random(&mut random, kind, &chest);
                let inside: Vec<Point> = grid().filter(|point| finding.depth(&chest, *point) > 0.0).collect();
                assert!(!inside.is_empty(), "{kind:?} of seed {seed} is invisible");
                if kind != FindingKind::Cardiomegaly {
                    assert!(inside.iter().all(|[x, _]| x * finding.side.sign() > 0.0), "{kind:?} on the wrong side");
                }
            }
        }
    }

    #[test]
    fn fluid_lies_below_and_air_above() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let chest = Chest::random(&mut random);
        let mean_height = |kind, random: &mut ChaCha8Rng| {
            let finding = Finding::random(random, kind, &chest);
            let inside: Vec<f64> = grid().filter(|p| finding.depth(&chest, *p) > 0.0).map(|p| p[1]).collect();
            inside.iter().sum::<f64>() / inside.len() as f64
        };
        assert!(mean_height(FindingKind::Effusion, &mut random) > 0.7);
        assert!(mean_height(FindingKind::Pneumothorax, &mut random) < 0.45);
    }
}
