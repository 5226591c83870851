/// Why a GGUF file could not be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GgufError {
    /// The file ends in the middle of something.
    #[error("expected {wanted} more bytes at byte {at} of a GGUF file, found {left}; download the file again")]
    Truncated {
        /// Where.
        at: usize,
        /// How many were to follow.
        wanted: u64,
        /// How many did.
        left: usize,
    },
    /// A number is beyond what any model needs.
    #[error("expected at most {most} {what} in a GGUF file, found {found}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: u64,
        /// What the file says.
        found: u64,
    },
    /// The bytes are not GGUF, or of a kind that is not read.
    #[error("expected a GGUF file that this program reads: {0}")]
    Format(String),
}
