//! How a matrix lies in memory: 16 outputs side by side, so that one register holds a number of each.

use half::f16;

/// Outputs that are computed together.
pub(super) const PANEL: usize = 16;
/// Groups of four inputs in a block: what one 32-bit lane multiplies at once.
pub(super) const GROUPS: usize = super::BLOCK / 4;

/// Four bytes of each of 16 outputs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Lanes(pub [u32; PANEL]);

/// The scales, or the least values, of a block of each of 16 outputs: bits of 16-bit floats.
pub(super) type Halves = [u16; PANEL];

/// How many bits a step has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// Steps from 0 to 15. Lane group `j` holds inputs `4 j ..` in its low halves and `16 + 4 j ..` in its high ones.
    Four,
    /// Steps from 0 to 255.
    Eight,
}

impl Width {
    /// Lane groups that hold a block.
    pub(super) fn groups(self) -> usize {
        match self {
            Self::Four => GROUPS / 2,
            Self::Eight => GROUPS,
        }
    }
}

/// All blocks of 16 outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel<'a> {
    pub width: Width,
    /// What is taken off a step.
    pub shift: i32,
    /// [`Width::groups`] of each block.
    pub words: &'a [Lanes],
    /// One of each block.
    pub scales: &'a [Halves],
    /// One of each block; none if nothing is added.
    pub least: &'a [Halves],
}

impl<'a> Panel<'a> {
    pub(super) fn blocks(&self) -> usize {
        self.scales.len()
    }

    /// The words of a block.
    #[inline(always)]
    pub(super) fn block(&self, block: usize) -> &'a [Lanes] {
        let groups = self.width.groups();
        &self.words[block * groups..(block + 1) * groups]
    }

    /// The steps of one output in one block.
    pub(super) fn steps(&self, block: usize, lane: usize) -> [u8; super::BLOCK] {
        let words = self.block(block);
        let mut steps = [0; super::BLOCK];
        for (group, lanes) in words.iter().enumerate() {
            for (i, byte) in lanes.0[lane].to_le_bytes().into_iter().enumerate() {
                let place = 4 * group + i;
                match self.width {
                    Width::Four => {
                        steps[place] = byte & 15;
                        steps[place + super::BLOCK / 2] = byte >> 4;
                    }
                    Width::Eight => steps[place] = byte,
                }
            }
        }
        steps
    }
}

/// A 16-bit float from its bits.
pub(super) fn half(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}
