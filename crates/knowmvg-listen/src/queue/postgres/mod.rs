//! [`Postgres`]: the queue in a server's database, which nodes may share.
//!
//! Writers wait for each other, as they do in SQLite, so the rules need no other thought: every transaction that writes starts with
//! the queue's lock. A node is the only one with its name, for as long as its connection lives.

mod erasure;
mod problem;
mod server;
mod session;
mod transaction;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use postgres::{Client, IsolationLevel};

pub use problem::DatabaseProblem;
pub(crate) use server::Server;

use self::session::Schema;
use super::home::Home;
use super::store::Transaction;
use crate::config::QueueConfig;
use crate::error::ListenError;

/// How long a connection may take to say that it is alive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait between two attempts to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Waits after each attempt to write over what was deleted: what only connects is soon past, and what stays waits for the next cleaning.
///
/// # Units
/// Milliseconds.
const ERASING: [u64; 5] = [50, 100, 200, 400, 800];

/// A server's database that is open.
pub(super) struct Postgres {
    server: Server,
    schema: Schema,
    /// Of a node: id of the queue, and name of the node.
    node: Option<(String, String)>,
    link: Mutex<Link>,
}

/// A connection, or how long there is none.
#[derive(Default)]
struct Link {
    client: Option<Client>,
    failures: u32,
    not_before: Option<Instant>,
}

impl Postgres {
    /// Opens or makes the queue, brings it up to this version, and becomes one of its nodes, with its files in a data folder.
    ///
    /// # Errors
    /// When the server can't be reached or refuses, or another process is this node.
    pub fn open(queue: &QueueConfig, data: &Path) -> Result<(Self, Home), ListenError> {
        let (server, schema) = (Server::new(queue)?, Schema::new(&queue.schema));
        let mut client = server.connect()?;
        schema.settle(&mut client)?;
        let id = schema.migrate(&mut client)?;
        let home = Home::among(data, &id)?;
        schema.be(&mut client, &home.node)?;
        let link = Mutex::new(Link { client: Some(client), ..Link::default() });
        Ok((Self { server, schema, node: Some((id, home.node.clone())), link }, home))
    }

    /// Opens the queue without being one of its nodes.
    ///
    /// # Errors
    /// When there is none, or the server can't be reached or refuses.
    pub fn beside(queue: &QueueConfig) -> Result<Self, ListenError> {
        let (server, schema) = (Server::new(queue)?, Schema::new(&queue.schema));
        let mut client = server.connect()?;
        schema.settle(&mut client)?;
        if schema.identity(&mut client)?.is_none() {
            return Err(ListenError::NoQueue(format!("schema {} of the database", queue.schema)));
        }
        let link = Mutex::new(Link { client: Some(client), ..Link::default() });
        Ok(Self { server, schema, node: None, link })
    }

    /// See [`super::store::Store::write`].
    pub fn write<T>(
        &self,
        steps: impl FnOnce(&mut dyn Transaction) -> Result<T, ListenError>,
    ) -> Result<T, ListenError> {
        self.with(|client| {
            // What others committed before the lock was had is seen by the statements after it, and only at this level.
            let builder = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
            let mut transaction = builder.start()?;
            transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&self.schema.writing])?;
            let done = steps(&mut transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }

    /// See [`super::store::Store::read`].
    pub fn read<T>(
        &self,
        steps: impl FnOnce(&mut dyn Transaction) -> Result<T, ListenError>,
    ) -> Result<T, ListenError> {
        self.with(|client| {
            let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
            let mut transaction = builder.start()?;
            let done = steps(&mut transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }

    /// See [`super::store::Store::erase`].
    pub fn erase(&self) -> Result<(), ListenError> {
        let next = self.with(erasure::next_transaction)?;
        for wait in ERASING {
            if self.with(|client| erasure::rewrite(client, next))? {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(wait));
        }
        Err(ListenError::Database(DatabaseProblem::Kept))
    }

    /// Does something with a connection that is alive.
    fn with<T>(&self, work: impl FnOnce(&mut Client) -> Result<T, ListenError>) -> Result<T, ListenError> {
        // A transaction of a thread that panicked was rolled back when it was dropped, so the connection is sound.
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.drop_if_dead();
        if link.client.is_none() {
            link.connect(|| self.connect())?;
        }
        match &mut link.client {
            Some(client) => work(client),
            None => Err(ListenError::Database(DatabaseProblem::Unreachable)),
        }
    }

    /// A new connection to the same queue, as the same node.
    fn connect(&self) -> Result<Client, ListenError> {
        let mut client = self.server.connect()?;
        self.schema.settle(&mut client)?;
        let identity = self.schema.identity(&mut client)?;
        if let Some((id, node)) = &self.node {
            // Another database would have none of our rows, and our files would be nobody's.
            if identity.is_none_or(|(found, _)| found != *id) {
                return Err(ListenError::ForeignQueue("the database was replaced; start again"));
            }
            self.schema.be(&mut client, node)?;
        }
        Ok(client)
    }
}

impl Link {
    /// Asks whether the connection is alive: a server that was started anew is found out here, and not by a sender.
    fn drop_if_dead(&mut self) {
        let is_dead = |client: &mut Client| client.is_valid(PATIENCE).is_err();
        if self.client.as_mut().is_some_and(is_dead)
            && let Some(client) = self.client.take()
        {
            // Its goodbye waits for the server, which may never answer.
            std::thread::spawn(move || drop(client));
        }
    }

    /// Connects, unless that failed a short while ago: who asks meanwhile is told so at once.
    fn connect(&mut self, connect: impl FnOnce() -> Result<Client, ListenError>) -> Result<(), ListenError> {
        if self.not_before.is_some_and(|time| Instant::now() < time) {
            return Err(ListenError::Database(DatabaseProblem::Unreachable));
        }
        match connect() {
            Ok(client) => {
                *self = Self { client: Some(client), ..Self::default() };
                Ok(())
            }
            Err(error) => {
                let wait = Duration::from_secs(1 << self.failures.min(5)).min(LONGEST_WAIT);
                self.failures += 1;
                self.not_before = Some(Instant::now() + wait);
                Err(error)
            }
        }
    }
}
