//! From a picture to what the vision tower reads.
//!
//! `Picture -> smart_size -> resample -> normalise -> Patches`

mod patches;
mod picture;
mod resample;
mod size;

pub use patches::{Patches, PreprocessorConfig};
pub use picture::Picture;
pub use resample::resample;
pub use size::smart_size;
