//! [`QueueConfig`]: the database of a server that has the queue.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::ClientTls;

/// A queue in a database of PostgreSQL; without it, the queue is a file in the data folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueConfig {
    /// Address, e.g. `postgres://user@db.example:5432/database`, with a password or without.
    pub url: Secret,
    /// File with the password, if it does not stand in the address.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Password from elsewhere, for an address and a configuration without one.
    #[serde(skip)]
    pub password: Option<Secret>,
    /// Schema with the tables; made if absent.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// Encrypts the connection; needed for other machines.
    #[serde(default)]
    pub tls: Option<ClientTls>,
    /// Lets passwords and reports cross a network in the clear.
    #[serde(default)]
    pub unencrypted: bool,
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text to itself.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whom it is meant.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn default_schema() -> String {
    "knowmvg".to_owned()
}
