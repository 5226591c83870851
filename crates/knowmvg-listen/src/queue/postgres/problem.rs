//! [`DatabaseProblem`]: what a server's database answers, without its words.

use std::error::Error;
use std::io;

/// Why a server's database could not be used. A server's own messages may quote values, so only its codes are told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseProblem {
    /// No connection: nothing was written.
    #[error("it cannot be reached")]
    Unreachable,
    /// Its certificate is not of an authority, or not for its name.
    #[error("its certificate is not the one that is expected")]
    Certificate,
    /// The connection broke, or the answer was late.
    #[error("the connection was lost")]
    Lost,
    /// The server said so.
    #[error("it answered with SQLSTATE {0}")]
    Refused(String),
    /// What was deleted could not be written over.
    #[error("it keeps what was deleted, for a transaction that is still open; it is tried again every hour")]
    Kept,
}

impl DatabaseProblem {
    /// What became of a statement.
    pub(super) fn of_statement(error: &postgres::Error) -> Self {
        error.code().map_or(Self::Lost, |state| Self::Refused(state.code().to_owned()))
    }

    /// What became of an attempt to connect.
    pub(super) fn of_connection(error: &postgres::Error) -> Self {
        let is_of_tls = |error: &io::Error| error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        match error.code() {
            Some(state) => Self::Refused(state.code().to_owned()),
            None if error.source().and_then(|e| e.downcast_ref()).is_some_and(is_of_tls) => Self::Certificate,
            None => Self::Unreachable,
        }
    }
}
