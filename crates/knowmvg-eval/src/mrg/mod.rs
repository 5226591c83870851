//! MRG-ChestX-ray8: a report written by a language model from a class and a position, and one box.
//!
//! Boxes are in the image scaled to 640 x 640 pixels. The ground-truth phrase, `"<class>, position: <words>"`, is read for
//! scores per class and for the one floor that may see it, and never goes into what another system is given.

mod rows;
mod split;
mod systems;

pub use rows::{MAX_LINE_BYTES, MAX_ROWS, MrgError, MrgRow, SIDE, in_frame, read_rows};
pub use split::folds;
pub use systems::{Learnt, SYSTEMS};
