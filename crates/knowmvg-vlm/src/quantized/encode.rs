use half::f16;

use super::BLOCK;
use super::layout::{GROUPS, Width};
use crate::gguf::Kind;

/// What all blocks of a matrix have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Form {
    pub width: Width,
    /// What is taken off a step.
    pub shift: i32,
    pub has_least: bool,
}

impl Form {
    /// How blocks of a kind are kept, if it has blocks.
    pub(super) fn of(kind: Kind) -> Option<Self> {
        let form = |width, shift, has_least| Some(Self { width, shift, has_least });
        match kind {
            Kind::Q4_0 => form(Width::Four, 8, false),
            Kind::Q4_1 => form(Width::Four, 0, true),
            Kind::Q5_0 => form(Width::Eight, 16, false),
            Kind::Q5_1 => form(Width::Eight, 0, true),
            Kind::Q8_0 => form(Width::Eight, 128, false),
            Kind::F32 | Kind::F16 | Kind::Bf16 => None,
        }
    }
}

/// One output's block, taken apart.
pub(super) struct EncodedBlock {
    pub scale: u16,
    pub least: u16,
    /// As many as [`Width::groups`].
    pub words: [u32; GROUPS],
}

impl EncodedBlock {
    /// Takes a stored block apart. No bit of it is lost: five-bit steps are kept in bytes, signed bytes from 0 on.
    pub(super) fn of(kind: Kind, block: &[u8]) -> Self {
        let [scale, least] = [0, 2].map(|at| u16::from_le_bytes([block[at], block[at + 1]]));
        let words = match kind {
            Kind::Q4_0 => words(block[2..].iter().copied()),
            Kind::Q4_1 => words(block[4..].iter().copied()),
            Kind::Q5_0 => words(fives(&block[2..])),
            Kind::Q5_1 => words(fives(&block[4..])),
            // Two's complement plus 128.
            _ => words(block[2..].iter().map(|byte| byte ^ 0x80)),
        };
        Self { scale, least, words }
    }
}

fn words(bytes: impl IntoIterator<Item = u8>) -> [u32; GROUPS] {
    let mut words = [0; GROUPS];
    for (i, byte) in bytes.into_iter().take(BLOCK).enumerate() {
        words[i / 4] |= u32::from(byte) << (8 * (i % 4));
    }
    words
}

/// 32 fifth bits, then low halves of 16 bytes, then their high halves.
fn fives(bytes: &[u8]) -> [u8; BLOCK] {
    let fifths = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let fours = &bytes[4..];
    std::array::from_fn(|i| {
        let four = if i < BLOCK / 2 { fours[i] & 15 } else { fours[i - BLOCK / 2] >> 4 };
        four | ((fifths >> i & 1) << 4) as u8
    })
}

/// A row in 8 bits, as blocks of [`Kind::Q8_0`], the last one filled up with zeros.
///
/// Magnitudes beyond what a 16-bit scale reaches, 8.3 million, become the largest that it does.
pub fn eight_bits(row: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(row.len().div_ceil(BLOCK) * (2 + BLOCK));
    for values in row.chunks(BLOCK) {
        let most = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let scale = f16::from_f32((most / 127.0).min(f16::MAX.to_f32()));
        let inverse = if scale > f16::ZERO { 1.0 / scale.to_f32() } else { 0.0 };
        bytes.extend(scale.to_le_bytes());
        let steps = values.iter().map(|value| (value * inverse).round().clamp(-127.0, 127.0) as i8 as u8);
        bytes.extend(steps.chain(std::iter::repeat(0)).take(BLOCK));
    }
    bytes
}
