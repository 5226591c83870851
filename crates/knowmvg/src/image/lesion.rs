//! Made-up masses and nodules on real radiographs, for training only: exact boxes for findings that few sources annotate.
//!
//! A lesion is a soft, slightly lobulated disc that brightens what lies under it, as a solid ball of tissue does on a
//! projection; it is drawn on the square, after augmentation.

use rand::Rng;

use super::preprocess::ModelImage;
use crate::geometry::{Box2, Map, Model, Thorax};

/// What a lesion is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LesionKind {
    /// 3 cm and more.
    Mass,
    /// Below 3 cm.
    Nodule,
}

impl LesionKind {
    /// Name in the knowledge base and in corpora.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mass => "mass",
            Self::Nodule => "nodule",
        }
    }

    /// Half the diameter, in fractions of the thorax's width (an adult's is about 28 cm).
    fn radius(self, rng: &mut impl Rng) -> f64 {
        match self {
            Self::Mass => rng.random_range(0.055_f64.ln()..0.17_f64.ln()).exp(),
            Self::Nodule => rng.random_range(0.02_f64.ln()..0.055_f64.ln()).exp(),
        }
    }
}

/// Harmonics of the outline.
const HARMONICS: usize = 4;

/// One made-up lesion on the square.
#[derive(Debug, Clone)]
pub struct Lesion {
    /// What it is.
    pub kind: LesionKind,
    centre: [f64; 2],
    radii: [f64; 2],
    outline: [(f64, f64); HARMONICS],
    /// Width of the edge, in radii.
    edge: f64,
    /// Brightness added at the centre.
    gain: f32,
}

impl Lesion {
    /// Draws a lesion inside a lung of the patient.
    pub fn draw(kind: LesionKind, model_from_thorax: &Map<Model, Thorax>, rng: &mut impl Rng) -> Self {
        let lung = if rng.random_bool(0.5) { [0.05, 0.42] } else { [0.58, 0.95] };
        let in_thorax = [rng.random_range(lung[0]..lung[1]), rng.random_range(0.08..0.92)];
        let unit = model_from_thorax.apply(&Box2::from_xyxy([0.0, 0.0, 1.0, 1.0]).expect("a constant box"));
        let radius = kind.radius(rng) * unit.width();
        let stretch = rng.random_range(-0.25_f64..0.25).exp();
        let lobulation = rng.random_range(0.0..0.12);
        Self {
            kind,
            centre: model_from_thorax.apply_point(in_thorax),
            radii: [radius * stretch, radius / stretch],
            outline: std::array::from_fn(|_| {
                (rng.random_range(-lobulation..=lobulation), rng.random_range(0.0..std::f64::consts::TAU))
            }),
            edge: rng.random_range(0.05..0.22),
            gain: rng.random_range(0.12..0.42),
        }
    }

    /// Opacity at a point, 1 at the centre, 0.5 on the outline.
    fn opacity(&self, [x, y]: [f64; 2]) -> f64 {
        let offset = [(x - self.centre[0]) / self.radii[0], (y - self.centre[1]) / self.radii[1]];
        let angle = offset[1].atan2(offset[0]);
        let waves =
            self.outline.iter().enumerate().map(|(i, (size, phase))| size * ((i as f64 + 2.0) * angle + phase).cos());
        let distance = offset[0].hypot(offset[1]) / (1.0 + waves.sum::<f64>());
        1.0 / (1.0 + ((distance - 1.0) / self.edge).exp())
    }

    /// The box around the outline, sampled finely; `None` if the lesion leaves the square.
    pub fn bounds(&self) -> Option<Box2<Model>> {
        let mut corners = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for step in 0..180 {
            let angle = f64::from(step) * std::f64::consts::TAU / 180.0;
            let waves = self
                .outline
                .iter()
                .enumerate()
                .map(|(i, (size, phase))| size * ((i as f64 + 2.0) * angle + phase).cos());
            let reach = 1.0 + waves.sum::<f64>();
            let point = [
                self.centre[0] + self.radii[0] * reach * angle.cos(),
                self.centre[1] + self.radii[1] * reach * angle.sin(),
            ];
            corners = [
                corners[0].min(point[0]),
                corners[1].min(point[1]),
                corners[2].max(point[0]),
                corners[3].max(point[1]),
            ];
        }
        let is_inside = corners.iter().all(|c| (0.0..=1.0).contains(c));
        Box2::from_xyxy(corners).ok().filter(|_| is_inside)
    }

    /// Brightens the picture.
    pub fn draw_on(&self, image: &mut ModelImage) {
        let side = image.side as f64;
        let reach = 1.0 + 6.0 * self.edge + 0.5;
        let range = |axis: usize| {
            let low = ((self.centre[axis] - self.radii[axis] * reach) * side).floor().clamp(0.0, side) as usize;
            let high = ((self.centre[axis] + self.radii[axis] * reach) * side).ceil().clamp(0.0, side) as usize;
            low..high
        };
        for row in range(1) {
            for col in range(0) {
                let opacity = self.opacity([(col as f64 + 0.5) / side, (row as f64 + 0.5) / side]) as f32;
                let pixel = &mut image.pixels[row * image.side + col];
                // What is bright already gains less: film and detectors saturate.
                *pixel = (*pixel + self.gain * opacity * (1.15 - *pixel)).clamp(0.0, 1.0);
            }
        }
    }
}

/// One to three lesions that lie inside the square and apart from each other.
pub fn lesions(
    model_from_thorax: &Map<Model, Thorax>,
    share_of_masses: f64,
    rng: &mut impl Rng,
) -> Vec<(Lesion, Box2<Model>)> {
    let wanted = rng.random_range(1..=3);
    let mut out: Vec<(Lesion, Box2<Model>)> = Vec::new();
    for _ in 0..20 {
        if out.len() == wanted {
            break;
        }
        let kind = if rng.random_bool(share_of_masses) { LesionKind::Mass } else { LesionKind::Nodule };
        let lesion = Lesion::draw(kind, model_from_thorax, rng);
        if let Some(bounds) = lesion.bounds().filter(|b| out.iter().all(|(_, o)| o.iou(b) < 0.02)) {
            out.push((lesion, bounds));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::image::preprocess::model_from_image;
    use crate::prior::frame::model_from_typical;

    #[test]
    fn a_lesion_brightens_its_box_and_little_else() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for (lesion, bounds) in lesions(&model_from_typical(), 0.7, &mut rng) {
            let side = 128;
            let mut image =
                ModelImage { side, pixels: vec![0.3; side * side], model_from_image: model_from_image(128, 128, side) };
            lesion.draw_on(&mut image);
            let gained = |inside: bool| {
                let at = |i: usize| [(i % side) as f64 + 0.5, (i / side) as f64 + 0.5].map(|c| c / side as f64);
                let gains = image
                    .pixels
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| bounds.contains(at(*i)) == inside)
                    .map(|(_, p)| p - 0.3);
                gains.sum::<f32>()
            };
            assert!(gained(true) > 2.0 * gained(false), "{} against {}", gained(true), gained(false));
        }
    }
}
