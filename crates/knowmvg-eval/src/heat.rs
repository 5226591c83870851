//! What a heat map says about the true boxes, exactly on its cells: a cell that a box cuts belongs to it in part.

use knowmvg::geometry::{Box2, Image};

use crate::prediction::Heat;
use crate::region::rectangles;

/// A heat map laid over the true boxes of its image.
#[derive(Debug, Clone)]
pub struct HeatOnTruth {
    /// Never all zero: a map that is says nothing, and counts as uniform.
    heat: Vec<f64>,
    /// Share of each cell that lies inside of a true box.
    coverage: Vec<f64>,
    /// Whether the centre of each cell does.
    is_centre_inside: Vec<bool>,
}

impl HeatOnTruth {
    /// Lays `heat` over an image of `size` pixels with its true boxes.
    pub fn new(heat: &Heat, size: [u32; 2], truth: &[Box2<Image>]) -> Self {
        let is_blank = heat.values.iter().all(|v| *v == 0);
        let values = heat.values.iter().map(|v| if is_blank { 1.0 } else { f64::from(*v) });
        let cell = [f64::from(size[0]) / heat.cols as f64, f64::from(size[1]) / heat.rows as f64];
        let centre = |index: usize| [index % heat.cols, index / heat.cols].map(|i| i as f64 + 0.5);
        let is_inside = |[x, y]: [f64; 2]| truth.iter().any(|b| b.contains([x * cell[0], y * cell[1]]));
        Self {
            heat: values.collect(),
            coverage: coverage([heat.cols, heat.rows], cell, truth),
            is_centre_inside: (0..heat.values.len()).map(|index| is_inside(centre(index))).collect(),
        }
    }

    /// The pointing game: 1 if the centre of the hottest cell lies in a true box. Of several equally hot ones, the share.
    ///
    /// # Source
    /// Zhang et al., *Top-down neural attention by excitation backprop*, ECCV 2016, §4.2, with a tolerance of 0 pixels.
    pub fn pointing(&self) -> f64 {
        let hottest = self.heat.iter().copied().fold(0.0, f64::max);
        let centres = self.heat.iter().zip(&self.is_centre_inside).filter(|(heat, _)| **heat == hottest);
        let (hits, all) = centres.fold((0.0, 0.0), |(hits, all), (_, inside)| (hits + f64::from(*inside), all + 1.0));
        hits / all
    }

    /// Share of the heat inside of the true boxes.
    ///
    /// # Source
    /// Wang et al., *Score-CAM*, CVPR Workshops 2020, §4.3 (energy-based pointing game).
    pub fn energy_inside(&self) -> f64 {
        let inside: f64 = self.heat.iter().zip(&self.coverage).map(|(heat, coverage)| heat * coverage).sum();
        inside / self.heat.iter().sum::<f64>()
    }

