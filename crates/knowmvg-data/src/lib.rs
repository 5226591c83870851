//! Annotation files of medical visual grounding, read from and written to the formats that users have.
//!
//! [`read()`] turns a file or folder into a [`Dataset`], [`write()`] turns one into a file or folder and says what the
//! format could not hold, [`check()`] looks for what spoils a measurement: leakage, broken rows, boxes outside.

pub mod check;
pub mod dataset;
pub mod error;
pub mod format;
pub mod limits;
pub mod pickle;
pub mod project;
pub mod read;
pub mod sizes;
pub mod write;

mod name;

pub use check::{Input, Report, check};
pub use dataset::{Dataset, ImageEntry, Target, TargetKind};
pub use error::{DataError, RowProblem};
pub use format::Format;
pub use project::{Loss, project};
pub use read::{ReadOptions, read, read_leniently};
pub use write::{WriteOptions, write};
