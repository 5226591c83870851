//! [`Queue`]: what has arrived, what is to be done with it and what has left, in one SQLite file.
//!
//! ```text
//! image:     waiting ──report──▶ ready ──▶ working ──▶ done        a new report of the same study: back to ready
//!               └──other patient──▶ conflict   └─────▶ failed      after the last attempt
//! delivery:  queued ──▶ sending ──▶ sent                           a stop while sending: unsure ──asked──▶ sent or queued
//!                          └──────▶ failed                         after the last attempt
//! both:      done and sent ──after a while──▶ gone                 only the UIDs stay, so that nothing is done twice
//! ```
//!
//! Every arrow is one transaction that is on the disk before anybody is told. A process that is killed anywhere leaves
//! either the state before or the state after, and [`Queue::open`] turns `working` into `ready` and `sending` into
//! `unsure`.

mod deliveries;
mod images;
mod purge;
mod seen;
mod status;

use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::Connection;

pub use deliveries::{Delivery, NotSent};
pub use images::{Arrived, Job, NewDelivery, NewImage, NewReport};
pub use status::{Failed, Status};

use crate::clock::Clock;
use crate::error::ListenError;

/// How long a statement waits for another process that reads the file.
const BUSY: Duration = Duration::from_secs(10);

/// Attempts at one image or one delivery before it is left as failed.
///
/// The waits between them grow to an hour, so the last attempt of a delivery comes more than a week after the first.
pub const MAX_ATTEMPTS: u32 = 200;

/// The durable queue; shared by all threads.
pub struct Queue {
    connection: Mutex<Connection>,
    clock: Clock,
}

impl Queue {
    /// Opens or makes the file, and takes up what an earlier process left half done.
    ///
    /// # Errors
    /// When the file can't be opened, or is no queue of this program.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, ListenError> {
        let connection = connect(path)?;
        connection.execute_batch(
            "UPDATE image SET state = 'ready' WHERE state = 'working';
             UPDATE delivery SET state = 'unsure', due = 0 WHERE state = 'sending';",
        )?;
        Ok(Self { connection: Mutex::new(connection), clock })
    }

    /// Opens the file beside a process that works on it: nothing is taken up.
    ///
    /// # Errors
    /// When the file can't be opened, or is no queue of this program.
    pub fn beside(path: &Path, clock: Clock) -> Result<Self, ListenError> {
        Ok(Self { connection: Mutex::new(connect(path)?), clock })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction of a thread that panicked was rolled back when it was dropped, so the connection is sound.
        self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        (self.clock)()
    }
}

fn connect(path: &Path) -> Result<Connection, ListenError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // With a write-ahead log, FULL waits for the disk at every commit.
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    connection.execute_batch(include_str!("schema.sql"))?;
    Ok(connection)
}

/// How long to wait after a number of attempts: twice as long each time, at most an hour.
///
/// # Units
/// Seconds.
pub(crate) fn backoff(attempts: u32) -> i64 {
    2i64.saturating_pow(attempts).min(3600)
}
