//! Images and reports: how they arrive, and how they find each other.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::{MAX_ATTEMPTS, Queue, backoff};
use crate::error::ListenError;

/// An image whose file lies in the spool.
#[derive(Clone)]
pub struct NewImage {
    /// SOP Instance UID (0008,0018).
    pub sop_instance_uid: String,
    /// Study Instance UID (0020,000D).
    pub study_instance_uid: String,
    /// Accession Number (0008,0050); empty if the file has none.
    pub accession_number: String,
    /// Patient ID (0010,0020); empty if the file has none.
    pub patient_id: String,
    /// Name of the file in the spool.
    pub path: String,
}

/// A report and what says which study it is of.
#[derive(Clone)]
pub struct NewReport {
    /// Study Instance UID; empty if the source does not say.
    pub study_instance_uid: String,
    /// Accession Number; empty if the source does not say.
    pub accession_number: String,
    /// Patient ID; empty if the source does not say.
    pub patient_id: String,
    /// The text.
    pub words: String,
}

/// What became of something that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// It is new.
    New,
    /// It was there already, so nothing changes.
    Known,
}

/// An image with its report, to be grounded.
pub struct Job {
    /// Of the image, in logs too.
    pub id: i64,
    /// Name of the image's file in the spool.
    pub path: String,
    /// Text of the report.
    pub words: String,
    /// Id of the report.
    pub report: i64,
    /// When image and report had found each other: the time of the result, however often it is made again.
    ///
    /// # Units
    /// Seconds since 1970 in UTC.
    pub matched: i64,
}

/// A result for one destination.
pub struct NewDelivery<'a> {
    /// SOP Instance UID of the result.
    pub sop_instance_uid: &'a str,
    /// SOP Class UID of the result.
    pub sop_class_uid: &'a str,
    /// Study Instance UID of the result.
    pub study_instance_uid: &'a str,
    /// Name of its file in the spool.
    pub path: &'a str,
}

impl Queue {
    /// Takes an image in, and joins it with its report if that is there.
    ///
    /// # Errors
    /// When the queue can't be written; the image is then not taken in.
    pub fn add_image(&self, image: &NewImage) -> Result<Arrived, ListenError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let added = transaction.execute(
            "INSERT INTO image (sop_instance_uid, study_instance_uid, accession_number, patient_id, path, state, received)
             VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6) ON CONFLICT (sop_instance_uid) DO NOTHING",
            params![
                image.sop_instance_uid,
                image.study_instance_uid,
                image.accession_number,
                image.patient_id,
                image.path,
                self.now(),
            ],
        )?;
        if added == 0 {
            return Ok(Arrived::Known);
        }
        let id = transaction.last_insert_rowid();
        let reports = reports_of(&transaction, &image.study_instance_uid, &image.accession_number)?;
        let of_patient = reports.iter().find(|(_, patient)| !are_two_patients(&image.patient_id, patient));
        if let Some((report, patient)) = of_patient.or(reports.first()) {
            join(&transaction, id, *report, &image.patient_id, patient, self.now())?;
        }
        transaction.commit()?;
        Ok(Arrived::New)
    }

    /// Takes a report in, and joins it with the images of its study; they are grounded again if they were already.
    ///
    /// # Errors
    /// When the queue can't be written; the report is then not taken in.
    pub fn add_report(&self, report: &NewReport) -> Result<Arrived, ListenError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let added = transaction.execute(
            "INSERT INTO report (digest, study_instance_uid, accession_number, patient_id, words, received)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (digest) DO NOTHING",
            params![
                digest(report),
                report.study_instance_uid,
                report.accession_number,
                report.patient_id,
                report.words,
                self.now(),
            ],
        )?;
        if added == 0 {
            return Ok(Arrived::Known);
        }
        let id = transaction.last_insert_rowid();
        for (image, patient) in images_of(&transaction, report)? {
            join(&transaction, image, id, &patient, &report.patient_id, self.now())?;
        }
        transaction.commit()?;
        Ok(Arrived::New)
    }

    /// Whether an image was taken in already.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn has_image(&self, sop_instance_uid: &str) -> Result<bool, ListenError> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT 1 FROM image WHERE sop_instance_uid = ?1")?;
        Ok(statement.exists([sop_instance_uid])?)
    }

    /// The next image to ground, the one that has waited longest; nobody else gets it.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn take_job(&self) -> Result<Option<Job>, ListenError> {
        let connection = self.lock();
        let job = connection
            .query_row(
                "UPDATE image SET state = 'working', attempts = attempts + 1 WHERE id =
                   (SELECT id FROM image WHERE state = 'ready' AND due <= ?1 ORDER BY matched, id LIMIT 1)
                 RETURNING id, path, report, matched, (SELECT words FROM report WHERE report.id = image.report)",
                [self.now()],
                |row| {
                    let (id, path, report, matched) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                    Ok(Job { id, path, report, matched, words: row.get(4)? })
                },
            )
            .optional()?;
        Ok(job)
    }

    /// The job is done: its result, if there is one, goes to every destination, in the same transaction.
    ///
    /// A report that arrived meanwhile has made the image ready again; it stays so.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn finish_job(
        &self,
        job: &Job,
        result: Option<&NewDelivery>,
        destinations: &[String],
    ) -> Result<(), ListenError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (destination, result) in destinations.iter().flat_map(|name| Some((name, result?))) {
            transaction.execute(
                "INSERT INTO delivery
                   (image, sop_instance_uid, sop_class_uid, study_instance_uid, destination, path, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued')
                 ON CONFLICT (sop_instance_uid, destination) DO NOTHING",
                params![
                    job.id,
                    result.sop_instance_uid,
                    result.sop_class_uid,
                    result.study_instance_uid,
                    destination,
                    result.path,
                ],
            )?;
        }
        transaction.execute(
            "UPDATE image SET state = 'done', problem = '' WHERE id = ?1 AND state = 'working' AND report = ?2",
            params![job.id, job.report],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// The job failed: it is tried again later, or never if that can't help.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn fail_job(&self, job: &Job, problem: &str, again: bool) -> Result<(), ListenError> {
        let connection = self.lock();
        let attempts: u32 = connection.query_row("SELECT attempts FROM image WHERE id = ?1", [job.id], |r| r.get(0))?;
        let state = if again && attempts < MAX_ATTEMPTS { "ready" } else { "failed" };
        connection.execute(
            "UPDATE image SET state = ?2, due = ?3, problem = ?4 WHERE id = ?1 AND state = 'working' AND report = ?5",
            params![job.id, state, self.now() + backoff(attempts), problem, job.report],
        )?;
        Ok(())
    }
}

