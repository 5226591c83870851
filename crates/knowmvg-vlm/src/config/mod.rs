//! `config.json` as Hugging Face writes it, key for key, and what its values mean here.
//!
//! A key that is neither read nor known to leave the model as it is is an error: a model that ignores half of its
//! configuration answers, and answers wrongly.

mod checked;
mod design;
mod model;
mod rope;
mod text;
mod vision;

pub use design::VisionDesign;
pub use model::{Family, ImageTokens, ModelConfig};
pub use rope::{Axes, RopeConfig};
pub use text::TextConfig;
pub use vision::VisionConfig;

pub(crate) use checked::size;
pub(crate) use model::stop_ids;
