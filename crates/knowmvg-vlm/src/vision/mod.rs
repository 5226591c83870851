//! The vision towers of Qwen2.5-VL and Qwen3-VL, by configuration.
//!
//! `flattened patches + grids -> image tokens [tokens, width of the language model]`, with what lower layers saw

mod attention;
mod block;
mod grid;
mod merger;
mod mlp;
mod norm;
mod places;
mod tower;
mod windows;

pub use block::VisionBlock;
pub use grid::{Grid, MAX_PATCHES};
pub use merger::Merger;
pub use mlp::{PlainMlp, VisionMlp};
pub use norm::VisionNorm;
pub use places::Places;
pub use tower::{ImageRows, VisionTower};
pub use windows::WindowPlan;
