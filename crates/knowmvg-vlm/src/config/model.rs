use serde_json::{Map, Value};

use super::checked::no_unknown;
use super::text::{TextConfig, TextFamily};
use super::vision::{VisionConfig, VisionFamily, VisionKeys};

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
    /// Qwen3-VL, the dense models; those of experts are of another family.
    Qwen3Vl,
}

/// Ids that stand for something seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageTokens {
    /// One per token of an image.
    pub image: u32,
    /// One per token of a video; refused.
    pub video: u32,
}

/// Keys of a whole model that sees which are read before its language model, or for nothing here.
const SEEN: [&str; 6] = [
    "model_type",
    "tie_word_embeddings",
    "image_token_id",
    "video_token_id",
    "vision_start_token_id",
    "vision_end_token_id",
];

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
            "qwen2_5_vl" => Self::seeing(keys, Family::Qwen2_5Vl, &TextFamily::QWEN2_5_VL, &VisionFamily::QWEN2_5_VL),
            "qwen3_vl" => Self::seeing(keys, Family::Qwen3Vl, &TextFamily::QWEN3_VL, &VisionFamily::QWEN3_VL),
            other => Err(format!("expected model_type llama, qwen2_5_vl or qwen3_vl, found {other}")),
        }
    }

    fn llama(keys: Map<String, Value>) -> Result<Self, String> {
        let stop_ids = stop_ids(keys.get("eos_token_id"))?;
        let text = TextConfig::from_keys(parse(Value::Object(keys))?, &TextFamily::LLAMA)?;
        Ok(Self { family: Family::Llama, text, vision: None, image_tokens: None, stop_ids })
    }

    /// Files of older versions have the keys of the language model at the top, newer ones under `text_config`, and those
    /// between (4.52 to 4.56) at both places.
    fn seeing(
        mut keys: Map<String, Value>,
        family: Family,
        of_text: &TextFamily,
        of_vision: &VisionFamily,
    ) -> Result<Self, String> {
        let vision = keys.remove("vision_config").ok_or("expected vision_config, found nothing")?;
        let image_tokens = ImageTokens {
            image: token_id(&keys, "image_token_id", 151_655)?,
            video: token_id(&keys, "video_token_id", 151_656)?,
        };
        let mut text = match keys.remove("text_config") {
            None => std::mem::take(&mut keys),
            Some(Value::Object(nested)) => nested,
            Some(other) => return Err(format!("expected text_config as an object, found {other}")),
        };
        // Some versions say it at one place only. Strict loading finds out if it is said wrongly.
        let says_tied = |keys: &Map<String, Value>| keys.get("tie_word_embeddings").and_then(Value::as_bool);
        let is_tied = [says_tied(&keys), says_tied(&text)].contains(&Some(true));
        let stop_ids = stop_ids(keys.get("eos_token_id").or(text.get("eos_token_id")))?;
        keys.retain(|name, _| !text.contains_key(name) && !SEEN.contains(&name.as_str()));
        no_unknown(&keys.into_iter().collect())?;
        text.retain(|name, _| !SEEN.contains(&name.as_str()));
        text.insert("tie_word_embeddings".into(), is_tied.into());

        let text = TextConfig::from_keys(parse(Value::Object(text))?, of_text)?;
        let vision = VisionConfig::from_keys(parse::<VisionKeys>(vision)?, of_vision)?;
        if vision.output_width != text.width {
            let (found, expected) = (vision.output_width, text.width);
            return Err(format!("expected out_hidden_size {expected}, the width of the language model, found {found}"));
        }
        let deeper = vision.deepstack_layers().len();
        if deeper > text.layers {
            let layers = text.layers;
            return Err(format!("expected at most {layers} deepstack_visual_indexes, one a layer, found {deeper}"));
        }
        Ok(Self { family, text, vision: Some(vision), image_tokens: Some(image_tokens), stop_ids })
    }
}

fn parse<T: serde::de::DeserializeOwned>(keys: Value) -> Result<T, String> {
    serde_json::from_value(keys).map_err(|e| e.to_string())
}

