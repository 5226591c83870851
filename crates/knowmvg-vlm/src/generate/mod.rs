//! From logits to the next token.

mod sampling;

pub use sampling::{Sampler, Sampling};

/// Where an answer ends at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most tokens that an answer may have.
    pub new_tokens: usize,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The model said that it was done.
    Stopped,
    /// [`Limits::new_tokens`] was reached.
    Cut,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Without special tokens.
    pub text: String,
    /// Without the token that ended it.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub ending: Ending,
}