    /// Shannon entropy of the heat over that of a uniform map, in `[0, 1]`; 0 for a map of one cell.
    pub fn entropy(&self) -> f64 {
        let total: f64 = self.heat.iter().sum();
        let shares = self.heat.iter().map(|heat| heat / total).filter(|share| *share > 0.0);
        let entropy: f64 = -shares.map(|share| share * share.ln()).sum::<f64>();
        let uniform = (self.heat.len() as f64).ln();
        if uniform > 0.0 { (entropy / uniform).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Contrast-to-noise ratio `|mean inside - mean outside| / sqrt(variance inside + variance outside)` over pixels, with
    /// the variances of populations. `None` if the boxes leave no inside or outside, or if both are constant and differ; a
    /// uniform map has 0.
    ///
    /// # Source
    /// Boecking et al., *Making the most of text semantics*, ECCV 2022, §4.3.
    pub fn cnr(&self) -> Option<f64> {
        let (mean_in, variance_in) = moments(self.heat.iter().zip(&self.coverage).map(|(h, c)| (*h, *c)))?;
        let (mean_out, variance_out) = moments(self.heat.iter().zip(&self.coverage).map(|(h, c)| (*h, 1.0 - c)))?;
        let contrast = (mean_in - mean_out).abs();
        let noise = (variance_in + variance_out).sqrt();
        match (contrast > NEGLIGIBLE, noise > NEGLIGIBLE) {
            (_, true) => Some(contrast / noise),
            (false, false) => Some(0.0),
            (true, false) => None,
        }
    }
}

/// Below what rounding leaves of values up to 255; differences of whole numbers are far larger.
const NEGLIGIBLE: f64 = 1e-6;

/// Mean and variance of `(value, weight)`; `None` without weight.
fn moments(values: impl Iterator<Item = (f64, f64)> + Clone) -> Option<(f64, f64)> {
    let weight: f64 = values.clone().map(|(_, w)| w).sum();
    let mean = values.clone().map(|(v, w)| v * w).sum::<f64>() / weight;
    let variance = values.map(|(v, w)| w * (v - mean) * (v - mean)).sum::<f64>() / weight;
    (weight > NEGLIGIBLE).then_some((mean, variance))
}

/// Share of each cell that the union of the boxes covers.
fn coverage([cols, rows]: [usize; 2], [width, height]: [f64; 2], boxes: &[Box2<Image>]) -> Vec<f64> {
    let mut shares = vec![0.0; cols * rows];
    for [x0, y0, x1, y1] in rectangles(boxes) {
        let columns = overlaps(x0 / width, x1 / width, cols);
        for (row, share_y) in overlaps(y0 / height, y1 / height, rows) {
            for (column, share_x) in &columns {
                shares[row * cols + column] += share_x * share_y;
            }
        }
    }
    shares.iter().map(|share| f64::min(*share, 1.0)).collect()
}

/// The unit cells `[i, i + 1)` that an interval meets, with the share of each that it covers.
fn overlaps(start: f64, end: f64, cells: usize) -> Vec<(usize, f64)> {
    let (start, end) = (start.clamp(0.0, cells as f64), end.clamp(0.0, cells as f64));
    let share = |i: usize| (end.min(i as f64 + 1.0) - start.max(i as f64)).max(0.0);
    (start.floor() as usize..end.ceil() as usize).map(|i| (i, share(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(corners: [f64; 4]) -> Box2<Image> {
        Box2::from_xyxy(corners).unwrap()
    }

    fn laid(values: [u8; 4], corners: [f64; 4]) -> HeatOnTruth {
        HeatOnTruth::new(&Heat { cols: 2, rows: 2, values: values.to_vec() }, [20, 10], &[pixels(corners)])
    }

    #[test]
    fn a_cell_that_is_cut_counts_in_part() {
        // The box covers the left half of the top-left cell.
        let map = laid([100, 0, 0, 100], [0.0, 0.0, 5.0, 5.0]);
        assert_eq!(map.energy_inside(), 0.25);
        assert_eq!(map.entropy(), 0.5);
    }

    #[test]
    fn equally_hot_cells_share_the_point() {
        assert_eq!(laid([255, 0, 0, 255], [0.0, 0.0, 10.0, 5.0]).pointing(), 0.5);
        assert_eq!(laid([255, 0, 0, 254], [0.0, 0.0, 10.0, 5.0]).pointing(), 1.0);
    }

    #[test]
    fn a_blank_map_is_a_uniform_one() {
        let map = laid([0; 4], [0.0, 0.0, 10.0, 5.0]);
        assert_eq!([map.pointing(), map.energy_inside(), map.entropy()], [0.25, 0.25, 1.0]);
        assert_eq!(map.cnr(), Some(0.0));
    }

    #[test]
    fn contrast_without_noise_or_outside_is_not_defined() {
        assert_eq!(laid([255, 0, 0, 0], [0.0, 0.0, 10.0, 5.0]).cnr(), None);
        assert_eq!(laid([255, 9, 0, 0], [-5.0, -5.0, 50.0, 50.0]).cnr(), None);
        assert_eq!(laid([255, 9, 0, 0], [50.0, 50.0, 60.0, 60.0]).cnr(), None);
    }
}
