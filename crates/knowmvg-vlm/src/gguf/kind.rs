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

    /// Whether its numbers are steps that share a scale.
    pub fn is_quantized(self) -> bool {
        self.block().0 > 1
    }

    /// Values of a block, and its bytes.
    pub(crate) fn block(self) -> (usize, usize) {
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
    pub fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let (count, size) = self.block();
        let mut values = Vec::with_capacity(bytes.len() / size * count);
        for block in bytes.chunks_exact(size) {
            self.decode_block(block, &mut values);
        }
        values
    }

    fn decode_block(self, block: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F32 => values.push(f32::from_le_bytes([block[0], block[1], block[2], block[3]])),
            Self::F16 => values.push(half_at(block, 0)),
            Self::Bf16 => values.push(bf16::from_le_bytes([block[0], block[1]]).to_f32()),
            Self::Q4_0 => values.extend(scaled(fours(&block[2..]), -8, half_at(block, 0), 0.0)),
            Self::Q4_1 => values.extend(scaled(fours(&block[4..]), 0, half_at(block, 0), half_at(block, 2))),
            Self::Q5_0 => values.extend(scaled(fives(&block[2..]), -16, half_at(block, 0), 0.0)),
            Self::Q5_1 => values.extend(scaled(fives(&block[4..]), 0, half_at(block, 0), half_at(block, 2))),
            Self::Q8_0 => values.extend(scaled(bytes(&block[2..]), 0, half_at(block, 0), 0.0)),
        }
    }
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

fn scaled(steps: [i32; BLOCK], shift: i32, scale: f32, least: f32) -> [f32; BLOCK] {
    steps.map(|step| (step + shift) as f32 * scale + least)
}

/// Signed bytes.
fn bytes(bytes: &[u8]) -> [i32; BLOCK] {
    std::array::from_fn(|i| i32::from(bytes[i] as i8))
}

/// Low halves of 16 bytes, then their high halves.
fn fours(bytes: &[u8]) -> [i32; BLOCK] {
    let half = BLOCK / 2;
    std::array::from_fn(|i| i32::from(if i < half { bytes[i] & 15 } else { bytes[i - half] >> 4 }))
}

/// 32 fifth bits, then as [`fours`].
fn fives(bytes: &[u8]) -> [i32; BLOCK] {
    let fifths = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let fours = fours(&bytes[4..]);
    std::array::from_fn(|i| fours[i] | ((fifths >> i & 1) << 4) as i32)
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
