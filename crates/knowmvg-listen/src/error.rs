//! [`ListenError`]: why the node can't start, or an operation failed.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::queue::DatabaseProblem;

/// Why the node can't start, or an operation failed. No message holds anything of a patient.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// A file of the configuration or of the data folder.
    #[error("{what}: {path}")]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Another process works on the data folder.
    #[error("another process works in {0}")]
    InUse(PathBuf),
    /// An address can't be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The queue's file. SQLite's messages quote no values.
    #[error("the queue cannot be read or written")]
    Queue(#[from] rusqlite::Error),
    /// The queue in a server's database.
    #[error("the queue's database cannot be used: {0}")]
    Database(DatabaseProblem),
    /// A queue that this version can't work with.
    #[error("the queue is none of this program: {0}")]
    ForeignQueue(&'static str),
    /// Nothing has been taken in yet.
    #[error("there is no queue yet: {0}")]
    NoQueue(String),
    /// Another process works with a copy of the data folder.
    #[error("another process is this node of the queue")]
    NodeInUse,
    /// The certificates.
    #[error("cannot use the certificates: {0}")]
    Tls(String),
}

impl ListenError {
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { what, path: path.into(), source }
    }
}
