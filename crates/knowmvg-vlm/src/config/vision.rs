use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::checked::{no_unknown, only, size};

/// Sizes and switches of Qwen2.5-VL's vision tower.
#[derive(Debug, Clone, PartialEq)]
pub struct VisionConfig {
    /// Colours of a pixel.
    pub channels: usize,
    /// Frames that one patch spans; a still image is repeated.
    pub temporal_patch: usize,
    /// Side of a patch.
    ///
    /// # Units
    /// Pixels.
    pub patch: usize,
    /// Side of the square of patches that becomes one token of the language model.
    pub merge: usize,
    /// Side of an attention window.
    ///
    /// # Units
    /// Tokens of the language model, that is, squares of `merge * merge` patches.
    pub window: usize,
    /// Layers that attend to the whole image and not to a window.
    pub full_attention_layers: Vec<usize>,
    /// Number of layers.
    pub layers: usize,
    /// Width of a patch.
    pub width: usize,
    /// Width inside the gated MLP.
    pub inner_width: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Width of the language model.
    pub output_width: usize,
    /// Base of the frequencies with which rows and columns turn queries and keys.
    pub rope_theta: f64,
}

/// The keys of `vision_config`.
///
/// # Source
/// `Qwen2_5_VLVisionConfig` of transformers 5.23.0, with its defaults: published files omit some.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct VisionKeys {
    depth: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_heads: usize,
    hidden_act: String,
    /// Files of some versions have both names.
    in_channels: Option<usize>,
    in_chans: Option<usize>,
    patch_size: usize,
    spatial_merge_size: usize,
    temporal_patch_size: usize,
    window_size: usize,
    out_hidden_size: usize,
    fullatt_block_indexes: Vec<usize>,
    rope_parameters: Option<AxialRope>,
    #[serde(rename = "model_type")]
    _model_type: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AxialRope {
    rope_type: String,
    rope_theta: f64,
}

impl Default for VisionKeys {
    fn default() -> Self {
        Self {
            depth: 32,
            hidden_size: 3584,
            intermediate_size: 3420,
            num_heads: 16,
            hidden_act: "silu".into(),
            in_channels: None,
            in_chans: None,
            patch_size: 14,
            spatial_merge_size: 2,
            temporal_patch_size: 2,
            window_size: 112,
            out_hidden_size: 3584,
            fullatt_block_indexes: vec![7, 15, 23, 31],
            rope_parameters: None,
            _model_type: None,
            rest: BTreeMap::new(),
        }
    }
}

impl TryFrom<VisionKeys> for VisionConfig {
    type Error = String;

    fn try_from(keys: VisionKeys) -> Result<Self, String> {
        no_unknown(&keys.rest)?;
        only("hidden_act", &keys.hidden_act, "silu")?;
        let rope = keys.rope_parameters.unwrap_or(AxialRope { rope_type: "axial".into(), rope_theta: 10_000.0 });
        only("rope_type", &rope.rope_type, "axial")?;
        let patch = size("patch_size", keys.patch_size, 256)?;
        let merge = size("spatial_merge_size", keys.spatial_merge_size, 16)?;
        let heads = size("num_heads", keys.num_heads, 1 << 10)?;
        let width = size("hidden_size", keys.hidden_size, 1 << 16)?;
        // Two axes share a head, and each frequency turns a pair.
        if !width.is_multiple_of(4 * heads) {
            return Err(format!("expected hidden_size as a multiple of 4 * num_heads = {}, found {width}", 4 * heads));
        }
        for channels in [keys.in_channels, keys.in_chans].into_iter().flatten() {
            only("in_channels", &channels.to_string(), "3")?;
        }
        Ok(Self {
            channels: 3,
            temporal_patch: size("temporal_patch_size", keys.temporal_patch_size, 16)?,
            patch,
            merge,
            window: size("window_size / spatial_merge_size / patch_size", keys.window_size / merge / patch, 1 << 10)?,
            full_attention_layers: keys.fullatt_block_indexes,
            layers: size("depth", keys.depth, 1 << 10)?,
            width,
            inner_width: size("intermediate_size", keys.intermediate_size, 1 << 18)?,
            heads,
            output_width: size("out_hidden_size", keys.out_hidden_size, 1 << 16)?,
            rope_theta: rope.rope_theta,
        })
    }
}

impl VisionConfig {
    /// Numbers in a flattened patch.
    pub fn patch_values(&self) -> usize {
        self.channels * self.temporal_patch * self.patch * self.patch
    }
}
