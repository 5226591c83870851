//! Names of the files of a model folder.

/// Weights of the image encoder.
pub const TOWER_WEIGHTS: &str = "dinov2-small.safetensors";
/// Its sizes, by Hugging Face's keys.
pub const TOWER_CONFIG: &str = "dinov2-small.config.json";
/// Weights of the decoder, with priors and calibration.
pub const WEIGHTS: &str = "knowmvg.safetensors";
/// Its sizes and switches; the file that makes a folder a model folder.
pub const CONFIG: &str = "knowmvg.config.json";
/// Its word pieces.
pub const TOKENIZER: &str = "knowmvg.tokenizer.json";

/// All of them.
pub const ALL: [&str; 5] = [TOWER_WEIGHTS, TOWER_CONFIG, WEIGHTS, CONFIG, TOKENIZER];
