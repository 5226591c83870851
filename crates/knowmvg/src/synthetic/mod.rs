//! Made-up frontal radiographs with exact boxes, for tests, for continuous integration and for users without data.
//!
//! The pictures have lungs, heart, ribs, spine, vessels and findings in the right places, and nothing of the variety of
//! real ones: a model that was trained on them knows nothing about patients, and numbers measured on them say nothing
//! about patients either.
//!
//! [`write_corpus`] writes a folder in the format of a training corpus: `annotations.jsonl`, one image a line, and the
//! images below `images/synthetic/`.

mod anatomy;
mod corpus;
mod finding;
mod noise;
mod radiograph;
mod vessels;

pub use corpus::{SyntheticError, SyntheticOptions, write_corpus};
pub use finding::FindingKind;
pub use radiograph::{Radiograph, radiograph};
