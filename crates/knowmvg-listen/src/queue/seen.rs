//! What polls have fetched already.

use knowmvg::model::weights::hex;
use sha2::{Digest, Sha256};

use super::store::Value;
use super::{MAX_KEY, Queue};
use crate::error::ListenError;

impl Queue {
    /// Whether this version of a resource was fetched from a source.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn has_seen(&self, source: &str, name: &str, version: &str) -> Result<bool, ListenError> {
        let values: [Value; 3] = [(&self.source(source)).into(), (&key(name)).into(), version.into()];
        self.store.read(|transaction| {
            let rows =
                transaction.query("SELECT name FROM seen WHERE source = ?1 AND name = ?2 AND version = ?3", &values)?;
            Ok(!rows.is_empty())
        })
    }

    /// Remembers it; everything it held is in the queue by now.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn saw(&self, source: &str, name: &str, version: &str) -> Result<(), ListenError> {
        let values: [Value; 3] = [(&self.source(source)).into(), (&key(name)).into(), version.into()];
        self.store.write(|transaction| {
            transaction
                .execute(
                    "INSERT INTO seen (source, name, version) VALUES (?1, ?2, ?3)
                     ON CONFLICT (source, name) DO UPDATE SET version = excluded.version",
                    &values,
                )
                .map(drop)
        })
    }

    /// Nodes that share a queue may ask different servers, whose names for things may be the same.
    fn source(&self, source: &str) -> String {
        format!("{source} {}", self.home.node).trim_end().to_owned()
    }
}

/// A name, or its digest if it is too long for an index: a server may call things what it likes.
fn key(name: &str) -> String {
    if name.len() <= MAX_KEY {
        return name.to_owned();
    }
    hex(&Sha256::digest(name))
}
