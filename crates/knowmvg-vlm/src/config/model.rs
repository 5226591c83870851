use serde_json::{Map, Value};

use super::text::{TextConfig, TextFamily};
use super::vision::{VisionConfig, VisionKeys};

/// A whole model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Which architecture.
    pub family: Family,
    /// The language model.
    pub text: TextConfig,
    /// The vision tower, where there is one.
    pub vision: Option<VisionConfig>,
    /// The tokens that stand for images, where there is a vision tower.
    pub image_tokens: Option<ImageTokens>,
    /// Tokens that end an answer.
    pub stop_ids: Vec<u32>,
}

/// An architecture that this crate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama, and SmolLM2, which is one.
    Llama,
    /// Qwen2.5-VL.
    Qwen2_5Vl,
}

/// Ids that stand for something seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageTokens {
    /// One per token of an image.
    pub image: u32,
    /// One per token of a video; refused.
    pub video: u32,
}

impl ModelConfig {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// When it is of another family, asks for something that this crate does not have, or makes no sense; the message
    /// names the key.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let keys: Map<String, Value> = serde_json::from_slice(json).map_err(|e| format!("expected JSON: {e}"))?;
        match keys.get("model_type").and_then(Value::as_str).unwrap_or("nothing") {
            "llama" => Self::llama(keys),
            "qwen2_5_vl" => Self::qwen(keys),
            other => Err(format!("expected model_type llama or qwen2_5_vl, found {other}")),
        }
    }

    fn llama(keys: Map<String, Value>) -> Result<Self, String> {
        let stop_ids = stop_ids(keys.get("eos_token_id"))?;
        let family = TextFamily { qkv_bias: false, is_head_tied: false, rope_theta: 10_000.0 };
        let text = TextConfig::from_keys(parse(Value::Object(keys))?, &family, None)?;
        Ok(Self { family: Family::Llama, text, vision: None, image_tokens: None, stop_ids })
    }

    /// Older files have the keys of the language model at the top, newer ones under `text_config`.
    fn qwen(mut keys: Map<String, Value>) -> Result<Self, String> {
        let vision = keys.remove("vision_config").ok_or("expected vision_config, found nothing")?;
        let image_tokens = ImageTokens {
            image: token_id(&keys, "image_token_id", 151_655)?,
            video: token_id(&keys, "video_token_id", 151_656)?,
        };
        for name in ["image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"] {
            keys.remove(name);
        }
        let nested = keys.remove("text_config");
        let stop_ids = stop_ids(keys.get("eos_token_id").or(nested.as_ref().and_then(|t| t.get("eos_token_id"))))?;
        let is_tied = keys.get("tie_word_embeddings").and_then(Value::as_bool);
        let text = match nested {
            None => Value::Object(keys),
            Some(nested) => {
                keys.retain(|name, _| !["model_type", "tie_word_embeddings"].contains(&name.as_str()));
                super::checked::no_unknown(&keys.into_iter().collect())?;
                nested
            }
        };
        let family = TextFamily { qkv_bias: true, is_head_tied: false, rope_theta: 1_000_000.0 };
        let text = TextConfig::from_keys(parse(text)?, &family, is_tied)?;
        let vision = VisionConfig::try_from(parse::<VisionKeys>(vision)?)?;
        if vision.output_width != text.width {
            let (found, expected) = (vision.output_width, text.width);
            return Err(format!("expected out_hidden_size {expected}, the width of the language model, found {found}"));
        }
        Ok(Self { family: Family::Qwen2_5Vl, text, vision: Some(vision), image_tokens: Some(image_tokens), stop_ids })
    }
}

fn parse<T: serde::de::DeserializeOwned>(keys: Value) -> Result<T, String> {
    serde_json::from_value(keys).map_err(|e| e.to_string())
}

fn token_id(keys: &Map<String, Value>, name: &str, default: u32) -> Result<u32, String> {
    let Some(value) = keys.get(name) else { return Ok(default) };
    let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| format!("expected {name} as a token id, found {value}"))
}

/// `eos_token_id` is nothing, a number or a list of numbers.
pub(crate) fn stop_ids(value: Option<&Value>) -> Result<Vec<u32>, String> {
    match value {
        None | Some(Value::Null) => Ok(vec![]),
        Some(Value::Array(ids)) => parse(Value::Array(ids.clone())).map_err(|e| format!("eos_token_id: {e}")),
        Some(id) => Ok(vec![parse(id.clone()).map_err(|e| format!("eos_token_id: {e}"))?]),
    }
}
