//! [`WriteError`].

use knowmvg::render::RenderError;

/// Why a derived object cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The boxes were found on an image of another size, so they are not boxes of this one.
    #[error("expected boxes on an image of {} x {} pixels, found some of {} x {}", .expected.0, .expected.1, .found.0, .found.1)]
    OtherImage {
        /// Columns and rows of the source image.
        expected: (u32, u32),
        /// Width and height of the grounded image.
        found: (u32, u32),
    },
    /// No phrase has a box.
    ///
    /// An object without any would say that a device looked and found nothing, which nobody asked it.
    #[error("expected at least one phrase with a box, found none")]
    NoBoxes,
    /// The overlay cannot be drawn.
    #[error(transparent)]
    Picture(#[from] RenderError),
    /// The overlay has more rows or columns than an image can have.
    #[error("expected a picture of at most 65,535 x 65,535 pixels, found a larger one")]
    PictureTooLarge,
    /// A value has no encoding; no input is known that leads here.
    #[error("expected values that can be encoded, found another")]
    Unwritable,
}
