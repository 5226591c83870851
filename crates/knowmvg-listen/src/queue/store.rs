//! [`Store`]: where the queue's rows are, and the few things in which one database differs from another.
//!
//! The rules of the queue are statements that SQLite and PostgreSQL both understand, in the files beside this one. A store runs
//! them, several in one [`Transaction`], and knows how its database is opened, brought up to date, and made to forget.

use super::postgres::Postgres;
use super::sqlite::Sqlite;
use crate::error::ListenError;

/// The database of a queue.
pub(super) enum Store {
    /// A file.
    Sqlite(Sqlite),
    /// A server's database.
    Postgres(Box<Postgres>),
}

/// Statements that happen together or not at all. Values are numbered `?1`, `?2`, ...
pub(super) trait Transaction {
    /// Runs a statement that returns rows.
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, ListenError>;

    /// Runs a statement that returns none; says how many rows it changed.
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<usize, ListenError>;
}

impl Store {
    /// Runs steps one writer after the other: what they read stays true until they are on the disk.
    ///
    /// # Errors
    /// When the database can't be reached or written, or a step fails; then none of them has happened. A connection that is lost
    /// at the very end leaves it open whether they have.
    pub fn write<T>(
        &self,
        steps: impl FnOnce(&mut dyn Transaction) -> Result<T, ListenError>,
    ) -> Result<T, ListenError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(steps),
            Self::Postgres(postgres) => postgres.write(steps),
        }
    }

    /// Runs steps that change nothing.
    ///
    /// # Errors
    /// When the database can't be reached or read.
    pub fn read<T>(
        &self,
        steps: impl FnOnce(&mut dyn Transaction) -> Result<T, ListenError>,
    ) -> Result<T, ListenError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(steps),
            Self::Postgres(postgres) => postgres.read(steps),
        }
    }

    /// Writes over what was deleted, as far as the database lets one.
    ///
    /// # Errors
    /// When the database can't be reached or written.
    pub fn erase(&self) -> Result<(), ListenError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.erase(),
            Self::Postgres(postgres) => postgres.erase(),
        }
    }
}

/// What stands in a column, or in the place of a number in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A count, a time, an id.
    Integer(i64),
    /// Words.
    Text(String),
    /// Nothing.
    Null,
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Value {
    /// Without zeros: PostgreSQL's text can't hold them, and in DICOM they only fill a value up to an even length.
    fn from(value: &str) -> Self {
        Self::Text(value.replace('\0', ""))
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        value.as_str().into()
    }
}

/// One answer of a database.
pub(super) struct Row(pub Vec<Value>);

impl Row {
    /// The integer in a column.
    ///
    /// # Errors
    /// When there is none: the table is not of this program.
    pub fn integer(&self, column: usize) -> Result<i64, ListenError> {
        match self.0.get(column) {
            Some(Value::Integer(value)) => Ok(*value),
            _ => Err(ListenError::ForeignQueue("expected an integer in a column")),
        }
    }

    /// The text in a column.
    ///
    /// # Errors
    /// When there is none: the table is not of this program.
    pub fn text(&self, column: usize) -> Result<String, ListenError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value.clone()),
            _ => Err(ListenError::ForeignQueue("expected text in a column")),
        }
    }
}
