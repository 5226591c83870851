use serde::{Deserialize, Serialize};

use crate::text::LoraConfig;

/// What `model_type` says in the file.
pub const MODEL_TYPE: &str = "knowmvg-vlm";

/// Sizes and switches of what is learnt beside a language model: `knowmvg-vlm.config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroundingConfig {
    /// [`MODEL_TYPE`].
    pub model_type: String,
    /// Changes of the language model; it stays as it is if absent.
    pub lora: Option<LoraConfig>,
    /// Image tokens along one side, for a language model without eyes of its own.
    pub image_tokens_side: usize,
    /// Whether a phrase's knowledge stands before its `[BOX]`. What the decoder makes of it is the decoder's own switch.
    pub knowledge_tokens: bool,
}

impl Default for GroundingConfig {
    fn default() -> Self {
        use crate::text::Target::{QProj, VProj};
        Self {
            model_type: MODEL_TYPE.into(),
            lora: Some(LoraConfig { r: 8, lora_alpha: 16.0, target_modules: vec![QProj, VProj] }),
            image_tokens_side: 8,
            knowledge_tokens: true,
        }
    }
}

impl GroundingConfig {
    /// Whether the sizes make sense with a grid of patches.
    ///
    /// # Errors
    /// What is wrong with which key.
    pub fn check(&self, grid: usize) -> Result<(), String> {
        let side = self.image_tokens_side;
        if self.model_type != MODEL_TYPE {
            return Err(format!("expected model_type {MODEL_TYPE}, found {}", self.model_type));
        }
        if side == 0 || !grid.is_multiple_of(side) {
            return Err(format!("expected image_tokens_side to divide {grid} patches, found {side}"));
        }
        self.lora.as_ref().map_or(Ok(()), LoraConfig::check)
    }
}
