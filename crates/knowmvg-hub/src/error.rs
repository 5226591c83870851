use std::path::PathBuf;

/// Why a model is not there. No message holds a token.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A name, a revision or a variable makes no sense.
    #[error("{0}")]
    Input(String),
    /// It is not in the cache, and nothing may be asked.
    #[error(
        "expected {0} in the cache, found nothing, and HF_HUB_OFFLINE is set; download it where there is a network"
    )]
    Offline(String),
    /// No connection, or it broke.
    #[error("cannot reach {host}: {problem}; what has arrived is kept, so the same command goes on")]
    Connection {
        /// Who was asked.
        host: String,
        /// What the client said.
        problem: String,
    },
    /// The server refuses.
    #[error("{host} answered with status {status} for {what}{}", hint(*status))]
    Status {
        /// Who was asked.
        host: String,
        /// HTTP status.
        status: u16,
        /// What was asked for.
        what: String,
    },
    /// The server's answer is not what it should be.
    #[error("{0}")]
    Answer(String),
    /// A file is another one than the hub says.
    #[error("expected {file} with checksum {expected}, found {found}; it was deleted, download it again")]
    Checksum {
        /// Its name.
        file: String,
        /// SHA-256, or git's SHA-1.
        expected: String,
        /// The same of what arrived.
        found: String,
    },
    /// A file of the cache cannot be read or written.
    #[error("cannot use the file: {source}: {}", path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
}

/// What to do about a status.
fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "; accept the model's licence on its page and set HF_TOKEN, if it asks for that",
        404 => "; check the name and the revision, and HF_TOKEN if the model is private",
        429 => "; wait before the next try",
        _ => "",
    }
}

/// An error about a file.
pub(crate) fn io(path: &std::path::Path) -> impl Fn(std::io::Error) -> HubError {
    move |source| HubError::Io { source, path: path.to_owned() }
}
