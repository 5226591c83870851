//! [`Status`]: how many of everything, and what failed; no word of a patient.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Queue;
use super::store::Transaction;
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
    /// Counts everything, of all nodes.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn status(&self) -> Result<Status, ListenError> {
        self.store.read(|transaction| {
            let failed = transaction.query(
                "SELECT 'image', id, problem FROM image WHERE state IN ('failed', 'conflict')
                 UNION ALL SELECT 'delivery', id, problem FROM delivery WHERE state = 'failed' LIMIT ?1",
                &[MAX_FAILED.into()],
            )?;
            let failed =
                failed.iter().map(|row| Ok(Failed { kind: row.text(0)?, id: row.integer(1)?, problem: row.text(2)? }));
            let failed = failed.collect::<Result<_, ListenError>>()?;
            let reports = transaction.query("SELECT COUNT(*) FROM report", &[])?;
            Ok(Status {
                images: counts(transaction, "SELECT state, COUNT(*) FROM image GROUP BY state")?,
                reports: reports.first().map_or(Ok(0), |row| row.integer(0))?,
                deliveries: counts(transaction, "SELECT state, COUNT(*) FROM delivery GROUP BY state")?,
                failed,
            })
        })
    }

    /// Puts everything that failed back in the queue, on every node and with all its attempts; returns how many.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn retry(&self) -> Result<usize, ListenError> {
        self.store.write(|transaction| {
            let images = transaction.execute(
                "UPDATE image SET state = 'ready', attempts = 0, due = 0 WHERE state = 'failed' AND report IS NOT NULL",
                &[],
            )?;
            let deliveries = transaction
                .execute("UPDATE delivery SET state = 'unsure', attempts = 0, due = 0 WHERE state = 'failed'", &[])?;
            Ok(images + deliveries)
        })
    }
}

fn counts(transaction: &mut dyn Transaction, sql: &str) -> Result<BTreeMap<String, i64>, ListenError> {
    transaction.query(sql, &[])?.iter().map(|row| Ok((row.text(0)?, row.integer(1)?))).collect()
}
