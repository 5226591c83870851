//! From a chest with findings to pixels and boxes.

use image::GrayImage;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::anatomy::{Chest, LungSide, Point, band, smooth};
use super::finding::{Finding, FindingKind};
use super::noise::{Texture, normal};
use super::vessels::vessels;
use crate::geometry::{Box2, Image};

/// A made-up radiograph and the exact boxes of what is on it.
#[derive(Debug, Clone)]
pub struct Radiograph {
    /// The pixels, as displayed.
    pub pixels: GrayImage,
    /// Box of each finding.
    pub findings: Vec<(FindingKind, Box2<Image>)>,
    /// Boxes of `left lung`, `right lung` and `heart`, in this order. A lung is what the heart leaves visible of it; fluid
    /// and air around it count as lung.
    pub anatomy: [(&'static str, Box2<Image>); 3],
}

/// How the chest lies on the detector.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pose {
    /// Pixels of one chest unit, across and down.
    scale: [f64; 2],
    /// Pixel of the chest's origin.
    origin: [f64; 2],
    rotation: f64,
}

impl Pose {
    fn random(random: &mut ChaCha8Rng, side: f64) -> Self {
        let half_width = side * random.random_range(0.36..0.43);
        Self {
            scale: [half_width, half_width * random.random_range(1.72..2.0)],
            origin: [side * random.random_range(0.47..0.53), side * random.random_range(0.09..0.16)],
            rotation: random.random_range(-0.045..0.045),
        }
    }

    fn chest_from_pixel(&self, [x, y]: [f64; 2]) -> Point {
        let (sin, cos) = self.rotation.sin_cos();
        let (dx, dy) = (x - self.origin[0], y - self.origin[1]);
        [(dx * cos + dy * sin) / self.scale[0], (-dx * sin + dy * cos) / self.scale[1]]
    }

    pub fn pixel_from_chest(&self, [x, y]: Point) -> [f64; 2] {
        let (sin, cos) = self.rotation.sin_cos();
        let (dx, dy) = (x * self.scale[0], y * self.scale[1]);
        [self.origin[0] + dx * cos - dy * sin, self.origin[1] + dx * sin + dy * cos]
    }

    /// Pixels of one chest unit across.
    pub fn unit(&self) -> f64 {
        self.scale[0]
    }
}

/// How densities become grey.
#[derive(Debug, Clone, Copy)]
struct Exposure {
    level: f64,
    width: f64,
    noise: f64,
}

impl Exposure {
    fn random(random: &mut ChaCha8Rng) -> Self {
        Self {
            level: random.random_range(0.44..0.52),
            width: random.random_range(0.13..0.18),
            noise: random.random_range(0.006..0.022),
        }
    }

