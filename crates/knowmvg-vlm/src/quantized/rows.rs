use super::BLOCK;
use super::layout::GROUPS;

/// Rows of activations in 8 bits, 32 values to a scale.
#[derive(Debug, Clone)]
pub struct QuantizedRows {
    rows: usize,
    /// Row by row, the last one of a row filled up with zeros.
    blocks: Vec<RowBlock>,
}

/// 32 values of a row: `scale * step`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowBlock {
    /// Four signed steps in each, the first in its lowest byte.
    pub fours: [i32; GROUPS],
    pub scale: f32,
    /// Of the steps.
    pub sum: i32,
    /// Of the values as they are after rounding: `scale * sum`.
    pub total: f32,
}

impl QuantizedRows {
    /// Rounds `values`, rows of `width`.
    ///
    /// # Panics
    /// When `values` are not whole rows.
    pub fn of(values: &[f32], width: usize) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "expected whole rows of {width} values");
        let mut blocks = Vec::with_capacity(values.len() / width * width.div_ceil(BLOCK));
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has what the function was compiled for.
            unsafe { round_avx2(values, width, &mut blocks) };
            return Self { rows: values.len() / width, blocks };
        }
        round(values, width, &mut blocks);
        Self { rows: values.len() / width, blocks }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The blocks of one row.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &[RowBlock] {
        let blocks = self.blocks_per_row();
        &self.blocks[row * blocks..(row + 1) * blocks]
    }

    pub(super) fn blocks_per_row(&self) -> usize {
        self.blocks.len() / self.rows.max(1)
    }
}

/// [`round`], compiled for 8 lanes. Nothing is contracted, so its results are the same.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn round_avx2(values: &[f32], width: usize, blocks: &mut Vec<RowBlock>) {
    round(values, width, blocks);
}

#[inline(always)]
fn round(values: &[f32], width: usize, blocks: &mut Vec<RowBlock>) {
    for row in values.chunks_exact(width) {
        let (whole, rest) = row.as_chunks::<BLOCK>();
        blocks.extend(whole.iter().map(rounded));
        if !rest.is_empty() {
            let mut filled = [0.0; BLOCK];
            filled[..rest.len()].copy_from_slice(rest);
            blocks.push(rounded(&filled));
        }
    }
}

/// One block: the largest magnitude becomes 127 steps.
///
/// # Source
/// `quantize_row_q8_0` of ggml, with a scale of 32 bits where ggml rounds it to 16.
#[inline(always)]
fn rounded(values: &[f32; BLOCK]) -> RowBlock {
    // Adding 1.5 * 2^23 rounds to the nearest integer, which then is what the bits of the sum exceed it by.
    const ROUND: f32 = 12_582_912.0;
    // As integers, magnitudes are ordered alike, and what is not a number is the largest: it reaches the scale.
    let most = values.iter().fold(0, |most, value| most.max(value.to_bits() & (u32::MAX >> 1)));
    let most = f32::from_bits(most);
    let inverse = if most == 0.0 { 0.0 } else { 127.0 / most };
    let steps = values.map(|value| ((value * inverse).clamp(-127.0, 127.0) + ROUND).to_bits());
    let steps = steps.map(|bits| bits.wrapping_sub(ROUND.to_bits()) as i32);
    let fours = std::array::from_fn(|i| {
        let four: [u8; 4] = std::array::from_fn(|j| steps[4 * i + j] as u8);
        i32::from_le_bytes(four)
    });
    let sum = steps.iter().sum::<i32>();
    let scale = most / 127.0;
    RowBlock { fours, scale, sum, total: scale * sum as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(values: &[f32]) -> Vec<f32> {
        let rows = QuantizedRows::of(values, values.len());
        let blocks = rows.row(0).iter();
        blocks
            .flat_map(|b| b.fours.map(i32::to_le_bytes).concat().into_iter().map(|s| f32::from(s as i8) * b.scale))
            .collect()
    }

    #[test]
    fn steps_are_whole_and_the_largest_is_127() {
        let values: Vec<f32> = (0..32).map(|i| (i - 16) as f32 * 127.0 / 16.0).collect();
        for (found, value) in restored(&values).iter().zip(&values) {
            assert!((found - value).abs() <= 0.5, "{found} {value}");
        }
        assert_eq!(restored(&values)[0], -127.0);
    }

    #[test]
    fn a_row_that_ends_within_a_block_is_filled_up() {
        let restored = restored(&[127.0; 40]);
        assert_eq!((restored.len(), restored[39], restored[40]), (64, 127.0, 0.0));
    }

    #[test]
    fn what_is_no_number_reaches_the_scale() {
        for odd in [f32::NAN, f32::INFINITY] {
            let rows = QuantizedRows::of(&[1.0, odd, -1.0], 3);
            assert!(!rows.row(0)[0].scale.is_finite());
        }
        assert_eq!(restored(&[0.0; 32]), [0.0; 32]);
        assert!(restored(&[f32::from_bits(1); 32]).iter().all(|value| value.is_finite()));
    }
}
