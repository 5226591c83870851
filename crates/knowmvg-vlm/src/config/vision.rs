use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::checked::{no_unknown, only, size};
use super::design::{Sizes, VisionDesign};

/// Sizes and switches of a vision tower.
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
    /// Number of layers.
    pub layers: usize,
    /// Width of a patch.
    pub width: usize,
    /// Width inside the MLP.
    pub inner_width: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Width of the language model.
    pub output_width: usize,
    /// Base of the frequencies with which rows and columns turn queries and keys.
    pub rope_theta: f64,
    /// What only this generation has.
    pub design: VisionDesign,
}

/// The keys of `vision_config` that every family has; the others are in `rest`. Published files omit some.
#[derive(Debug, Deserialize)]
pub(super) struct VisionKeys {
    depth: Option<usize>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_heads: Option<usize>,
    hidden_act: Option<String>,
    /// Files of some versions have both names.
    in_channels: Option<usize>,
    in_chans: Option<usize>,
    patch_size: Option<usize>,
    spatial_merge_size: Option<usize>,
    temporal_patch_size: Option<usize>,
    out_hidden_size: Option<usize>,
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

/// What the family of a tower fixes, or where a file may omit a key.
pub(super) struct VisionFamily {
    depth: usize,
    hidden_size: usize,
    intermediate_size: usize,
    patch_size: usize,
    hidden_act: &'static str,
    design: fn(&mut BTreeMap<String, Value>, Sizes) -> Result<VisionDesign, String>,
}

impl VisionFamily {
    /// `Qwen2_5_VLVisionConfig` of transformers 5.23.0.
    pub const QWEN2_5_VL: Self = Self {
        depth: 32,
        hidden_size: 3584,
        intermediate_size: 3420,
        patch_size: 14,
        hidden_act: "silu",
        design: VisionDesign::windowed,
    };
    /// `Qwen3VLVisionConfig` of transformers 5.23.0.
    pub const QWEN3_VL: Self = Self {
        depth: 27,
        hidden_size: 1152,
        intermediate_size: 4304,
        patch_size: 16,
        hidden_act: "gelu_pytorch_tanh",
        design: VisionDesign::deep_stack,
    };
}

impl VisionConfig {
    pub(super) fn from_keys(mut keys: VisionKeys, family: &VisionFamily) -> Result<Self, String> {
        only("hidden_act", keys.hidden_act.as_deref().unwrap_or(family.hidden_act), family.hidden_act)?;
        let rope = keys.rope_parameters.unwrap_or(AxialRope { rope_type: "axial".into(), rope_theta: 10_000.0 });
        only("rope_type", &rope.rope_type, "axial")?;
        let patch = size("patch_size", keys.patch_size.unwrap_or(family.patch_size), 256)?;
        let merge = size("spatial_merge_size", keys.spatial_merge_size.unwrap_or(2), 16)?;
        let layers = size("depth", keys.depth.unwrap_or(family.depth), 1 << 10)?;
        let heads = size("num_heads", keys.num_heads.unwrap_or(16), 1 << 10)?;
        let width = size("hidden_size", keys.hidden_size.unwrap_or(family.hidden_size), 1 << 16)?;
        // Two axes share a head, and each frequency turns a pair.
        if !width.is_multiple_of(4 * heads) {
            return Err(format!("expected hidden_size as a multiple of 4 * num_heads = {}, found {width}", 4 * heads));
        }
        for channels in [keys.in_channels, keys.in_chans].into_iter().flatten() {
            only("in_channels", &channels.to_string(), "3")?;
        }
        let design = (family.design)(&mut keys.rest, Sizes { patch, merge, layers })?;
        no_unknown(&keys.rest)?;
        let inner_width = keys.intermediate_size.unwrap_or(family.intermediate_size);
        Ok(Self {
            channels: 3,
            temporal_patch: size("temporal_patch_size", keys.temporal_patch_size.unwrap_or(2), 16)?,
            patch,
            merge,
            layers,
            width,
            inner_width: size("intermediate_size", inner_width, 1 << 18)?,
            heads,
            output_width: size("out_hidden_size", keys.out_hidden_size.unwrap_or(3584), 1 << 16)?,
            rope_theta: rope.rope_theta,
            design,
        })
    }

    /// Numbers in a flattened patch.
    pub fn patch_values(&self) -> usize {
        self.channels * self.temporal_patch * self.patch * self.patch
    }

    /// Layers whose patches go to the first layers of the language model, one to each.
    pub fn deepstack_layers(&self) -> &[usize] {
        match &self.design {
            VisionDesign::Windowed { .. } => &[],
            VisionDesign::DeepStack { layers, .. } => layers,
        }
    }
}
