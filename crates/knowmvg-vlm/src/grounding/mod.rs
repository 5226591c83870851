//! KnowMVG in a language model: it reads the report, names phrases, and says `[BOX]` where the decoder has to look.
//!
//! `image tokens + words -> "phrase. [BOX]" .. -> e_box of every [BOX] -> the decoder of the compact model`
//!
//! | step | in |
//! |---|---|
//! | tower tokens, averaged in squares, become image tokens; a model with eyes of its own uses them | `projector` |
//! | words become a conversation with places for image and knowledge | `prompt`, `slot` |
//! | the language model, changed by LoRA, answers | `speaker`, `answer` |
//! | before `[BOX]`, the phrase's knowledge tokens are put in (eq. 1, 2) | `answer` |
//! | the hidden state of `[BOX]` becomes `e_box` | `adapter` |
//! | what was named is found again in the report | `align` |
//!
//! # Source
//! KnowMVG (arXiv 2604.01915): knowledge embeddings in the prompt of a vision-language model. `phrase. [BOX]` and the words of
//! the request are uMedGround's (arXiv 2404.06798), whose box token is LISA's (arXiv 2308.00692) segmentation token.
//!
//! # Departures
//! The decoder looks at the tokens of its own image encoder, as in LISA and uMedGround, not at those of the language model's
//! tower: one decoder, with its priors and its calibration, serves every language model.

mod adapter;
pub mod align;
pub mod answer;
mod config;
pub mod file;
pub mod folder;
pub mod peft;
mod projector;
mod prompt;
pub(crate) mod reader;
mod slot;
mod speaker;

pub use adapter::GroundingAdapter;
pub use config::{GroundingConfig, MODEL_TYPE};
pub use folder::{LanguageOptions, LoadError, load, load_as};
pub use projector::Projector;
pub use prompt::Words;
pub use reader::LanguageReader;
pub use slot::Slot;
pub use speaker::{Knowledge, Look, Speaker};
