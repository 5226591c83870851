//! The outbox.

use rusqlite::{OptionalExtension, Row, params};

use super::{MAX_ATTEMPTS, Queue, backoff};
use crate::error::ListenError;

/// A result on its way to one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// In logs too.
    pub id: i64,
    /// SOP Instance UID of the result.
    pub sop_instance_uid: String,
    /// SOP Class UID of the result.
    pub sop_class_uid: String,
    /// Study Instance UID of the result.
    pub study_instance_uid: String,
    /// Name of its file in the spool.
    pub path: String,
    /// Whether an earlier attempt was cut short, so that nobody knows if it arrived.
    pub unsure: bool,
}

impl Queue {
    /// The next result to send to a destination; nobody else gets it.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn take_delivery(&self, destination: &str) -> Result<Option<Delivery>, ListenError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let found = transaction
            .query_row(
                "SELECT id, sop_instance_uid, sop_class_uid, study_instance_uid, path, state = 'unsure' FROM delivery
                 WHERE destination = ?1 AND state IN ('queued', 'unsure') AND due <= ?2 ORDER BY due, id LIMIT 1",
                params![destination, self.now()],
                delivery,
            )
            .optional()?;
        if let Some(found) = &found {
            transaction
                .execute("UPDATE delivery SET state = 'sending', attempts = attempts + 1 WHERE id = ?1", [found.id])?;
        }
        transaction.commit()?;
        Ok(found)
    }

    /// The destination has it.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn sent(&self, delivery: &Delivery) -> Result<(), ListenError> {
        let connection = self.lock();
        connection.execute("UPDATE delivery SET state = 'sent', problem = '' WHERE id = ?1", [delivery.id])?;
        Ok(())
    }

    /// It did not get there, or nobody knows whether it did: it is tried again later, or never if that can't help.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn not_sent(&self, delivery: &Delivery, problem: &str, outcome: NotSent) -> Result<(), ListenError> {
        let connection = self.lock();
        let attempts: u32 =
            connection.query_row("SELECT attempts FROM delivery WHERE id = ?1", [delivery.id], |row| row.get(0))?;
        let state = match outcome {
            _ if attempts >= MAX_ATTEMPTS => "failed",
            NotSent::Refused => "failed",
            NotSent::NotThere => "queued",
            NotSent::Unsure => "unsure",
        };
        connection.execute(
            "UPDATE delivery SET state = ?2, due = ?3, problem = ?4 WHERE id = ?1",
            params![delivery.id, state, self.now() + backoff(attempts), problem],
        )?;
        Ok(())
    }

    /// Whether an object is one of our own results, which must not be taken in as input.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn is_own(&self, sop_instance_uid: &str) -> Result<bool, ListenError> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT 1 FROM delivery WHERE sop_instance_uid = ?1")?;
        Ok(statement.exists([sop_instance_uid])?)
    }
}

/// How a delivery failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// The destination does not have it, and may take it later.
    NotThere,
    /// The connection broke after something was sent: it may be there.
    Unsure,
    /// The destination won't ever take it.
    Refused,
}

fn delivery(row: &Row) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        id: row.get(0)?,
        sop_instance_uid: row.get(1)?,
        sop_class_uid: row.get(2)?,
        study_instance_uid: row.get(3)?,
        path: row.get(4)?,
        unsure: row.get(5)?,
    })
}
