//! What can be wrong with a knowledge base.

/// Why a knowledge base could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// A file could not be opened or read.
    #[error("could not read {file}: {source}")]
    Io {
        /// Name of the file.
        file: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is larger than is read.
    #[error("expected at most {limit} bytes, found more, in {file}")]
    TooLarge {
        /// Name of the file.
        file: String,
        /// [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES).
        limit: u64,
    },
    /// A file is not JSON, or not of the expected form; unknown keys count.
    #[error("{reason}, in {file}")]
    Json {
        /// Name of the file.
        file: String,
        /// Reason, line and column.
        reason: serde_json::Error,
    },
    /// An entry contradicts itself or another one.
    #[error("{problem}, at id `{id}`, in {file}")]
    Invalid {
        /// Name of the file.
        file: &'static str,
        /// The entry.
        id: String,
        /// Expected and found.
        problem: String,
    },
}
