//! How much a file may ask for: a line that exceeds a limit is an error, not a long wait.

/// Most bytes in one line.
pub const MAX_LINE_BYTES: usize = 8 << 20;
/// Most bytes in one file; all of it is held in memory.
pub const MAX_FILE_BYTES: u64 = 2 << 30;
/// Most targets or findings of one item.
pub const MAX_STATEMENTS: usize = 1_000;
/// Most boxes of one target or finding.
pub const MAX_BOXES: usize = 1_000;
/// Most boxes of one item or prediction.
pub const MAX_BOXES_PER_LINE: usize = 10_000;
/// Most cells of a heat map along either side.
pub const MAX_HEAT_SIDE: usize = 1_024;
