//! Annotation files of medical visual grounding, read from and written to the formats that users have.

pub mod dataset;

pub use dataset::{Dataset, ImageEntry, Target, TargetKind};
