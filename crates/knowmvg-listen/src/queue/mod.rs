//! [`Queue`]: what has arrived, what is to be done with it and what has left.
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
//! either the state before or the state after. [`Queue::open`], and whoever takes work, turns `working` into `ready` and `sending`
//! into `unsure` where nobody works or sends: a process was killed, or the database went away before it heard of the end.
//!
//! The rows are in an SQLite file, or in a database of PostgreSQL that several nodes may share: [`store`] is all that differs. Files
//! are in the spool of the node that took them in, and only that node works on them.

mod deliveries;
mod held;
mod home;
mod images;
mod postgres;
mod purge;
mod seen;
mod sqlite;
mod status;
mod store;

use std::path::Path;
use std::sync::atomic::AtomicU32;

pub use self::postgres::DatabaseProblem;
pub use deliveries::{Delivery, NotSent};
pub use images::{Arrived, Job, NewDelivery, NewImage, NewReport};
pub use status::{Failed, Status};

pub(crate) use self::postgres::Server;

use self::held::Held;
use self::home::Home;
use self::postgres::Postgres;
use self::sqlite::Sqlite;
use self::store::Store;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::ListenError;

/// Name of the queue in the data folder.
const QUEUE_FILE: &str = "queue.sqlite";

/// Attempts at one image or one delivery before it is left as failed.
///
/// The waits between them grow to an hour, so the last attempt of a delivery comes more than a week after the first.
pub const MAX_ATTEMPTS: u32 = 200;

/// How often a store is erased after something was deleted: a transaction of somebody else, a backup maybe, keeps alive in a server
/// what was deleted after it began, and is over the next time.
const ERASURES: u32 = 2;

/// Longest name that an index takes: PostgreSQL's have 2704 bytes for a row.
///
/// # Units
/// Bytes.
pub(crate) const MAX_KEY: usize = 512;

/// The durable queue; shared by all threads.
pub struct Queue {
    store: Store,
    home: Home,
    /// Id of the image and id of the report.
    jobs: Held<(i64, i64)>,
    deliveries: Held<i64>,
    /// How often the store is still to be erased, since something was deleted.
    erasures: AtomicU32,
    clock: Clock,
}

impl Queue {
    /// Opens or makes the queue that a configuration names, and takes up what an earlier process left half done.
    ///
    /// # Errors
    /// When it can't be opened, is no queue of this program, or another process is the same node.
    pub fn open(config: &Config, clock: Clock) -> Result<Self, ListenError> {
        let (store, home) = match &config.queue {
            None => (Store::Sqlite(Sqlite::open(&config.data.join(QUEUE_FILE))?), Home::alone(&config.data)),
            Some(server) => {
                let (postgres, home) = Postgres::open(server, &config.data)?;
                (Store::Postgres(Box::new(postgres)), home)
            }
        };
        let queue = Self::new(store, home, clock);
        queue.take_up()?;
        Ok(queue)
    }

    /// Opens a queue beside a process that works on it: nothing is made and nothing taken up.
    ///
    /// # Errors
    /// When there is none, or it can't be opened.
    pub fn beside(config: &Config, clock: Clock) -> Result<Self, ListenError> {
        let store = match &config.queue {
            None => {
                let path = config.data.join(QUEUE_FILE);
                if !path.exists() {
                    return Err(ListenError::NoQueue(path.display().to_string()));
                }
                Store::Sqlite(Sqlite::open(&path)?)
            }
            Some(server) => Store::Postgres(Box::new(Postgres::beside(server)?)),
        };
        Ok(Self::new(store, Home::alone(&config.data), clock))
    }

    /// Folder with the files that this node's rows name.
    pub fn spool(&self) -> &Path {
        &self.home.spool
    }

    fn new(store: Store, home: Home, clock: Clock) -> Self {
        // What the process before has deleted may not be written over yet.
        let erasures = AtomicU32::new(ERASURES);
        Self { store, home, jobs: Held::default(), deliveries: Held::default(), erasures, clock }
    }

    /// Takes up all that nobody works on.
    fn take_up(&self) -> Result<(), ListenError> {
        let (jobs, deliveries) = (self.jobs.lock(), self.deliveries.lock());
        self.store.write(|transaction| {
            images::take_up(transaction, &self.home.node, &jobs)?;
            deliveries::take_up(transaction, &self.home.node, &deliveries)
        })
    }

    fn now(&self) -> i64 {
        (self.clock)()
    }
}

/// How long to wait after a number of attempts: twice as long each time, at most an hour.
///
/// # Units
/// Seconds.
pub(crate) fn backoff(attempts: u32) -> i64 {
    2i64.saturating_pow(attempts).min(3600)
}
