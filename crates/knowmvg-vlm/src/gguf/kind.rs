use half::{bf16, f16};

use super::error::GgufError;

/// Values in a quantised block.
const BLOCK: usize = 32;

/// How a tensor's numbers are stored.
///
/// # Source
/// `ggml_type` and `dequantize_row_*` of ggml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// The upper halves of 32-bit floats.
    Bf16,
    /// 4 bits times a scale.
    Q4_0,
    /// 4 bits times a scale, plus a least value.
    Q4_1,
    /// 5 bits times a scale.
    Q5_0,
    /// 5 bits times a scale, plus a least value.
    Q5_1,
    /// 8 bits times a scale.
    Q8_0,
}

impl Kind {
    pub(super) fn from_id(id: u32) -> Result<Self, GgufError> {
        Ok(match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            30 => Self::Bf16,
            other => {
                return Err(GgufError::Format(format!(
                    "tensors are of type {other}; F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 are read"
                )));
            }
        })
    }

    /// Values of a block, and its bytes.
    pub(super) fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (BLOCK, 18),
            Self::Q4_1 => (BLOCK, 20),
            Self::Q5_0 => (BLOCK, 22),
            Self::Q5_1 => (BLOCK, 24),
            Self::Q8_0 => (BLOCK, 34),
        }
    }

    /// The numbers of whole blocks.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let (_, size) = self.block();
        bytes.chunks_exact(size).flat_map(|block| self.decode_block(block)).collect()
    }

    fn decode_block(self, block: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => vec![f32::from_le_bytes([block[0], block[1], block[2], block[3]])],
            Self::F16 => vec![half_at(block, 0)],
            Self::Bf16 => vec![bf16::from_le_bytes([block[0], block[1]]).to_f32()],
            Self::Q4_0 => scaled(fours(&block[2..]), -8, half_at(block, 0), 0.0),
            Self::Q4_1 => scaled(fours(&block[4..]), 0, half_at(block, 0), half_at(block, 2)),
            Self::Q5_0 => scaled(fives(&block[2..]), -16, half_at(block, 0), 0.0),
            Self::Q5_1 => scaled(fives(&block[4..]), 0, half_at(block, 0), half_at(block, 2)),
            Self::Q8_0 => {
                scaled(block[2..].iter().map(|byte| i32::from(*byte as i8)).collect(), 0, half_at(block, 0), 0.0)
            }
        }
    }
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

fn scaled(steps: Vec<i32>, shift: i32, scale: f32, least: f32) -> Vec<f32> {
    steps.into_iter().map(|step| (step + shift) as f32 * scale + least).collect()
}

/// Low halves of 16 bytes, then their high halves.
fn fours(bytes: &[u8]) -> Vec<i32> {
    let low = bytes[..BLOCK / 2].iter().map(|byte| i32::from(byte & 15));
    low.chain(bytes[..BLOCK / 2].iter().map(|byte| i32::from(byte >> 4))).collect()
}

/// 32 fifth bits, then as [`fours`].
fn fives(bytes: &[u8]) -> Vec<i32> {
    let fifths = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let fifth = |i: usize| ((fifths >> i & 1) << 4) as i32;
    fours(&bytes[4..]).into_iter().enumerate().map(|(i, four)| four | fifth(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bits_run_through_low_halves_first() {
        let mut block = f16::from_f32(0.5).to_le_bytes().to_vec();
        block.extend((0..16).map(|i| i | (15 - i) << 4));
        let values = Kind::Q4_0.decode(&block);
        let expected: Vec<f32> = (0..16).chain((0..16).rev()).map(|q| (q - 8) as f32 * 0.5).collect();
        assert_eq!(values, expected);
    }

    #[test]
    fn the_fifth_bit_adds_sixteen() {
        let mut block = f16::from_f32(1.0).to_le_bytes().to_vec();
        block.extend((1u32 << 31 | 1).to_le_bytes());
        block.extend([0; 16]);
        let values = Kind::Q5_0.decode(&block);
        assert_eq!((values[0], values[1], values[31]), (0.0, -16.0, 0.0));
    }
}
