//! What polls have fetched already.

use rusqlite::params;

use super::Queue;
use crate::error::ListenError;

impl Queue {
    /// Whether this version of a resource was fetched from a source.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn has_seen(&self, source: &str, name: &str, version: &str) -> Result<bool, ListenError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT 1 FROM seen WHERE source = ?1 AND name = ?2 AND version = ?3")?;
        Ok(statement.exists([source, name, version])?)
    }

    /// Remembers it; everything it held is in the queue by now.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn saw(&self, source: &str, name: &str, version: &str) -> Result<(), ListenError> {
        self.lock().execute(
            "INSERT INTO seen (source, name, version) VALUES (?1, ?2, ?3)
             ON CONFLICT (source, name) DO UPDATE SET version = excluded.version",
            params![source, name, version],
        )?;
        Ok(())
    }
}
