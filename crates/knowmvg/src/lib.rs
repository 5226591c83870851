//! Knowledge-guided medical visual grounding: a report's phrases to boxes on its image.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use knowmvg::grounder::Grounder;
//! use knowmvg::image::decode_png_or_jpeg;
//!
//! let grounder = Grounder::load(Path::new("models"))?;
//! let image = decode_png_or_jpeg(&std::fs::read("chest.png")?)?;
//! let grounding = grounder.ground(&image, Some("Small left effusion. No pneumothorax."), &[])?;
//! for finding in &grounding.findings {
//!     println!("{} {:?} {:?}", finding.phrase.text, finding.assertion, finding.boxes.first());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules stand in the order of the pipeline; each begins with the arrow that it is.
//!
//! Research software, not a medical device. Not for diagnosis.

#![warn(missing_docs)]

pub mod geometry;
pub mod grounding;

// The pipeline, in order.
pub mod agreement;
pub mod ask;
pub mod calibration;
pub mod compute;
pub mod decoder;
pub mod grounder;
pub mod image;
pub mod knowledge;
pub mod layer;
pub mod model;
pub mod prior;
pub mod question;
pub mod reader;
pub mod report;

// What surrounds it.
pub mod eval;
pub mod render;
pub mod review;
pub mod synthetic;
pub mod train;
