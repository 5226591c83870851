//! Vision-language models in Burn: Llama (SmolLM2), Qwen2.5-VL and Qwen3-VL, from the folders in which they are published.
//!
//! `folder -> VisionLanguageModel`, `turns + pictures -> Prompt -> text`
//!
//! ```no_run
//! use std::path::Path;
//! use knowmvg_vlm::{Limits, LoadOptions, Sampling, Turn, VisionLanguageModel};
//!
//! let model = VisionLanguageModel::load_with(Path::new("SmolLM2-135M-Instruct.gguf"), &LoadOptions::default())?;
//! let turns = [Turn::user("Where does a pleural effusion collect?")];
//! let answer = model.generate(&turns, &[], &Sampling::Greedy, &Limits { new_tokens: 40 })?;
//! println!("{}", answer.text);
//! # Ok::<(), knowmvg_vlm::Error>(())
//! ```

mod error;
mod model;

pub mod chat;
pub mod config;
pub mod generate;
pub mod gguf;
pub mod grounding;
pub mod image;
pub mod positions;
pub mod quantized;
pub mod text;
pub mod tokenizer;
pub mod train;
pub mod vision;
pub mod weights;
pub mod wheel;

pub use chat::{Part, Role, Turn};
pub use error::{Error, Result};
pub use generate::{Answer, Ending, Limits, Sampling};
pub use image::Picture;
pub use model::{LoadOptions, VisionLanguageModel};
pub use weights::{Half, Weights};
