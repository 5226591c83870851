//! Where the decoder looks, layer by layer: the analysis by which the paper argues for its two components.
//!
//! # Source
//! KnowMVG (arXiv 2604.01915) analyses grounding "from an attention perspective"; the three numbers are our choice.

use serde::{Deserialize, Serialize};

use super::compose::TextLevel;
use super::dataset::Sample;
use super::score::{Asked, Scored, Scorer, ask};
use crate::geometry::{Box2, Model};
use crate::model::input::Features;
use crate::model::trace::TraceMap;

/// The global attention of the query that gave the first box, in one layer, for one phrase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    /// Image.
    pub id: String,
    /// Unit of resampling.
    pub patient: String,
    /// The source's label.
    pub label: String,
    /// From 0; the last layer decides.
    pub layer: usize,
    /// Share of the attention inside the true box, in `[0, 1]`.
    pub energy_inside: f64,
    /// Share of the square that the true box covers: what flat attention would give as `energy_inside`.
    pub box_share: f64,
    /// Entropy over that of flat attention, in `[0, 1]`: 0 if one patch gets everything.
    pub entropy: f64,
    /// Whether the patch with the most attention has its centre in the true box.
    pub is_pointing: bool,
}

/// Grounds every unique phrase of the samples, and notes where each layer looked for it.
///
/// # Errors
/// When features cannot be read, or the reader fails.
pub fn scored_and_looked(
    scorer: Scorer,
    samples: &[&Sample],
    level: TextLevel,
    read: impl Fn(&Sample) -> std::io::Result<Features>,
) -> std::io::Result<(Vec<Scored>, Vec<Looked>)> {
    let decoder = scorer.decoder;
    let (mut scored, mut looks) = (Vec::new(), Vec::new());
    for sample in samples {
        let Some((features, asked)) = ask(scorer, sample, level, &read)? else { continue };
        let mut trace = TraceMap::default();
        let image = asked.image(&features);
        let answers = decoder.answers(&[image], &mut trace).remove(0);
        for layer in 0..decoder.config.layers {
            let (shape, maps) = &trace.entries[&format!("layers.{layer}.global_map")];
            let patches = shape[2];
            for (phrase, found) in answers.iter().enumerate() {
                let row = phrase * decoder.config.queries + found.candidates[0].query;
                let map = &maps[row * patches..(row + 1) * patches];
                looks.push(looked(sample, &asked, phrase, layer, map));
            }
        }
        scored.extend(asked.scored(sample, &answers));
    }
    Ok((scored, looks))
}

fn looked(sample: &Sample, asked: &Asked, phrase: usize, layer: usize, map: &[f32]) -> Looked {
    let truth = asked.truth(phrase);
    let grid = map.len().isqrt();
    let shares = cover(&truth.bounds, grid);
    let peak = (0..map.len()).max_by(|a, b| map[*a].total_cmp(&map[*b])).unwrap_or(0);
    let peak_centre = [peak % grid, peak / grid].map(|i| (i as f64 + 0.5) / grid as f64);
    let [x0, y0, x1, y1] = truth.bounds.xyxy();
    Looked {
        id: sample.record.id.clone(),
        patient: sample.record.patient_key().to_owned(),
        label: truth.label.clone(),
        layer,
        energy_inside: map.iter().zip(&shares).map(|(m, s)| f64::from(*m) * s).sum(),
        box_share: shares.iter().sum::<f64>() / map.len() as f64,
        entropy: entropy(map),
        is_pointing: (x0..=x1).contains(&peak_centre[0]) && (y0..=y1).contains(&peak_centre[1]),
    }
}

/// Which share of each patch lies in the box.
fn cover(bounds: &Box2<Model>, grid: usize) -> Vec<f64> {
    let [x0, y0, x1, y1] = bounds.xyxy().map(|c| c * grid as f64);
    let share = |cell: usize, low: f64, high: f64| (high.min(cell as f64 + 1.0) - low.max(cell as f64)).clamp(0.0, 1.0);
    (0..grid * grid).map(|i| share(i % grid, x0, x1) * share(i / grid, y0, y1)).collect()
}

fn entropy(map: &[f32]) -> f64 {
    let nats: f64 = map.iter().map(|p| f64::from(*p)).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum();
    nats / (map.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_attention_has_full_entropy_and_one_patch_has_none() {
        assert!((entropy(&[1.0 / 64.0; 64]) - 1.0).abs() < 1e-6);
        let mut one = [0.0; 64];
        one[5] = 1.0;
        assert_eq!(entropy(&one), 0.0);
    }

    #[test]
    fn a_box_covers_its_area() {
        let bounds = Box2::from_xyxy([0.11, 0.2, 0.47, 0.9]).unwrap();
        let covered: f64 = cover(&bounds, 8).iter().sum::<f64>() / 64.0;
        assert!((covered - bounds.area()).abs() < 1e-12);
    }
}
