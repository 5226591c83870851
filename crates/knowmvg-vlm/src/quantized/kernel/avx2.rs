use std::arch::x86_64::*;

use crate::quantized::layout::{GROUPS, Halves, Lanes, PANEL, Panel, Width};
use crate::quantized::rows::{QuantizedRows, RowBlock};

/// Outputs in a register: a panel is two of them.
const HALF: usize = PANEL / 2;

/// [`super::Kernel::run`] with 8 outputs in a register, and a way to multiply a block of each.
macro_rules! tile {
    ($(#[$doc:meta])* $name:ident, $features:literal, $dots:ident) => {
        $(#[$doc])*
        #[target_feature(enable = $features)]
        pub(super) fn $name<const ROWS: usize>(
            panel: &Panel,
            rows: &QuantizedRows,
            first: usize,
            out: &mut [[f32; PANEL]; ROWS],
        ) {
            let of_row: [_; ROWS] = std::array::from_fn(|row| rows.row(first + row));
            for half in 0..PANEL / HALF {
                let mut sums = [_mm256_setzero_ps(); ROWS];
                let mut bases = [_mm256_setzero_ps(); ROWS];
                for (block, scales) in panel.scales.iter().enumerate() {
                    let weights = steps(panel, block, half);
                    let scales = floats(scales, half);
                    let least = panel.least.get(block).map(|least| floats(least, half));
                    for row in 0..ROWS {
                        let values = &of_row[row][block];
                        let dots = _mm256_cvtepi32_ps($dots(panel, &weights, values));
                        let scale = _mm256_mul_ps(scales, _mm256_set1_ps(values.scale));
                        sums[row] = _mm256_add_ps(sums[row], _mm256_mul_ps(scale, dots));
                        if let Some(least) = least {
                            bases[row] = _mm256_add_ps(bases[row], _mm256_mul_ps(least, _mm256_set1_ps(values.total)));
                        }
                    }
                }
                for row in 0..ROWS {
                    store(&mut out[row], half, _mm256_add_ps(sums[row], bases[row]));
                }
            }
        }
    };
}

tile! {
    /// With products of pairs of bytes in 16 bits.
    ///
    /// # Safety
    /// The processor has AVX2 and F16C.
    tile, "avx2,f16c", paired
}

tile! {
    /// With products of four bytes in 32 bits.
    ///
    /// # Safety
    /// The processor has AVX2, F16C and AVX-VNNI.
    tile_vnni, "avx2,f16c,avxvnni", fourfold
}

/// Dot products of a block by `maddubs`, whose 16-bit sums would saturate: steps of four bits stay below it for a whole
/// block (8 groups of 2 · 15 · 127), and bytes are multiplied as magnitudes, with their signs on the other side
/// (2 · 128 · 127).
#[inline]
#[target_feature(enable = "avx2")]
fn paired(panel: &Panel, weights: &[__m256i; GROUPS], values: &RowBlock) -> __m256i {
    let ones = _mm256_set1_epi16(1);
    match panel.width {
        Width::Four => {
            let mut pairs = _mm256_setzero_si256();
            for (weights, four) in weights.iter().zip(values.fours) {
                pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(*weights, _mm256_set1_epi32(four)));
            }
            _mm256_sub_epi32(_mm256_madd_epi16(pairs, ones), _mm256_set1_epi32(panel.shift * values.sum))
        }
        Width::Eight => {
            let mut dots = _mm256_set1_epi32((128 - panel.shift) * values.sum);
            for (weights, four) in weights.iter().zip(values.fours) {
                let signed = _mm256_xor_si256(*weights, _mm256_set1_epi8(i8::MIN));
                let turned = _mm256_sign_epi8(_mm256_set1_epi32(four), signed);
                let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(signed), turned);
                dots = _mm256_add_epi32(dots, _mm256_madd_epi16(pairs, ones));
            }
            dots
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn fourfold(panel: &Panel, weights: &[__m256i; GROUPS], values: &RowBlock) -> __m256i {
    let mut dots = _mm256_set1_epi32(-panel.shift * values.sum);
    for (weights, four) in weights.iter().zip(values.fours) {
        dots = _mm256_dpbusd_avx_epi32(dots, *weights, _mm256_set1_epi32(four));
    }
    dots
}

/// The steps of half the outputs in a block, four inputs in each.
#[inline]
#[target_feature(enable = "avx2")]
fn steps(panel: &Panel, block: usize, half: usize) -> [__m256i; GROUPS] {
    let words = panel.block(block);
    match panel.width {
        Width::Four => {
            let low = _mm256_set1_epi32(0x0f0f_0f0f);
            let mut steps = [_mm256_setzero_si256(); GROUPS];
            for (i, lanes) in words.iter().enumerate() {
                let both = load(lanes, half);
                steps[i] = _mm256_and_si256(both, low);
                steps[i + GROUPS / 2] = _mm256_and_si256(_mm256_srli_epi32::<4>(both), low);
            }
            steps
        }
        Width::Eight => std::array::from_fn(|i| load(&words[i], half)),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(lanes: &Lanes, half: usize) -> __m256i {
    let (halves, _) = lanes.0.as_chunks::<HALF>();
    // SAFETY: the array has 32 bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(halves[half].as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn floats(numbers: &Halves, half: usize) -> __m256 {
    let (halves, _) = numbers.as_chunks::<HALF>();
    // SAFETY: the array has 16 bytes; the load needs no alignment.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(halves[half].as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(out: &mut [f32; PANEL], half: usize, values: __m256) {
    let (halves, _) = out.as_chunks_mut::<HALF>();
    // SAFETY: the array has 32 bytes; the store needs no alignment.
    unsafe { _mm256_storeu_ps(halves[half].as_mut_ptr(), values) }
}
