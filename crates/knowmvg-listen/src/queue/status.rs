//! [`Status`]: how many of everything, and what failed; no word of a patient.

use std::collections::BTreeMap;

use rusqlite::params;
use serde::Serialize;

use super::Queue;
use crate::error::ListenError;

/// Most failures that a status lists.
const MAX_FAILED: i64 = 100;

/// Counts by state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Images by state.
    pub images: BTreeMap<String, i64>,
    /// Reports.
    pub reports: i64,
    /// Results on their way or there, by state.
    pub deliveries: BTreeMap<String, i64>,
    /// The first failures.
    pub failed: Vec<Failed>,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// `image` or `delivery`.
    pub kind: String,
    /// As in the log.
    pub id: i64,
    /// Why.
    pub problem: String,
}

impl Queue {
    /// Counts everything.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn status(&self) -> Result<Status, ListenError> {
        let connection = self.lock();
        let count = |sql: &str| -> Result<BTreeMap<String, i64>, ListenError> {
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let mut statement = connection.prepare(
            "SELECT 'image', id, problem FROM image WHERE state IN ('failed', 'conflict')
             UNION ALL SELECT 'delivery', id, problem FROM delivery WHERE state = 'failed' LIMIT ?1",
        )?;
        let failed = statement.query_map(params![MAX_FAILED], |row| {
            Ok(Failed { kind: row.get(0)?, id: row.get(1)?, problem: row.get(2)? })
        })?;
        Ok(Status {
            images: count("SELECT state, COUNT(*) FROM image GROUP BY state")?,
            reports: connection.query_row("SELECT COUNT(*) FROM report", [], |row| row.get(0))?,
            deliveries: count("SELECT state, COUNT(*) FROM delivery GROUP BY state")?,
            failed: failed.collect::<Result<_, _>>()?,
        })
    }

    /// Puts everything that failed back in the queue, with all its attempts; returns how many.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn retry(&self) -> Result<usize, ListenError> {
        let connection = self.lock();
        let images = connection.execute(
            "UPDATE image SET state = 'ready', attempts = 0, due = 0 WHERE state = 'failed' AND report IS NOT NULL",
            [],
        )?;
        let deliveries = connection
            .execute("UPDATE delivery SET state = 'unsure', attempts = 0, due = 0 WHERE state = 'failed'", [])?;
        Ok(images + deliveries)
    }
}
