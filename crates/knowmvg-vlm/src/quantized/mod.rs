//! Matrices that stay quantised: 4 or 8 bits a weight, multiplied as integers.
//!
//! `stored blocks -> QuantizedMatrix`, `rows [tokens, inputs] -> QuantizedRows -> products [tokens, outputs]`
//!
//! A weight is `scale * (step - shift) + least`, with one scale (and one least value) for 32 inputs of one output, as
//! files store it; nothing is rounded again. Rows that are multiplied are rounded to 8 bits, 32 values to a scale. Dot
//! products of 32 steps are exact integers, and what is done with them afterwards is done in the same order everywhere:
//! every processor gives the same bits.

mod encode;
mod kernel;
mod layout;
mod matrix;
mod product;
mod rows;

pub use encode::eight_bits;
pub use kernel::Kernel;
pub use matrix::{QuantizedMatrix, StoredRows};
pub use product::{products, products_by, products_of};
pub use rows::QuantizedRows;

/// Values that share a scale.
pub const BLOCK: usize = 32;
