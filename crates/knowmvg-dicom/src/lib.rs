//! DICOM radiographs → [`GreyImage`](knowmvg::image::GreyImage), and groundings → DICOM.
//!
//! ```text
//! bytes ──file──▶ transfer syntax, data set ──dataset──▶ Elements ──geometry──▶ PixelFormat
//!                                                          │                        │
//!                                                          └──▶ Facts, warnings     ▼
//! GreyImage ◀──grey── table: stored value → grey level ◀──── codec ◀─────────── one frame, undecoded
//! ```
//!
//! This is the boundary between hostile files and the program:
//!
//! * a size is checked before memory is spent on it; a codec never decides how large the image is;
//! * a damaged file is an [`Error`], never a panic, and the codecs run behind a guard;
//! * of the data set only the elements that are needed for display are kept, none of which names the patient, and no
//!   message quotes free text of the file.
//!
//! What is written for archives and viewers has to name the patient again: that is read apart, as a [`Source`], by who writes
//! ([`sr`], [`gsps`], [`secondary_capture`]). And what leaves the house can be made not to name the patient: [`deidentify`].
//!
//! # Example
//! ```
//! let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/rg1.dcm"))?;
//! let read = knowmvg_dicom::read(&bytes)?;
//! assert_eq!((read.image.width(), read.image.height()), (1841, 1955));
//! // The file is MONOCHROME1: air has the largest stored values, and is displayed dark all the same.
//! assert_eq!(read.image.source().grey_mapping, "VOI window LINEAR, inverted");
//! let [air_beside_the_neck, liver] = [(40, 60), (300, 1600)].map(|(x, y)| read.image.pixels()[y * 1841 + x]);
//! assert!(air_beside_the_neck < 0.3 && liver > 0.8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Incomplete
//! Colour images, 1- and 32-bit pixels, palettes, 12-bit JPEG (process 4), HTJ2K, JPEG XL and video are refused by name.
#![warn(missing_docs)]

mod codec;
mod dataset;
pub mod deidentify;
mod derived;
mod error;
mod facts;
mod file;
mod format;
mod grey;
mod guard;
mod image_file;
mod read;
mod rle;
mod tags;
mod tokens;
mod tree;
mod voi;
mod warnings;

pub use derived::{
    Code, ContentTime, Identifiers, Site, Source, WriteError, coded_finding, coded_site, gsps, is_uid, name_based_uuid,
    report_text, secondary_capture, sr,
};
pub use error::Error;
pub use facts::Facts;
pub use file::is_dicom;
pub use image_file::{ImageFileError, read_image};
pub use read::{DicomImage, MAX_FILE_BYTES, read};
