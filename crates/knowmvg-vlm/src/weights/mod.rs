//! Strict loading: what a model asks for and what its file holds must be equal as sets.
//!
//! Missing, unused and misshapen tensors are one error that lists them all. Nothing is allocated for a tensor before its
//! file is known to hold it, so a configuration cannot ask for more memory than its weights fill.

mod folder;
mod reader;

pub use folder::Shards;
pub(crate) use folder::{INDEX, SINGLE};
pub use reader::{Bias, Half, TensorSource, WeightReader, Weights};
