//! GGUF files: the format of llama.cpp, with the tokenizer inside.
//!
//! `bytes -> Gguf { metadata, tensors }`, and tensors by Hugging Face's names in f32.
//!
//! Files come from anywhere, so nothing in them is believed: every length is held against the bytes that are left before
//! anything is allocated, every number is checked, and what is wrong is an error with the place in the file.

mod config;
mod cursor;
mod error;
mod file;
mod kind;
mod source;
mod value;

pub use error::GgufError;
pub use file::{Gguf, GgufTensor};
pub use kind::Kind;
pub use source::GgufSource;
pub use value::Value;
