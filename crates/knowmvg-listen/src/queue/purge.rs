//! Forgetting patients whose results have left.

use rusqlite::{TransactionBehavior, params};

use super::Queue;
use crate::error::ListenError;

impl Queue {
    /// Forgets everything of images that were taken in before a time and have nothing left to do, and reports that came
    /// before it; the UIDs stay. Returns the files in the spool that nobody needs any more.
    ///
    /// Images that still wait for a report are forgotten too: no report came.
    ///
    /// # Units
    /// `before`: seconds since 1970 in UTC.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn purge(&self, before: i64) -> Result<Vec<String>, ListenError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let over = "state IN ('done', 'waiting', 'conflict') AND received < ?1 AND matched < ?1 AND NOT EXISTS
                      (SELECT 1 FROM delivery WHERE delivery.image = image.id AND delivery.state NOT IN ('sent', 'gone'))";
        let files = {
            let mut statement = transaction.prepare(&format!(
                "SELECT path FROM image WHERE {over} UNION
                 SELECT path FROM delivery WHERE state = 'sent' AND image IN (SELECT id FROM image WHERE {over})"
            ))?;
            let rows = statement.query_map([before], |row| row.get(0))?;
            rows.collect::<Result<Vec<String>, _>>()?
        };
        transaction.execute(
            &format!(
                "UPDATE delivery SET state = 'gone', path = '' WHERE image IN (SELECT id FROM image WHERE {over})"
            ),
            [before],
        )?;
        transaction.execute(
            &format!(
                "UPDATE image SET state = 'gone', path = '', report = NULL, accession_number = '', patient_id = '',
                 problem = '' WHERE {over}"
            ),
            [before],
        )?;
        let reports = transaction.execute(
            "DELETE FROM report WHERE received < ?1 AND NOT EXISTS (SELECT 1 FROM image WHERE image.report = report.id)",
            params![before],
        )?;
        transaction.commit()?;
        if !files.is_empty() || reports > 0 {
            // What was deleted stays in free pages, and in the write-ahead log, until they are written over.
            connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
        }
        Ok(files.into_iter().filter(|path| !path.is_empty()).collect())
    }

    /// Names of all files that the queue still needs.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn files(&self) -> Result<std::collections::BTreeSet<String>, ListenError> {
        let connection = self.lock();
        let mut statement = connection
            .prepare("SELECT path FROM image WHERE path <> '' UNION SELECT path FROM delivery WHERE path <> ''")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
