//! A connection that is fit for the queue: its settings, its tables, and its node's lock.

use std::time::Duration;

use postgres::Client;
use sha2::{Digest, Sha256};

use crate::error::ListenError;
use crate::random;

/// What makes tables of each version from those of the version before.
const STEPS: [&str; 1] = [include_str!("schema_1.sql")];

/// How long a process that was just killed may keep the name of its node.
const NAME_WAIT: Duration = Duration::from_secs(10);

/// SQLSTATE of a lock that was not had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Where the tables are, and the locks around them.
pub(super) struct Schema {
    name: String,
    /// Held by a transaction that writes: one at a time.
    pub writing: i64,
}

impl Schema {
    /// Of this name, which needs no quotes.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), writing: lock_number(&["writing", name]) }
    }

    /// Makes a new connection fit for the queue's statements.
    ///
    /// # Errors
    /// When the server refuses, or its database can't hold every text.
    pub fn settle(&self, client: &mut Client) -> Result<(), ListenError> {
        client.batch_execute(include_str!("session.sql"))?;
        client.batch_execute(&format!("SET search_path TO {}", self.name))?;
        let encoding: String = client.query_one("SELECT current_setting('server_encoding')", &[])?.get(0);
        if encoding != "UTF8" {
            return Err(ListenError::ForeignQueue("expected a database with the encoding UTF8"));
        }
        Ok(())
    }

    /// Makes the tables if there are none, brings them up to this version, and returns the id of the queue.
    ///
    /// # Errors
    /// When they can't be made, or are of a later version.
    pub fn migrate(&self, client: &mut Client) -> Result<String, ListenError> {
        let mut transaction = client.transaction()?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&self.writing])?;
        // Asked for first: IF NOT EXISTS needs the right to make it even if it is there.
        if transaction.query("SELECT FROM pg_namespace WHERE nspname = $1", &[&self.name])?.is_empty() {
            transaction.batch_execute(&format!("CREATE SCHEMA {}", self.name))?;
        }
        let version = match self.identity(&mut transaction)? {
            Some((_, version)) => version,
            None => 0,
        };
        for step in &STEPS[version..] {
            transaction.batch_execute(step)?;
        }
        if version == 0 {
            let id = random::name()?;
            transaction.execute("INSERT INTO queue (id, version) VALUES ($1, 0)", &[&id])?;
        }
        transaction.execute("UPDATE queue SET version = $1", &[&(STEPS.len() as i64)])?;
        let id: String = transaction.query_one("SELECT id FROM queue", &[])?.get(0);
        transaction.commit()?;
        Ok(id)
    }

    /// Id of the queue and version of its tables, no later than this program's; `None` if there are none.
    ///
    /// # Errors
    /// When the tables can't be read, or are of a later version.
    pub fn identity(&self, client: &mut impl postgres::GenericClient) -> Result<Option<(String, usize)>, ListenError> {
        let tables = "SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'queue'";
        if client.query(tables, &[&self.name])?.is_empty() {
            return Ok(None);
        }
        let row = client.query_opt("SELECT id, version FROM queue", &[])?;
        let row = row.ok_or(ListenError::ForeignQueue("expected the name of the queue in it"))?;
        let (id, version): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        match usize::try_from(version) {
            Ok(version) if version <= STEPS.len() => Ok(Some((id, version))),
            _ => Err(ListenError::ForeignQueue("it was written by a later version of this program")),
        }
    }

    /// Takes the name of a node for as long as the connection lives. What an earlier connection still had under way is over then.
    ///
    /// # Errors
    /// When another process has the name and keeps it.
    pub fn be(&self, client: &mut Client, node: &str) -> Result<(), ListenError> {
        client.batch_execute(&format!("SET lock_timeout TO '{}s'", NAME_WAIT.as_secs()))?;
        match client.execute("SELECT pg_advisory_lock($1)", &[&lock_number(&["node", &self.name, node])]) {
            Ok(_) => Ok(client.batch_execute("SET lock_timeout TO '30s'")?),
            Err(error) if error.code().is_some_and(|state| state.code() == LOCK_NOT_AVAILABLE) => {
                Err(ListenError::NodeInUse)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Locks have numbers; who else uses this database has others.
fn lock_number(of: &[&str]) -> i64 {
    let digest = Sha256::digest(format!("knowmvg listen {}", of.join(" ")));
    i64::from_le_bytes(std::array::from_fn(|at| digest[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lock_has_its_number() {
        let numbers =
            [lock_number(&["writing", "a"]), lock_number(&["writing", "b"]), lock_number(&["node", "a", "b"])];
        assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2] && numbers[0] != numbers[2]);
    }
}
