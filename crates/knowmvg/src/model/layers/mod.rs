//! Layers that more than one stage uses, each once.

mod attention;
mod conv_block;
mod feed_forward;

pub use attention::{Attended, Attention};
pub use conv_block::ConvBlock;
pub use feed_forward::FeedForward;
