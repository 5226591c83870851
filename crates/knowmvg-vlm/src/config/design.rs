use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::checked::size;

/// What sets the vision towers of two generations apart.
#[derive(Debug, Clone, PartialEq)]
pub enum VisionDesign {
    /// Qwen2.5-VL: windows in most layers, gated MLPs, norms by the root of the mean square.
    Windowed {
        /// Side of an attention window.
        ///
        /// # Units
        /// Tokens of the language model, that is, squares of `merge * merge` patches.
        window: usize,
        /// Layers that attend to the whole image and not to a window.
        full_attention_layers: Vec<usize>,
    },
    /// Qwen3-VL: every layer attends to the whole image, places are learnt, and what lower layers see reaches the language
    /// model too (DeepStack).
    DeepStack {
        /// Side of the square of learnt places.
        places_side: usize,
        /// Layers whose patches are merged and added to the first layers of the language model, in order.
        layers: Vec<usize>,
    },
}

/// Keys that are still to be read.
type Rest = BTreeMap<String, Value>;

/// Sizes that a design is read with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub patch: usize,
    pub merge: usize,
    pub layers: usize,
}

impl VisionDesign {
    /// # Source
    /// `Qwen2_5_VLVisionConfig` of transformers 5.23.0, with its defaults.
    pub(super) fn windowed(rest: &mut Rest, sizes: Sizes) -> Result<Self, String> {
        let window: usize = taken(rest, "window_size", 112)? / sizes.merge / sizes.patch;
        Ok(Self::Windowed {
            window: size("window_size / spatial_merge_size / patch_size", window, 1 << 10)?,
            full_attention_layers: taken(rest, "fullatt_block_indexes", vec![7, 15, 23, 31])?,
        })
    }

    /// # Source
    /// `Qwen3VLVisionConfig` of transformers 5.23.0, with its defaults.
    pub(super) fn deep_stack(rest: &mut Rest, sizes: Sizes) -> Result<Self, String> {
        let places = size("num_position_embeddings", taken(rest, "num_position_embeddings", 2304)?, 1 << 20)?;
        if places.isqrt().pow(2) != places {
            return Err(format!("expected num_position_embeddings as the number of a square, found {places}"));
        }
        let layers: Vec<usize> = taken(rest, "deepstack_visual_indexes", vec![8, 16, 24])?;
        let is_ordered = layers.windows(2).all(|pair| pair[0] < pair[1]);
        if !is_ordered || layers.last().is_some_and(|last| *last >= sizes.layers) {
            let depth = sizes.layers;
            return Err(format!(
                "expected deepstack_visual_indexes in ascending order below {depth}, found {layers:?}"
            ));
        }
        Ok(Self::DeepStack { places_side: places.isqrt(), layers })
    }
}

/// Takes a key out, so that what is left in the end is known to be unknown.
fn taken<T: DeserializeOwned>(rest: &mut Rest, name: &str, default: T) -> Result<T, String> {
    let Some(value) = rest.remove(name) else { return Ok(default) };
    serde_json::from_value(value).map_err(|e| format!("{name}: {e}"))
}
