//! Pickles that hold plain data, read without executing anything.
//!
//! A pickle is a program for a small stack machine. This machine knows only the opcodes that make strings, numbers, truth
//! values, `None`, tuples, lists and dictionaries (protocols 2 to 5). Everything that imports or calls (`GLOBAL`,
//! `REDUCE`, `BUILD`, `INST`, …) is refused by name, so nothing in a file can run.
//!
//! # Source
//! The opcodes' documentation in CPython's `Lib/pickletools.py`.

mod machine;
mod opcode;
mod value;

pub use machine::load;
pub use value::{Id, Pickle, Value};

/// Most values of a pickle.
pub const MAX_VALUES: usize = 1 << 24;
/// Most entries of the memo.
pub const MAX_MEMO: usize = 1 << 24;
/// Most values on the stack.
pub const MAX_STACK: usize = 1 << 24;
/// Most marks in each other, i.e. containers under construction.
pub const MAX_DEPTH: usize = 64;
/// Longest string.
///
/// # Units
/// Bytes.
pub const MAX_STRING_BYTES: usize = 1 << 20;

/// Why bytes are not a pickle of plain data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found} at byte {position}")]
pub struct PickleError {
    /// What was expected.
    pub expected: &'static str,
    /// What was found: the name of an opcode or a number, never text of the file.
    pub found: String,
    /// Offset into the pickle.
    pub position: usize,
}
