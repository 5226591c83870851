//! Files → [`GreyImage`] → what the network sees.
//!
//! PNG and JPEG are decoded here; DICOM, whose codecs are a larger dependency, in the crate `knowmvg-dicom`, which
//! gives the same [`GreyImage`]. From here on nothing knows what kind of file the pixels came from.

pub mod augment;
pub mod lesion;
pub mod preprocess;

mod decode;
mod grey;
mod luma;

pub use decode::{ImageError, decode_png_or_jpeg};
pub use grey::{GreyImage, GreyImageError, ImageSource, MAX_PIXELS, MIN_SIDE, check_size};
