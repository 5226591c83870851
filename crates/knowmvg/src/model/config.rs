//! Sizes and switches of the compact model; the file beside its weights.

use serde::{Deserialize, Serialize};

/// Everything needed to build the model before its weights are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Must be `knowmvg-compact`.
    pub model_type: String,
    /// Side of the square image in pixels.
    pub image_side: usize,
    /// Width of one visual token as the tower gives it: two layers side by side.
    pub token_width: usize,
    /// Width of the decoder (`D`).
    pub width: usize,
    /// Attention heads of the decoder (`H`).
    pub heads: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Box queries per phrase (`Q`).
    pub queries: usize,
    /// Prompt tokens per phrase (`K`).
    pub prompt_tokens: usize,
    /// Convolutional blocks between the tower and the decoder.
    pub neck_blocks: usize,
    /// Width of what a patch and a phrase have in common, from which boxes are proposed.
    pub proposal_width: usize,
    /// Width of the fine map.
    pub fine_width: usize,
    /// Convolutional blocks on the fine map.
    pub fine_blocks: usize,
    /// Samples along one side of the local window.
    pub window: usize,
    /// Side of the local window over side of the reference box.
    pub window_scale: f64,
    /// Size of the phrase encoder's vocabulary.
    pub vocab_size: usize,
    /// Longest phrase in tokens.
    pub max_tokens: usize,
    /// Layers of the phrase encoder.
    pub text_layers: usize,
    /// Probability of zeroing an activation while training.
    pub dropout: f64,
    /// Which parts are on.
    pub switches: Switches,
    /// How the tower's last layers were changed; absent for a decoder that reads the tower as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapters: Option<AdapterConfig>,
}

/// Low-rank changes of the tower's last layers.
///
/// # Source
/// Hu et al., *LoRA*, 2021; `r` and `lora_alpha` of PEFT.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterConfig {
    /// Rank of each change.
    pub rank: usize,
    /// A change counts `alpha / rank` times.
    pub alpha: f64,
}

impl AdapterConfig {
    /// What a change is multiplied by.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            model_type: MODEL_TYPE.into(),
            image_side: 448,
            token_width: 768,
            width: 192,
            heads: 6,
            layers: 3,
            queries: 4,
            prompt_tokens: 4,
            neck_blocks: 2,
            proposal_width: 96,
            fine_width: 64,
            fine_blocks: 1,
            window: 10,
            window_scale: 1.6,
            vocab_size: 2000,
            max_tokens: 48,
            text_layers: 2,
            dropout: 0.0,
            switches: Switches::default(),
            adapters: None,
        }
    }
}

/// The only `model_type` that this crate builds.
pub const MODEL_TYPE: &str = "knowmvg-compact";

impl ModelConfig {
    /// Checks the sizes against each other.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        if self.model_type != MODEL_TYPE {
            return Err(format!("expected model_type {MODEL_TYPE:?}, found {:?}", self.model_type));
        }
        let positive = [
            ("image_side", self.image_side),
            ("token_width", self.token_width),
            ("width", self.width),
            ("heads", self.heads),
            ("layers", self.layers),
            ("queries", self.queries),
            ("prompt_tokens", self.prompt_tokens),
            ("proposal_width", self.proposal_width),
            ("fine_width", self.fine_width),
            ("window", self.window),
            ("vocab_size", self.vocab_size),
            ("max_tokens", self.max_tokens),
        ];
        for (key, value) in positive {
            if value == 0 || value > 1 << 16 {
                return Err(format!("expected {key} between 1 and 65536, found {value}"));
            }
        }
        if !self.width.is_multiple_of(self.heads) || !self.width.is_multiple_of(4) {
            return Err(format!("expected a width divisible by {} heads and by 4, found {}", self.heads, self.width));
        }
        if self.neck_blocks.max(self.fine_blocks) > MAX_BLOCKS {
            return Err(format!("expected at most {MAX_BLOCKS} neck_blocks and fine_blocks"));
        }
        if self.queries > MAX_QUERIES {
            return Err(format!("expected at most {MAX_QUERIES} queries, found {}", self.queries));
        }
        if let Some(adapters) = self.adapters
            && !((1..=MAX_RANK).contains(&adapters.rank) && adapters.alpha.is_finite() && adapters.alpha > 0.0)
        {
            return Err(format!("expected adapters with a rank of 1 to {MAX_RANK} and alpha above 0"));
        }
        Ok(())
    }
}

/// Most convolutional blocks in a row.
const MAX_BLOCKS: usize = 16;
/// Highest rank of an adapter.
const MAX_RANK: usize = 256;
/// Most box queries: the matcher tries every assignment.
pub const MAX_QUERIES: usize = 6;

/// The ablations, as configuration of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What the knowledge prompt reads.
    pub knowledge: KnowledgeSwitch,
    /// Where the spatial prior comes from.
    pub prior: PriorSwitch,
    /// Whether the decoder looks a second time, through a window.
    pub local: LocalSwitch,
    /// Where boxes are first looked for.
    pub start: StartSwitch,
}

/// What the knowledge prompt reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KnowledgeSwitch {
    /// Nothing: the learned null tokens.
    Off,
    /// As many fixed random embeddings.
    Random,
    /// The knowledge of another phrase.
    Shuffled,
    /// The phrase's own knowledge.
    #[default]
    On,
}

/// Where the spatial prior comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriorSwitch {
    /// Flat map, central box.
    Off,
    /// The regions of the knowledge base only.
    Atlas,
    /// Training boxes, with the atlas beneath.
    #[default]
    Learned,
}

/// Whether the decoder looks a second time, through a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LocalSwitch {
    /// Global attention only.
    Off,
    /// Global, then local.
    #[default]
    On,
}

/// Where boxes are first looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartSwitch {
    /// Where the words alone point.
    Prior,
    /// Where patches look like the phrase; where none does, as [`StartSwitch::Prior`].
    #[default]
    Proposals,
}
