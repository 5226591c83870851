//! The language model: Llama and the text parts of Qwen2.5-VL and Qwen3-VL, by configuration.
//!
//! `TextBatch -> hidden states [batch, tokens, width] -> logits [batch, tokens, vocabulary]`

mod attend;
mod attention;
mod block;
mod cache;
mod lora;
mod mask;
mod mlp;
mod model;
mod projection;
mod rotary;
mod slices;

pub use attention::{Attention, KeysValues};
pub use block::Block;
pub use cache::Cache;
pub use lora::{LayerLora, Lora, LoraAdapters, LoraConfig, Target};
pub use mlp::GatedMlp;
pub use model::{LanguageModel, TextBatch, TextNames};
pub use projection::{Projection, QuantizedLinear, QuantizedTable, Table};
pub use rotary::{Position, Rotation};

pub(crate) use rotary::frequencies;
