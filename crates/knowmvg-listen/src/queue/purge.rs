//! Forgetting patients whose results have left.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::store::Value;
use super::{ERASURES, Queue};
use crate::error::ListenError;

impl Queue {
    /// Forgets everything of images that were taken in before a time and have nothing left to do, and reports that came
    /// before it; the UIDs stay. Returns the files in the spool that nobody needs any more.
    ///
    /// Images that still wait for a report are forgotten too: no report came. What other nodes took in is theirs to forget.
    ///
    /// # Units
    /// `before`: seconds since 1970 in UTC.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn purge(&self, before: i64) -> Result<Vec<String>, ListenError> {
        let values: [Value; 2] = [before.into(), (&self.home.node).into()];
        let over = "node = ?2 AND state IN ('done', 'waiting', 'conflict') AND received < ?1 AND matched < ?1 AND NOT EXISTS
                      (SELECT 1 FROM delivery WHERE delivery.image = image.id AND delivery.state NOT IN ('sent', 'gone'))";
        let (files, reports) = self.store.write(|transaction| {
            let files = transaction.query(
                &format!(
                    "SELECT path FROM image WHERE {over} UNION
                     SELECT path FROM delivery WHERE state = 'sent' AND image IN (SELECT id FROM image WHERE {over})"
                ),
                &values,
            )?;
            transaction.execute(
                &format!(
                    "UPDATE delivery SET state = 'gone', path = '' WHERE image IN (SELECT id FROM image WHERE {over})"
                ),
                &values,
            )?;
            transaction.execute(
                &format!(
                    "UPDATE image SET state = 'gone', path = '', report = NULL, accession_number = '', patient_id = '',
                     problem = '' WHERE {over}"
                ),
                &values,
            )?;
            let reports = transaction.execute(
                "DELETE FROM report WHERE received < ?1 AND NOT EXISTS (SELECT 1 FROM image WHERE image.report = report.id)",
                &values[..1],
            )?;
            Ok((files, reports))
        })?;
        if !files.is_empty() || reports > 0 {
            self.erasures.store(ERASURES, Ordering::SeqCst);
        }
        let files = files.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
        Ok(files.into_iter().filter(|path| !path.is_empty()).collect())
    }

    /// Writes over what was forgotten, and once more the next time.
    ///
    /// # Errors
    /// When the queue can't be written; it is done the next time.
    pub fn erase(&self) -> Result<(), ListenError> {
        if self.erasures.load(Ordering::SeqCst) > 0 {
            self.store.erase()?;
            self.erasures.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Names of all files of this node that the queue still needs.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn files(&self) -> Result<BTreeSet<String>, ListenError> {
        self.store.read(|transaction| {
            let rows = transaction.query(
                "SELECT path FROM image WHERE node = ?1 AND path <> ''
                 UNION SELECT path FROM delivery WHERE node = ?1 AND path <> ''",
                &[(&self.home.node).into()],
            )?;
            rows.iter().map(|row| row.text(0)).collect()
        })
    }
}
