//! What measured numbers are worth: how uncertain they are, and what a guess without any image would have got.
//!
//! | question | answer |
//! |---|---|
//! | how far may the mean be off, given these patients? | [`interval`] |
//! | what does the best box reach that is the same for everyone? | [`floor`] |

pub mod floor;
pub mod interval;

pub use floor::{ConstantBoxes, Example};
pub use interval::{Interval, Resampling};
