//! The arithmetic of the vision tower on a CPU: matrix product, softmax, GELU, layer norm, over row-major slices.
//!
//! All of the tower's speed is decided in this file.

use gemm::Parallelism;
use rayon::prelude::*;

/// A row-major matrix inside a larger buffer: `rows x cols`, rows `stride` apart.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The elements, from the first of the view on.
    pub data: &'a [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Distance between the starts of two rows.
    pub stride: usize,
}

impl<'a> View<'a> {
    /// A matrix that fills `data`.
    pub fn dense(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self { data, rows, cols, stride: cols }
    }

    fn assert_in_bounds(&self) {
        assert!(self.cols <= self.stride || self.rows <= 1, "rows overlap");
        assert!(self.rows == 0 || self.data.len() >= (self.rows - 1) * self.stride + self.cols, "view out of bounds");
    }
}

/// How the right-hand matrix of a product is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rhs {
    /// `[inner, cols]`.
    Plain,
    /// `[cols, inner]`, as `torch.nn.Linear` stores weights.
    Transposed,
}

/// Whether one product uses all threads or leaves them to the caller's own loop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The whole pool.
    Pool,
    /// The calling thread.
    One,
}

/// `out = scale * lhs . rhs`; `out` has rows `out_stride` apart.
pub fn matmul(out: &mut [f32], out_stride: usize, lhs: View, rhs: View, layout: Rhs, scale: f32, threads: Threads) {
    let rhs = if layout == Rhs::Plain { Strided::plain(rhs) } else { Strided::transposed(rhs) };
    product(out, out_stride, Strided::plain(lhs), rhs, scale, threads);
}

/// `out = scale * lhs' . rhs`, for gradients: `lhs` is `[inner, rows]`, `rhs` is `[inner, cols]`.
pub fn matmul_transposed(out: &mut [f32], out_stride: usize, lhs: View, rhs: View, scale: f32, threads: Threads) {
    product(out, out_stride, Strided::transposed(lhs), Strided::plain(rhs), scale, threads);
}

/// A view with its axes in either order.
struct Strided<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Strided<'a> {
    fn plain(view: View<'a>) -> Self {
        view.assert_in_bounds();
        Self { data: view.data, rows: view.rows, cols: view.cols, row_stride: view.stride, col_stride: 1 }
    }

    fn transposed(view: View<'a>) -> Self {
        view.assert_in_bounds();
        Self { data: view.data, rows: view.cols, cols: view.rows, row_stride: 1, col_stride: view.stride }
    }
}

fn product(out: &mut [f32], out_stride: usize, lhs: Strided, rhs: Strided, scale: f32, threads: Threads) {
    let (inner, cols) = (rhs.rows, rhs.cols);
    assert_eq!(lhs.cols, inner, "inner dimensions differ");
    assert!(cols <= out_stride && (lhs.rows == 0 || out.len() >= (lhs.rows - 1) * out_stride + cols));
    let parallelism = match threads {
        Threads::Pool => Parallelism::Rayon(0),
        Threads::One => Parallelism::None,
    };
    // SAFETY: the assertions above keep every access `row * stride + col` of the three matrices inside its slice, and
    // `out` is borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            lhs.rows,
            cols,
            inner,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            false,
            lhs.data.as_ptr(),
            lhs.col_stride as isize,
            lhs.row_stride as isize,
            rhs.data.as_ptr(),
            rhs.col_stride as isize,
            rhs.row_stride as isize,
            0.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Rows handled by one task of an elementwise loop: large enough to hide the cost of a task.
const ROWS_PER_TASK: usize = 64;

/// Adds `bias` to every row.
pub fn add_bias(rows: &mut [f32], bias: &[f32]) {
    rows.par_chunks_mut(bias.len() * ROWS_PER_TASK).for_each(|block| {
        for row in block.chunks_exact_mut(bias.len()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
    });
}

/// `gelu(row + bias)` with the exact (erf) form of GELU.
pub fn add_bias_gelu(rows: &mut [f32], bias: &[f32]) {
    rows.par_chunks_mut(bias.len() * ROWS_PER_TASK).for_each(|block| {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has what the function was compiled for.
            return unsafe { add_bias_gelu_avx2(block, bias) };
        }
        add_bias_gelu_portable(block, bias);
    });
}

/// [`add_bias_gelu_portable`], compiled for 8 lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_bias_gelu_avx2(rows: &mut [f32], bias: &[f32]) {
    add_bias_gelu_portable(rows, bias);
}

#[inline(always)]
fn add_bias_gelu_portable(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value = gelu(*value + bias);
        }
    }
}

/// `residual += scale * (row + bias)`: the end of a branch with layer scale.
pub fn add_scaled(residual: &mut [f32], rows: &[f32], bias: &[f32], scale: &[f32]) {
    let width = bias.len();
    let block = width * ROWS_PER_TASK;
    residual.par_chunks_mut(block).zip(rows.par_chunks(block)).for_each(|(residual, rows)| {
        for (target, row) in residual.chunks_exact_mut(width).zip(rows.chunks_exact(width)) {
            for i in 0..width {
                target[i] += scale[i] * (row[i] + bias[i]);
            }
        }
    });
}