    fn grey(&self, density: f64, random: &mut ChaCha8Rng) -> u8 {
        // Fewer photons pass where the body is dense.
        let noisy = density + self.noise * (0.5 + density) * normal(random);
        let grey = 1.0 / (1.0 + (-(noisy - self.level) / self.width).exp());
        (grey * 255.0).round() as u8
    }
}

/// Makes the radiograph of one patient.
///
/// `patient_seed` decides the chest; `image_seed` decides position, exposure and findings. The same numbers give the same
/// picture on the same machine; other machines may round a few pixels differently.
///
/// # Units
/// `side` is the width and height in pixels; below 64 it counts as 64 and above 2,048 as 2,048.
pub fn radiograph(patient_seed: u64, image_seed: u64, side: u32) -> Radiograph {
    let side = side.clamp(64, 2_048);
    let mut chest = Chest::random(&mut ChaCha8Rng::seed_from_u64(patient_seed));
    let mut random = ChaCha8Rng::seed_from_u64(image_seed);
    let pose = Pose::random(&mut random, f64::from(side));
    let kinds = kinds(&mut random);
    if kinds.contains(&FindingKind::Cardiomegaly) {
        chest = chest.with_wide_heart(&mut random);
    }
    let grid = Grid { side, pose };
    let findings = placed(&mut random, &kinds, &chest, &grid);
    let anatomy = anatomy(&chest, &grid);
    let found: Vec<Finding> = findings.iter().map(|(finding, _)| *finding).collect();
    let pixels = expose(&mut random, &chest, &found, &grid);
    let findings = findings.into_iter().map(|(finding, area)| (finding.kind, area)).collect();
    Radiograph { pixels, findings, anatomy }
}

/// What the image shall show: nothing in three of ten, else one to three kinds; a nodule may have company.
fn kinds(random: &mut ChaCha8Rng) -> Vec<FindingKind> {
    if random.random_bool(0.3) {
        return Vec::new();
    }
    let count = *[1, 1, 1, 2, 2, 3].choose(random).expect("the list is not empty");
    let mut all = FindingKind::ALL;
    all.shuffle(random);
    let mut kinds = all[..count].to_vec();
    if kinds.contains(&FindingKind::Nodule) && random.random_bool(0.3) {
        kinds.push(FindingKind::Nodule);
    }
    // Large shapes come first, so that small ones find the room that is left.
    kinds.sort_unstable_by_key(|kind| std::cmp::Reverse(*kind));
    kinds
}

/// Findings that do not hide each other, with their boxes; one that finds no room is left out.
fn placed(random: &mut ChaCha8Rng, kinds: &[FindingKind], chest: &Chest, grid: &Grid) -> Vec<(Finding, Box2<Image>)> {
    let mut placed: Vec<(Finding, Box2<Image>)> = Vec::new();
    for kind in kinds {
        for _ in 0..20 {
            let finding = Finding::random(random, *kind, chest);
            let Some(area) = grid.area(|point| finding.depth(chest, point)) else { continue };
            let is_large_enough = area.width() >= 3.0 && area.height() >= 3.0;
            let is_clear = placed.iter().all(|(other, taken)| can_coexist(other, taken, &finding, &area));
            if is_large_enough && is_clear {
                placed.push((finding, area));
                break;
            }
        }
    }
    placed
}

/// Whether two findings can be told apart: fluid and air do not share a lung, and lumps do not overlap anything in it.
fn can_coexist(other: &Finding, taken: &Box2<Image>, finding: &Finding, area: &Box2<Image>) -> bool {
    let is_heart = |f: &Finding| f.kind == FindingKind::Cardiomegaly;
    let surrounds = |f: &Finding| matches!(f.kind, FindingKind::Effusion | FindingKind::Pneumothorax);
    if is_heart(other) || is_heart(finding) || other.side != finding.side {
        return true;
    }
    taken.iou(area) == 0.0 && !(surrounds(other) && surrounds(finding))
}

fn anatomy(chest: &Chest, grid: &Grid) -> [(&'static str, Box2<Image>); 3] {
    let area = |depth: &dyn Fn(Point) -> f64| grid.area(depth).expect("lungs and heart lie inside of the image");
    [
        ("left lung", area(&|point| chest.visible_lung_depth(LungSide::Left, point))),
        ("right lung", area(&|point| chest.visible_lung_depth(LungSide::Right, point))),
        ("heart", area(&|point| chest.heart_depth(point))),
    ]
}

/// The pixels of an image and where they lie in the chest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub side: u32,
    pub pose: Pose,
}

impl Grid {
    /// Chest coordinates of a pixel's centre.
    fn point(&self, x: u32, y: u32) -> Point {
        self.pose.chest_from_pixel([f64::from(x) + 0.5, f64::from(y) + 0.5])
    }

    /// The smallest box around all pixels whose centre lies inside of a shape; `None` if there are none.
    fn area(&self, depth: impl Fn(Point) -> f64) -> Option<Box2<Image>> {
        let mut found: Option<[u32; 4]> = None;
        for (x, y) in (0..self.side).flat_map(|y| (0..self.side).map(move |x| (x, y))) {
            if depth(self.point(x, y)) > 0.0 {
                let [x0, y0, x1, y1] = found.unwrap_or([x, y, x + 1, y + 1]);
                found = Some([x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1)]);
            }
        }
        found.and_then(|corners| Box2::from_xyxy(corners.map(f64::from)).ok())
    }
}

fn expose(random: &mut ChaCha8Rng, chest: &Chest, findings: &[Finding], grid: &Grid) -> GrayImage {
    let exposure = Exposure::random(random);
    let texture = Texture::random(random);
    let vessels = vessels(random, chest, grid);
    GrayImage::from_fn(grid.side, grid.side, |x, y| {
        let point = grid.point(x, y);
        let visible: f64 = findings.iter().map(|finding| finding.vessels(chest, point)).product();
        let vessel = f64::from(vessels[(y * grid.side + x) as usize]) * visible;
        let healthy = density(chest, &texture, point, vessel);
        let ill = findings.iter().fold(healthy, |density, f| f.apply(chest, &texture, point, density));
        // Bones lie in front of everything.
        let bones = 0.095 * chest.bone(point) + 0.085 * chest.spine(point);
        let inside = smooth(-0.01, 0.03, chest.body_depth(point));
        image::Luma([exposure.grey(inside * (ill + bones), random)])
    })
}

