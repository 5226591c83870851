//! [`Error`].

use knowmvg::image::GreyImageError;

/// Why a file gives no image.
///
/// Messages state what was expected and what was found in the standard's own terms; none quotes free text of the file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither the prefix nor the first elements are DICOM's.
    #[error("expected a DICOM file, found {found}")]
    NotDicom {
        /// What the first bytes are, as far as that can be told.
        found: &'static str,
    },
    /// The file is larger than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES), or inflates to more.
    #[error("expected a file of at most {limit} bytes{}, found more", if *.inflated { " once inflated" } else { "" })]
    FileTooLarge {
        /// The limit in bytes.
        limit: usize,
        /// Whether the limit was reached while inflating.
        inflated: bool,
    },
    /// The structure breaks off or contradicts itself.
    #[error("expected a readable data set, found {problem} near byte {offset}")]
    Damaged {
        /// What is wrong.
        problem: &'static str,
        /// Bytes from the start of the data set.
        offset: u64,
    },
    /// The object holds no pixels: a report, a presentation state, a directory.
    #[error("expected an image, found {sop_class} without pixel data")]
    NotAnImage {
        /// What kind of object it is.
        sop_class: String,
    },
    /// An attribute that pixels cannot be read without is missing.
    #[error("expected {name} {tag}, found none")]
    Missing {
        /// The attribute's name.
        name: &'static str,
        /// The attribute's tag.
        tag: String,
    },
    /// An attribute has a value that cannot be.
    #[error("expected {name} {expected}, found {found}")]
    Invalid {
        /// The attribute's name.
        name: &'static str,
        /// What would have done.
        expected: &'static str,
        /// What was there; a number or a defined term.
        found: String,
    },
    /// The image is of a kind that is not supported.
    #[error("expected {expected}, found {found}")]
    Unsupported {
        /// What would have done.
        expected: &'static str,
        /// What was there; a number or a defined term.
        found: String,
    },
    /// The pixel data is shorter than the image.
    #[error("expected {expected} bytes of pixel data, found {found}")]
    PixelDataTooShort {
        /// Bytes that the image needs.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The compressed pixel data says another size than the data set.
    #[error("expected {codec} data of {} x {} pixels, found {} x {}", .expected.0, .expected.1, .found.0, .found.1)]
    SizeMismatch {
        /// Name of the compression.
        codec: &'static str,
        /// Columns and rows of the data set.
        expected: (u32, u32),
        /// Columns and rows of the codestream.
        found: (u32, u32),
    },
    /// The compressed pixel data cannot be decoded.
    #[error("expected readable {codec} data, found {problem}")]
    Codec {
        /// Name of the compression.
        codec: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The size of the image is out of bounds.
    #[error(transparent)]
    Size(#[from] GreyImageError),
}
