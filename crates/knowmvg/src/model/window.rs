//! The window of the local stage: an evenly spaced grid of samples inside each reference box, read from the fine map.
//!
//! Bilinear sampling on an axis-aligned grid is separable, so it is two matrix products with hat functions; no gather,
//! and gradients flow to the map. The box itself is not differentiated through, as in iterative refinement (DETR).

use burn::tensor::{Tensor, TensorData};

use super::trace;

/// Smallest side of a window in fine cells: below this the samples would repeat one cell.
const MIN_CELLS: f32 = 3.0;

/// Windows of all queries of a batch.
pub struct Windows {
    /// `[batch, queries, 4]`: centre and size, in the model frame.
    pub boxes: Tensor<3>,
    /// Interpolation along y, `[batch, queries * window, cells]`.
    rows: Tensor<3>,
    /// Interpolation along x, `[batch * queries, window, cells]`.
    cols: Tensor<3>,
    window: usize,
}

impl Windows {
    /// Around reference boxes `[batch, queries, 4]` (centre and size), enlarged by `scale`.
    pub fn around(references: Tensor<3>, scale: f64, window: usize, cells: usize) -> Self {
        let device = references.device();
        let [batch, queries, _] = references.dims();
        let least = MIN_CELLS / cells as f32;
        let mut boxes = trace::values(&references);
        let mut rows = Vec::with_capacity(batch * queries * window * cells);
        let mut cols = Vec::with_capacity(batch * queries * window * cells);
        for b in boxes.chunks_exact_mut(4) {
            b[2] = (b[2] * scale as f32).clamp(least, 2.0);
            b[3] = (b[3] * scale as f32).clamp(least, 2.0);
            hats(&mut cols, b[0], b[2], window, cells);
            hats(&mut rows, b[1], b[3], window, cells);
        }
        Self {
            boxes: Tensor::from_data(TensorData::new(boxes, [batch, queries, 4]), &device),
            rows: Tensor::from_data(TensorData::new(rows, [batch, queries * window, cells]), &device),
            cols: Tensor::from_data(TensorData::new(cols, [batch * queries, window, cells]), &device),
            window,
        }
    }

    /// Reads the map under every window.
    ///
    /// # Shapes
    /// - `map`: `[batch, cells * cells, width]`
    /// - returns `[batch, queries, window * window, width]`
    pub fn sample(&self, map: Tensor<3>) -> Tensor<4> {
        let [batch, _, width] = map.dims();
        let [_, queries, _] = self.boxes.dims();
        let [_, _, cells] = self.rows.dims();
        let window = self.window;
        let picked = self.rows.clone().matmul(map.reshape([batch, cells, cells * width]));
        let picked = picked.reshape([batch * queries, window, cells, width]);
        let cols = self.cols.clone().unsqueeze_dim::<4>(1).expand([batch * queries, window, window, cells]);
        cols.matmul(picked).reshape([batch, queries, window * window, width])
    }
}

/// Appends `window` rows of hat-function weights over `cells`, for samples evenly spaced in `centre ± size / 2`.
fn hats(out: &mut Vec<f32>, centre: f32, size: f32, window: usize, cells: usize) {
    for sample in 0..window {
        let at = centre + size * ((sample as f32 + 0.5) / window as f32 - 0.5);
        let source = (at * cells as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
        let start = out.len();
        out.resize(start + cells, 0.0);
        let low = source as usize;
        out[start + low] += 1.0 - source.fract();
        out[start + (low + 1).min(cells - 1)] += source.fract();
    }
}

/// Centres of the samples of a window, in fractions of it, row-major.
///
/// # Shapes
/// Returns `[window * window, 2]`.
pub fn sample_centres(window: usize) -> Vec<f32> {
    let at = |i: usize| (i as f32 + 0.5) / window as f32 - 0.5;
    (0..window * window).flat_map(|i| [at(i % window), at(i / window)]).collect()
}