fn token_id(keys: &Map<String, Value>, name: &str, default: u32) -> Result<u32, String> {
    let Some(value) = keys.get(name).filter(|value| !value.is_null()) else { return Ok(default) };
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{Axes, RopeConfig, VisionDesign};

    /// As Qwen2.5-VL-3B-Instruct is published.
    fn published() -> Value {
        let json = r#"{
            "architectures": ["Qwen2_5_VLForConditionalGeneration"], "attention_dropout": 0.0, "bos_token_id": 151643,
            "eos_token_id": 151645, "vision_start_token_id": 151652, "vision_end_token_id": 151653,
            "vision_token_id": 151654, "image_token_id": 151655, "video_token_id": 151656, "hidden_act": "silu",
            "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 11008,
            "max_position_embeddings": 128000, "max_window_layers": 70, "model_type": "qwen2_5_vl",
            "num_attention_heads": 16, "num_hidden_layers": 36, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
            "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
            "transformers_version": "4.41.2", "use_cache": true, "use_sliding_window": false,
            "vision_config": {
                "depth": 32, "hidden_act": "silu", "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
                "in_chans": 3, "out_hidden_size": 2048, "patch_size": 14, "spatial_merge_size": 2,
                "spatial_patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31],
                "tokens_per_second": 2, "temporal_patch_size": 2
            },
            "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 151936
        }"#;
        serde_json::from_str(json).unwrap()
    }

    fn read(json: &Value) -> Result<ModelConfig, String> {
        ModelConfig::from_json(json.to_string().as_bytes())
    }

    #[test]
    fn reads_what_is_published() {
        let config = read(&published()).unwrap();
        let vision = config.vision.unwrap();
        assert_eq!((config.text.head_width, config.text.is_head_tied, config.text.qkv_bias), (128, true, true));
        assert_eq!(config.text.rope, RopeConfig { theta: 1e6, axes: Axes::InTurn([16, 24, 24]) });
        assert_eq!((vision.patch_values(), vision.rope_theta), (1176, 1e4));
        let full_attention_layers = vec![7, 15, 23, 31];
        assert_eq!(vision.design, VisionDesign::Windowed { window: 4, full_attention_layers });
        assert_eq!(config.stop_ids, [151_645]);
    }

    /// As Qwen3-VL-4B-Instruct is published.
    fn published_3() -> Value {
        let json = r#"{
            "architectures": ["Qwen3VLForConditionalGeneration"], "image_token_id": 151655, "model_type": "qwen3_vl",
            "text_config": {
                "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 151643, "dtype": "bfloat16",
                "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu", "hidden_size": 2560,
                "initializer_range": 0.02, "intermediate_size": 9728, "max_position_embeddings": 262144,
                "model_type": "qwen3_vl_text", "num_attention_heads": 32, "num_hidden_layers": 36,
                "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
                "rope_scaling": {"mrope_interleaved": true, "mrope_section": [24, 20, 20], "rope_type": "default"},
                "rope_theta": 5000000, "tie_word_embeddings": true, "use_cache": true, "vocab_size": 151936
            },
            "tie_word_embeddings": true, "transformers_version": "4.57.0.dev0", "video_token_id": 151656,
            "vision_config": {
                "deepstack_visual_indexes": [5, 11, 17], "depth": 24, "hidden_act": "gelu_pytorch_tanh",
                "hidden_size": 1024, "in_channels": 3, "initializer_range": 0.02, "intermediate_size": 4096,
                "model_type": "qwen3_vl", "num_heads": 16, "num_position_embeddings": 2304, "out_hidden_size": 2560,
                "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2
            },
            "vision_end_token_id": 151653, "vision_start_token_id": 151652
        }"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn reads_what_is_published_of_the_next_generation() {
        let config = read(&published_3()).unwrap();
        let (text, vision) = (&config.text, config.vision.as_ref().unwrap());
        assert_eq!((text.head_width, text.is_head_tied, text.qkv_bias, text.has_head_norms), (128, true, false, true));
        assert_eq!(text.rope, RopeConfig { theta: 5e6, axes: Axes::Interleaved([24, 20, 20]) });
        assert_eq!((vision.patch_values(), vision.rope_theta), (1536, 1e4));
        assert_eq!(vision.design, VisionDesign::DeepStack { places_side: 48, layers: vec![5, 11, 17] });
        assert_eq!(config.stop_ids, [151_645]);
    }

    #[test]
    fn refuses_what_the_next_generation_does_not_have() {
        let refused = |part: &str, key: &str, value: Value| {
            let mut keys = published_3();
            keys[part][key] = value;
            read(&keys).unwrap_err()
        };
        assert!(refused("vision_config", "window_size", 112.into()).contains("unknown keys window_size"));
        assert!(
            refused("vision_config", "hidden_act", "silu".into()).contains("expected hidden_act gelu_pytorch_tanh")
        );
        assert!(refused("vision_config", "num_position_embeddings", 2300.into()).contains("a square, found 2300"));
        for layers in [json!([5, 5]), json!([11, 5]), json!([24])] {
            assert!(refused("vision_config", "deepstack_visual_indexes", layers).contains("ascending order below 24"));
        }
        assert!(refused("vision_config", "out_hidden_size", 2048.into()).contains("expected out_hidden_size 2560"));
        assert!(refused("text_config", "attention_bias", true.into()).contains("expected attention_bias false"));
        assert!(refused("text_config", "num_hidden_layers", 2.into()).contains("at most 2 deepstack_visual_indexes"));
        assert!(refused("text_config", "num_experts", 128.into()).contains("unknown keys num_experts"));
        let in_turn = json!({"mrope_interleaved": false, "mrope_section": [24, 20, 20]});
        assert!(refused("text_config", "rope_scaling", in_turn).contains("expected mrope_interleaved true"));
        let long = json!({"mrope_section": [16, 24, 24]});
        assert!(refused("text_config", "rope_scaling", long).contains("every third of 64"));
    }

    /// As transformers 4.52 to 4.56 write it: everything twice, and the tied head only below.
    #[test]
    fn reads_what_is_said_at_both_places() {
        let mut both = published();
        let mut text = both.as_object().unwrap().clone();
        text.remove("vision_config");
        text.insert("model_type".into(), "qwen2_5_vl_text".into());
        text.insert("image_token_id".into(), Value::Null);
        text.insert(
            "rope_scaling".into(),
            json!({"mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"}),
        );
        both["tie_word_embeddings"] = false.into();
        both["text_config"] = text.into();
        both["vision_config"]["in_channels"] = 3.into();
        assert_eq!(read(&both).unwrap(), read(&published()).unwrap());
    }

    #[test]
    fn refuses_what_it_does_not_know_at_any_place() {
        let mut top = published();
        top["text_config"] = json!({"hidden_size": 2048});
        top["softcap"] = 30.into();
        assert!(read(&top).unwrap_err().contains("softcap"));
        let mut vision = published();
        vision["vision_config"]["registers"] = 4.into();
        assert!(read(&vision).unwrap_err().contains("registers"));
    }
}
