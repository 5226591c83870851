//! The outbox.

use std::collections::BTreeSet;

use super::store::{Row, Transaction};
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
        let mut held = self.deliveries.lock();
        let node = &self.home.node;
        let found = self.store.write(|transaction| {
            take_up(transaction, node, &held)?;
            let rows = transaction.query(
                "SELECT id, sop_instance_uid, sop_class_uid, study_instance_uid, path, state FROM delivery
                 WHERE node = ?1 AND destination = ?2 AND state IN ('queued', 'unsure') AND due <= ?3
                 ORDER BY due, id LIMIT 1",
                &[node.into(), destination.into(), self.now().into()],
            )?;
            let Some(found) = rows.first().map(delivery).transpose()? else { return Ok(None) };
            transaction.execute(
                "UPDATE delivery SET state = 'sending', attempts = attempts + 1 WHERE id = ?1",
                &[found.id.into()],
            )?;
            Ok(Some(found))
        })?;
        held.extend(found.iter().map(|found| found.id));
        Ok(found)
    }

    /// The destination has it.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn sent(&self, delivery: &Delivery) -> Result<(), ListenError> {
        let written = self.store.write(|transaction| {
            transaction
                .execute("UPDATE delivery SET state = 'sent', problem = '' WHERE id = ?1", &[delivery.id.into()])
                .map(drop)
        });
        self.deliveries.bring_back(&delivery.id);
        written
    }

    /// It did not get there, or nobody knows whether it did: it is tried again later, or never if that can't help.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn not_sent(&self, delivery: &Delivery, problem: &str, outcome: NotSent) -> Result<(), ListenError> {
        let written = self.store.write(|transaction| {
            let rows = transaction.query("SELECT attempts FROM delivery WHERE id = ?1", &[delivery.id.into()])?;
            let Some(row) = rows.first() else { return Ok(()) };
            let attempts = row.integer(0)? as u32;
            let state = match outcome {
                _ if attempts >= MAX_ATTEMPTS => "failed",
                NotSent::Refused => "failed",
                NotSent::NotThere => "queued",
                NotSent::Unsure => "unsure",
            };
            let due = self.now() + backoff(attempts);
            transaction
                .execute(
                    "UPDATE delivery SET state = ?2, due = ?3, problem = ?4 WHERE id = ?1",
                    &[delivery.id.into(), state.into(), due.into(), problem.into()],
                )
                .map(drop)
        });
        self.deliveries.bring_back(&delivery.id);
        written
    }

    /// Whether an object is one of our own results, which must not be taken in as input.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn is_own(&self, sop_instance_uid: &str) -> Result<bool, ListenError> {
        self.store.read(|transaction| {
            let rows =
                transaction.query("SELECT id FROM delivery WHERE sop_instance_uid = ?1", &[sop_instance_uid.into()])?;
            Ok(!rows.is_empty())
        })
    }
}

/// Nobody knows whether what is neither finished nor held has arrived.
pub(super) fn take_up(transaction: &mut dyn Transaction, node: &str, held: &BTreeSet<i64>) -> Result<(), ListenError> {
    for row in transaction.query("SELECT id FROM delivery WHERE node = ?1 AND state = 'sending'", &[node.into()])? {
        let id = row.integer(0)?;
        if !held.contains(&id) {
            transaction.execute("UPDATE delivery SET state = 'unsure', due = 0 WHERE id = ?1", &[id.into()])?;
        }
    }
    Ok(())
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

fn delivery(row: &Row) -> Result<Delivery, ListenError> {
    Ok(Delivery {
        id: row.integer(0)?,
        sop_instance_uid: row.text(1)?,
        sop_class_uid: row.text(2)?,
        study_instance_uid: row.text(3)?,
        path: row.text(4)?,
        unsure: row.text(5)? == "unsure",
    })
}
