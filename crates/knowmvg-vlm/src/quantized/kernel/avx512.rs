use std::arch::x86_64::*;

use crate::quantized::layout::{GROUPS, Halves, Lanes, PANEL, Panel, Width};
use crate::quantized::rows::QuantizedRows;

/// [`super::Kernel::run`] with 16 outputs in a register and byte products of AVX-512 VNNI, which are exact.
///
/// # Safety
/// The processor has AVX-512 F and VNNI.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn tile<const ROWS: usize>(
    panel: &Panel,
    rows: &QuantizedRows,
    first: usize,
    out: &mut [[f32; PANEL]; ROWS],
) {
    let of_row: [_; ROWS] = std::array::from_fn(|row| rows.row(first + row));
    let mut sums = [_mm512_setzero_ps(); ROWS];
    let mut bases = [_mm512_setzero_ps(); ROWS];
    for (block, scales) in panel.scales.iter().enumerate() {
        let weights = steps(panel, block);
        let scales = floats(scales);
        let least = panel.least.get(block).map(|least| floats(least));
        for row in 0..ROWS {
            let values = &of_row[row][block];
            let mut dots = _mm512_set1_epi32(-panel.shift * values.sum);
            for (weights, four) in weights.into_iter().zip(values.fours) {
                dots = _mm512_dpbusd_epi32(dots, weights, _mm512_set1_epi32(four));
            }
            let scale = _mm512_mul_ps(scales, _mm512_set1_ps(values.scale));
            sums[row] = _mm512_add_ps(sums[row], _mm512_mul_ps(scale, _mm512_cvtepi32_ps(dots)));
            if let Some(least) = least {
                bases[row] = _mm512_add_ps(bases[row], _mm512_mul_ps(least, _mm512_set1_ps(values.total)));
            }
        }
    }
    for row in 0..ROWS {
        store(&mut out[row], _mm512_add_ps(sums[row], bases[row]));
    }
}

/// The steps of a block, four inputs in each.
#[inline]
#[target_feature(enable = "avx512f")]
fn steps(panel: &Panel, block: usize) -> [__m512i; GROUPS] {
    let words = panel.block(block);
    match panel.width {
        Width::Four => {
            let low = _mm512_set1_epi32(0x0f0f_0f0f);
            let mut steps = [_mm512_setzero_si512(); GROUPS];
            for (i, lanes) in words.iter().enumerate() {
                let both = load(lanes);
                steps[i] = _mm512_and_si512(both, low);
                steps[i + GROUPS / 2] = _mm512_and_si512(_mm512_srli_epi32::<4>(both), low);
            }
            steps
        }
        Width::Eight => std::array::from_fn(|i| load(&words[i])),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(lanes: &Lanes) -> __m512i {
    // SAFETY: the array has 64 bytes at an address that is a multiple of 64.
    unsafe { _mm512_load_si512(lanes.0.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn floats(halves: &Halves) -> __m512 {
    // SAFETY: the array has 32 bytes; the load needs no alignment.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(halves.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(out: &mut [f32; PANEL], values: __m512) {
    // SAFETY: the array has 64 bytes; the store needs no alignment.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), values) }
}
