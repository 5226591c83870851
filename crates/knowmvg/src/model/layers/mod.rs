//! Layers that more than one stage uses, each once.

mod attention;
mod feed_forward;

pub use attention::{Attended, Attention};
pub use feed_forward::FeedForward;