/// Layer norm of every row; mean and variance are summed in f32, as PyTorch does on a CPU to within rounding.
pub fn layer_norm(out: &mut [f32], rows: &[f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let width = weight.len();
    let block = width * ROWS_PER_TASK;
    out.par_chunks_mut(block).zip(rows.par_chunks(block)).for_each(|(out, rows)| {
        for (out, row) in out.chunks_exact_mut(width).zip(rows.chunks_exact(width)) {
            let mean = lanes(row, 0.0, |a, b| a + b) / width as f32;
            for (centred, value) in out.iter_mut().zip(row) {
                *centred = value - mean;
            }
            let variance = dot(out, out) / width as f32;
            let inverse = 1.0 / (variance + epsilon).sqrt();
            for i in 0..width {
                out[i] = out[i] * inverse * weight[i] + bias[i];
            }
        }
    });
}

/// Softmax of every row, in place.
pub fn softmax_rows(rows: &mut [f32], cols: usize) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function was compiled for.
        return unsafe { softmax_rows_avx2(rows, cols) };
    }
    softmax_rows_portable(rows, cols);
}

/// [`softmax_rows_portable`], compiled for 8 lanes: attention spends a fifth of the tower's time here otherwise.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn softmax_rows_avx2(rows: &mut [f32], cols: usize) {
    softmax_rows_portable(rows, cols);
}

#[inline(always)]
fn softmax_rows_portable(rows: &mut [f32], cols: usize) {
    for row in rows.chunks_exact_mut(cols) {
        let max = lanes(row, f32::NEG_INFINITY, f32::max);
        for value in row.iter_mut() {
            *value = exp(*value - max);
        }
        let inverse = 1.0 / lanes(row, 0.0, |a, b| a + b);
        for value in row.iter_mut() {
            *value *= inverse;
        }
    }
}

/// Sum of products, in 16 independent lanes.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    for (a, b) in a.chunks(16).zip(b.chunks(16)) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.into_iter().sum()
}

/// Reduces in 16 independent lanes: a float reduction in source order cannot become SIMD code.
#[inline(always)]
fn lanes(row: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; 16];
    let chunks = row.chunks_exact(16);
    let rest = chunks.remainder().iter().copied().fold(start, &combine);
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = combine(*lane, *value);
        }
    }
    lanes.into_iter().fold(rest, &combine)
}

/// `e^x` to about 2e-7 relative, without a branch or a call so that the loops around it become SIMD code.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer without a library call.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let n = (x * LOG2_E + ROUND) - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    // Taylor series of e^r on |r| <= ln(2) / 2; the next term is below 1e-8.
    let p = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    p * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

/// `x * Phi(x)`.
///
/// # Source
/// erf by Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7.
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = t * (0.254_829_6 + t * (-0.284_496_72 + t * (1.421_413_8 + t * (-1.453_152_1 + t * 1.061_405_4))));
    let erf_z = 1.0 - poly * exp(-z * z);
    0.5 * x * (1.0 + erf_z.copysign(x))
}

/// The derivative of [`gelu`]: `Phi(x) + x phi(x)`.
#[inline(always)]
pub fn gelu_slope(x: f32) -> f32 {
    const INVERSE_SQRT_2_PI: f32 = 0.398_942_3;
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = t * (0.254_829_6 + t * (-0.284_496_72 + t * (1.421_413_8 + t * (-1.453_152_1 + t * 1.061_405_4))));
    let density = exp(-z * z);
    let erf_z = 1.0 - poly * density;
    0.5 * (1.0 + erf_z.copysign(x)) + x * INVERSE_SQRT_2_PI * density
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slope_of_gelu_is_its_difference_quotient() {
        for i in -50..=50 {
            let (x, step) = (i as f32 * 0.1, 0.05);
            let quotient = (gelu(x + step) - gelu(x - step)) / (2.0 * step);
            assert!((gelu_slope(x) - quotient).abs() < 1e-3, "x = {x}");
        }
    }

    #[test]
    fn exp_agrees_with_the_library() {
        for i in -8000..=800 {
            let x = i as f32 * 0.01;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) - exact).abs() <= 4e-7 * exact, "x = {x}");
        }
    }

    #[test]
    fn gelu_is_odd_around_half_x() {
        // x - gelu(x) = gelu(-x) mirrored: gelu(x) - gelu(-x) = x.
        for i in -60..=60 {
            let x = i as f32 * 0.1;
            assert!((gelu(x) - gelu(-x) - x).abs() < 1e-5);
        }
        assert!((gelu(1.0) - 0.841_344_7).abs() < 1e-6);
    }

    #[test]
    fn matmul_of_a_transposed_matrix() {
        let lhs = [1.0, 2.0, 3.0, 4.0];
        let rhs = [1.0, 0.0, 2.0, 1.0, 1.0, 1.0];
        let mut out = [0.0; 6];
        let (lhs, rhs) = (View::dense(&lhs, 2, 2), View::dense(&rhs, 3, 2));
        matmul(&mut out, 3, lhs, rhs, Rhs::Transposed, 2.0, Threads::One);
        assert_eq!(out, [2.0, 8.0, 6.0, 6.0, 20.0, 14.0]);
    }

    #[test]
    fn matmul_with_the_left_side_transposed() {
        let lhs = [1.0, 3.0, 2.0, 4.0]; // the transpose of [[1, 2], [3, 4]]
        let rhs = [1.0, 2.0, 1.0, 0.0, 1.0, 1.0];
        let mut out = [0.0; 6];
        matmul_transposed(&mut out, 3, View::dense(&lhs, 2, 2), View::dense(&rhs, 2, 3), 2.0, Threads::One);
        assert_eq!(out, [2.0, 8.0, 6.0, 6.0, 20.0, 14.0]);
    }
}
