//! The vision tower of Qwen2.5-VL.
//!
//! `flattened patches + grids -> image tokens [tokens, width of the language model]`

mod attention;
mod block;
mod grid;
mod merger;
mod tower;
mod windows;

pub use block::VisionBlock;
pub use grid::{Grid, MAX_PATCHES};
pub use merger::Merger;
pub use tower::VisionTower;
pub use windows::WindowPlan;
