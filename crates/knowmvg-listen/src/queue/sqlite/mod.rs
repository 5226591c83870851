//! [`Sqlite`]: the queue in one file.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior, params_from_iter};

use super::store::{Row, Transaction, Value};
use crate::error::ListenError;

/// How long a statement waits for another process that reads the file.
const BUSY: Duration = Duration::from_secs(10);

/// What makes a file of each version from one of the version before. The first leaves alone what is there: the first files had no
/// number.
static STEPS: [&str; 2] = [include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// A file that is open.
pub(super) struct Sqlite {
    connection: Mutex<Connection>,
}

impl Sqlite {
    /// Opens or makes the file, and brings it up to this version.
    ///
    /// # Errors
    /// When it can't be opened, or is no queue of this program.
    pub fn open(path: &Path) -> Result<Self, ListenError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        // With a write-ahead log, FULL waits for the disk at every commit.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        migrate(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// See [`super::store::Store::write`].
    pub fn write<T>(
        &self,
        steps: impl FnOnce(&mut dyn Transaction) -> Result<T, ListenError>,
    ) -> Result<T, ListenError> {
        self.run(TransactionBehavior::Immediate, steps)
    }

    /// See [`super::store::Store::read`].
    pub fn read<T>(
        &self,
        steps: impl FnOnce(&mut dyn Transaction) -> Result<T, ListenError>,
    ) -> Result<T, ListenError> {
        self.run(TransactionBehavior::Deferred, steps)
    }

    /// See [`super::store::Store::erase`].
    pub fn erase(&self) -> Result<(), ListenError> {
        // What was deleted stays in free pages, and in the write-ahead log, until they are written over.
        self.lock().execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
        Ok(())
    }

    fn run<T>(
        &self,
        behavior: TransactionBehavior,
        steps: impl FnOnce(&mut dyn Transaction) -> Result<T, ListenError>,
    ) -> Result<T, ListenError> {
        let mut connection = self.lock();
        let mut transaction = connection.transaction_with_behavior(behavior)?;
        let done = steps(&mut transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction of a thread that panicked was rolled back when it was dropped, so the connection is sound.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn migrate(connection: &mut Connection) -> Result<(), ListenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let missing = usize::try_from(version).ok().and_then(|version| STEPS.get(version..));
    let missing = missing.ok_or(ListenError::ForeignQueue("it was written by a later version of this program"))?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len() as i64)?;
    transaction.commit()?;
    Ok(())
}

impl Transaction for rusqlite::Transaction<'_> {
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, ListenError> {
        let mut statement = self.prepare(sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(values), |row| {
            (0..columns).map(|column| Ok(value(row.get_ref(column)?))).collect::<Result<_, _>>().map(Row)
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<usize, ListenError> {
        Ok(rusqlite::Connection::execute(self, sql, params_from_iter(values))?)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Null => ValueRef::Null,
        }))
    }
}

/// The tables are strict, so there is nothing but integers and text in them.
fn value(column: ValueRef) -> Value {
    match column {
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
        _ => Value::Null,
    }
}