/// How much a healthy body without bones holds back of the beam, 0 for air to about 0.8.
fn density(chest: &Chest, texture: &Texture, point: Point, vessel: f64) -> f64 {
    let cloud = texture.cloud(point, 3.0);
    let lungs = LungSide::BOTH.map(|side| chest.lung_depth(side, point));
    let lung = lungs[0].max(lungs[1]);
    // A lung is thin near its edges.
    let air = 0.62 * smooth(-0.006, 0.025, lung) + 0.38 * smooth(0.0, 0.30, lung);
    let wall = 0.50 + 0.10 * smooth(0.0, 0.35, chest.body_depth(point)) + 0.02 * cloud;
    let below = smooth(0.72, 1.05, point[1]) * (1.0 - smooth(0.0, 0.02, lung));
    let heart = chest.heart_depth(point);
    let shadow = 0.62 * smooth(-0.006, 0.02, heart) + 0.38 * smooth(0.0, 0.2, heart);
    let great = smooth(-0.015, 0.03, chest.great_vessels_depth(point)) * smooth(-0.25, 0.1, point[1]);
    let soft = shadow.max(0.75 * great);
    let lung_part = air * (1.0 - 0.80 * soft);
    let markings = lung_part * (0.16 * vessel + 0.018 * cloud);
    let breast = 0.05 * band((point[0].abs() - 0.55) / 0.5, 1.0) * smooth(0.45, 0.75, point[1]);
    wall + breast + 0.13 * below + 0.09 * soft - 0.36 * lung_part + markings
        - 0.10 * chest.windpipe(point)
        - 0.20 * chest.stomach(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seeds_give_the_same_picture() {
        let [first, again, other] = [(4, 9), (4, 9), (4, 10)].map(|(patient, image)| radiograph(patient, image, 96));
        assert_eq!(first.pixels, again.pixels);
        assert_eq!(first.findings, again.findings);
        assert_ne!(first.pixels, other.pixels);
    }

    #[test]
    fn boxes_lie_in_the_image_and_on_their_sides() {
        let image = Box2::from_xyxy([0.0, 0.0, 128.0, 128.0]).unwrap();
        for seed in 0..40 {
            let made = radiograph(seed, seed, 128);
            let [left, right, heart] = made.anatomy.map(|(_, area)| area);
            assert!(left.xyxy()[0] >= right.xyxy()[2], "the patient's left lung is on the right of the image");
            assert!(left.iou(&heart) > 0.0 && heart.cxcywh()[0] > right.xyxy()[2]);
            for (kind, area) in &made.findings {
                assert_eq!(area.clamped(&image), *area);
                let lung = [left, right].into_iter().find(|lung| area.clamped(lung) == *area);
                assert!(
                    *kind == FindingKind::Cardiomegaly || lung.is_some(),
                    "{kind:?} of seed {seed} leaves its lung"
                );
            }
        }
    }

    #[test]
    fn what_is_in_a_box_differs_from_the_other_side() {
        // Lumps make their lung brighter than the same place of the other one.
        let mut compared = 0;
        for seed in 0..60 {
            let made = radiograph(seed, seed, 128);
            let [left, right, _] = made.anatomy.map(|(_, area)| area);
            let only = made.findings.len() == 1;
            for (_, area) in made.findings.iter().filter(|(kind, _)| only && *kind == FindingKind::Mass) {
                let middle = (left.xyxy()[0] + right.xyxy()[2]) / 2.0;
                let [cx, cy, _, _] = area.cxcywh();
                let mean = |cx: f64| {
                    let pixels = (-2..=2).flat_map(|dy| (-2..=2).map(move |dx| (dx, dy)));
                    let at =
                        |(dx, dy): (i32, i32)| made.pixels.get_pixel((cx as i32 + dx) as u32, (cy as i32 + dy) as u32);
                    pixels.map(|d| f64::from(at(d).0[0])).sum::<f64>() / 25.0
                };
                // Behind the heart the other side is bright as well.
                if cy < left.cxcywh()[1] {
                    compared += 1;
                    assert!(mean(cx) > mean(2.0 * middle - cx) + 10.0, "seed {seed}");
                }
            }
        }
        assert!(compared > 0, "no seed has a mass alone in the upper half");
    }

    #[test]
    fn all_kinds_and_true_negatives_occur() {
        let made: Vec<Radiograph> = (0..80).map(|seed| radiograph(seed, seed, 64)).collect();
        for kind in FindingKind::ALL {
            assert!(made.iter().any(|m| m.findings.iter().any(|(found, _)| *found == kind)), "no {kind:?}");
        }
        assert!(made.iter().filter(|m| m.findings.is_empty()).count() > 10);
    }
}
