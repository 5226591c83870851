//! `ModelImage -> Features`: the tower's last and a middle layer side by side, standardised, and the picture itself.

use super::input::Features;
use super::vision::{VisionError, VisionTower};
use super::visual_tokens::standardise;
use crate::image::preprocess::ModelImage;

/// The layer (0-based) whose output accompanies the last one: edges are still sharp there.
pub const MIDDLE_LAYER: usize = 8;

/// Runs the tower on a prepared image.
///
/// # Errors
/// When the side does not fit the tower.
pub fn encode(tower: &VisionTower, image: &ModelImage) -> Result<Features, VisionError> {
    let output = tower.forward(&image.pixel_values(), image.side, &[MIDDLE_LAYER])?;
    let width = tower.config().hidden_size;
    let last = output.last_hidden_state.chunks_exact(width).skip(1);
    let middle = output.hidden_states[0].chunks_exact(width).skip(1);
    let mut tokens: Vec<f32> = last.zip(middle).flat_map(|(last, middle)| last.iter().chain(middle).copied()).collect();
    standardise(&mut tokens, width);
    Ok(Features { grid: output.grid, side: image.side, tokens, pixels: image.pixels.clone() })
}