/// The same text under the same keys is the same report, however it came.
fn digest(report: &NewReport) -> String {
    let mut digest = Sha256::new();
    for part in [&report.study_instance_uid, &report.accession_number, &report.patient_id, &report.words] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The reports of a study, newest first, and their patients.
fn reports_of(connection: &Connection, study: &str, accession: &str) -> Result<Vec<(i64, String)>, ListenError> {
    let mut statement = connection.prepare(
        "SELECT id, patient_id FROM report
         WHERE (study_instance_uid <> '' AND study_instance_uid = ?1)
            OR (accession_number <> '' AND accession_number = ?2)
         ORDER BY id DESC LIMIT 100",
    )?;
    let rows = statement.query_map([study, accession], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The images that a report is of, and their patients.
fn images_of(connection: &Connection, report: &NewReport) -> Result<Vec<(i64, String)>, ListenError> {
    let mut statement = connection.prepare(
        "SELECT id, patient_id FROM image
         WHERE state <> 'gone'
           AND ((?1 <> '' AND study_instance_uid = ?1) OR (?2 <> '' AND accession_number = ?2))",
    )?;
    let rows = statement
        .query_map([&report.study_instance_uid, &report.accession_number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes an image ready to be grounded with a report, unless they say that they are of two patients: accession numbers
/// are given again, and typed wrongly.
fn join(
    transaction: &Transaction,
    image: i64,
    report: i64,
    image_patient: &str,
    report_patient: &str,
    now: i64,
) -> Result<(), ListenError> {
    if are_two_patients(image_patient, report_patient) {
        transaction.execute(
            "UPDATE image SET state = 'conflict', problem = 'image and report name different patients'
             WHERE id = ?1 AND state = 'waiting'",
            [image],
        )?;
        return Ok(());
    }
    transaction.execute(
        "UPDATE image SET state = 'ready', report = ?2, matched = ?3, attempts = 0, due = 0, problem = '' WHERE id = ?1",
        params![image, report, now],
    )?;
    Ok(())
}

fn are_two_patients(one: &str, other: &str) -> bool {
    !one.is_empty() && !other.is_empty() && one != other
}
