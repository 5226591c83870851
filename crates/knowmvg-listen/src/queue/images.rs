//! Images and reports: how they arrive, and how they find each other.

use std::collections::BTreeSet;

use knowmvg::model::weights::hex;
use sha2::{Digest, Sha256};

use super::store::{Row, Transaction};
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
    /// When the queue can't be written; the image is then not taken in, or it is and comes again as known.
    pub fn add_image(&self, image: &NewImage) -> Result<Arrived, ListenError> {
        let now = self.now();
        self.store.write(|transaction| {
            let added = transaction.query(
                "INSERT INTO image
                   (sop_instance_uid, study_instance_uid, accession_number, patient_id, path, node, state, received)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7) ON CONFLICT (sop_instance_uid) DO NOTHING RETURNING id",
                &[
                    (&image.sop_instance_uid).into(),
                    (&image.study_instance_uid).into(),
                    (&image.accession_number).into(),
                    (&image.patient_id).into(),
                    (&image.path).into(),
                    (&self.home.node).into(),
                    now.into(),
                ],
            )?;
            let Some(added) = added.first() else { return Ok(Arrived::Known) };
            let reports = reports_of(transaction, &image.study_instance_uid, &image.accession_number)?;
            let of_patient = reports.iter().find(|(_, patient)| !are_two_patients(&image.patient_id, patient));
            if let Some((report, patient)) = of_patient.or(reports.first()) {
                let pair = Pair { image: added.integer(0)?, report: *report };
                join(transaction, pair, are_two_patients(&image.patient_id, patient), now)?;
            }
            Ok(Arrived::New)
        })
    }

    /// Takes a report in, and joins it with the images of its study; they are grounded again if they were already.
    ///
    /// # Errors
    /// When the queue can't be written; the report is then not taken in, or it is and comes again as known.
    pub fn add_report(&self, report: &NewReport) -> Result<Arrived, ListenError> {
        let now = self.now();
        self.store.write(|transaction| {
            let added = transaction.query(
                "INSERT INTO report (digest, study_instance_uid, accession_number, patient_id, words, received)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (digest) DO NOTHING RETURNING id",
                &[
                    (&digest(report)).into(),
                    (&report.study_instance_uid).into(),
                    (&report.accession_number).into(),
                    (&report.patient_id).into(),
                    (&report.words).into(),
                    now.into(),
                ],
            )?;
            let Some(added) = added.first() else { return Ok(Arrived::Known) };
            for (image, patient) in images_of(transaction, report)? {
                let pair = Pair { image, report: added.integer(0)? };
                join(transaction, pair, are_two_patients(&patient, &report.patient_id), now)?;
            }
            Ok(Arrived::New)
        })
    }

    /// Whether an image was taken in already.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn has_image(&self, sop_instance_uid: &str) -> Result<bool, ListenError> {
        self.store.read(|transaction| {
            let rows =
                transaction.query("SELECT id FROM image WHERE sop_instance_uid = ?1", &[sop_instance_uid.into()])?;
            Ok(!rows.is_empty())
        })
    }

    /// The next image to ground, the one that has waited longest; nobody else gets it.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn take_job(&self) -> Result<Option<Job>, ListenError> {
        let mut held = self.jobs.lock();
        let node = &self.home.node;
        let job = self.store.write(|transaction| {
            take_up(transaction, node, &held)?;
            let rows = transaction.query(
                "UPDATE image SET state = 'working', attempts = attempts + 1 WHERE id =
                   (SELECT id FROM image WHERE node = ?1 AND state = 'ready' AND due <= ?2 ORDER BY matched, id LIMIT 1)
                 RETURNING id, path, report, matched, (SELECT words FROM report WHERE report.id = image.report)",
                &[node.into(), self.now().into()],
            )?;
            rows.first().map(job).transpose()
        })?;
        held.extend(job.iter().map(|job| (job.id, job.report)));
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
        let written = self.store.write(|transaction| {
            for (destination, result) in destinations.iter().flat_map(|name| Some((name, result?))) {
                transaction.execute(
                    "INSERT INTO delivery
                       (image, sop_instance_uid, sop_class_uid, study_instance_uid, destination, path, node, state)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'queued')
                     ON CONFLICT (sop_instance_uid, destination) DO NOTHING",
                    &[
                        job.id.into(),
                        result.sop_instance_uid.into(),
                        result.sop_class_uid.into(),
                        result.study_instance_uid.into(),
                        destination.into(),
                        result.path.into(),
                        (&self.home.node).into(),
                    ],
                )?;
            }
            transaction
                .execute(
                    "UPDATE image SET state = 'done', problem = '' WHERE id = ?1 AND state = 'working' AND report = ?2",
                    &[job.id.into(), job.report.into()],
                )
                .map(drop)
        });
        self.jobs.bring_back(&(job.id, job.report));
        written
    }

    /// The job failed: it is tried again later, or never if that can't help.
    ///
    /// # Errors
    /// When the queue can't be written.
    pub fn fail_job(&self, job: &Job, problem: &str, again: bool) -> Result<(), ListenError> {
        let written = self.store.write(|transaction| {
            let rows = transaction.query("SELECT attempts FROM image WHERE id = ?1", &[job.id.into()])?;
            let Some(row) = rows.first() else { return Ok(()) };
            let attempts = row.integer(0)? as u32;
            let state = if again && attempts < MAX_ATTEMPTS { "ready" } else { "failed" };
            let due = self.now() + backoff(attempts);
            transaction
                .execute(
                    "UPDATE image SET state = ?2, due = ?3, problem = ?4
                     WHERE id = ?1 AND state = 'working' AND report = ?5",
                    &[job.id.into(), state.into(), due.into(), problem.into(), job.report.into()],
                )
                .map(drop)
        });
        self.jobs.bring_back(&(job.id, job.report));
        written
    }
}

/// What is neither finished nor held is done again.
pub(super) fn take_up(
    transaction: &mut dyn Transaction,
    node: &str,
    held: &BTreeSet<(i64, i64)>,
) -> Result<(), ListenError> {
    for row in
        transaction.query("SELECT id, report FROM image WHERE node = ?1 AND state = 'working'", &[node.into()])?
    {
        let id = row.integer(0)?;
        if !held.contains(&(id, row.integer(1)?)) {
            transaction.execute("UPDATE image SET state = 'ready' WHERE id = ?1", &[id.into()])?;
        }
    }
    Ok(())
}

/// The same text under the same keys is the same report, however it came.
fn digest(report: &NewReport) -> String {
    let mut digest = Sha256::new();
    for part in [&report.study_instance_uid, &report.accession_number, &report.patient_id, &report.words] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    hex(&digest.finalize())
}

/// The reports of a study, newest first, and their patients.
fn reports_of(
    transaction: &mut dyn Transaction,
    study: &str,
    accession: &str,
) -> Result<Vec<(i64, String)>, ListenError> {
    let rows = transaction.query(
        "SELECT id, patient_id FROM report
         WHERE (study_instance_uid <> '' AND study_instance_uid = ?1)
            OR (accession_number <> '' AND accession_number = ?2)
         ORDER BY id DESC LIMIT 100",
        &[study.into(), accession.into()],
    )?;
    rows.iter().map(id_and_patient).collect()
}

/// The images that a report is of, and their patients.
fn images_of(transaction: &mut dyn Transaction, report: &NewReport) -> Result<Vec<(i64, String)>, ListenError> {
    let rows = transaction.query(
        "SELECT id, patient_id FROM image
         WHERE state <> 'gone'
           AND ((?1 <> '' AND study_instance_uid = ?1) OR (?2 <> '' AND accession_number = ?2))",
        &[(&report.study_instance_uid).into(), (&report.accession_number).into()],
    )?;
    rows.iter().map(id_and_patient).collect()
}

fn id_and_patient(row: &Row) -> Result<(i64, String), ListenError> {
    Ok((row.integer(0)?, row.text(1)?))
}

fn job(row: &Row) -> Result<Job, ListenError> {
    Ok(Job {
        id: row.integer(0)?,
        path: row.text(1)?,
        report: row.integer(2)?,
        matched: row.integer(3)?,
        words: row.text(4)?,
    })
}

/// An image and a report that keys say belong together.
struct Pair {
    image: i64,
    report: i64,
}

/// Makes an image ready to be grounded with a report, unless they say that they are of two patients: accession numbers
/// are given again, and typed wrongly.
fn join(transaction: &mut dyn Transaction, pair: Pair, is_of_two_patients: bool, now: i64) -> Result<(), ListenError> {
    if is_of_two_patients {
        transaction.execute(
            "UPDATE image SET state = 'conflict', problem = 'image and report name different patients'
             WHERE id = ?1 AND state = 'waiting'",
            &[pair.image.into()],
        )?;
        return Ok(());
    }
    transaction.execute(
        "UPDATE image SET state = 'ready', report = ?2, matched = ?3, attempts = 0, due = 0, problem = '' WHERE id = ?1",
        &[pair.image.into(), pair.report.into(), now.into()],
    )?;
    Ok(())
}

fn are_two_patients(one: &str, other: &str) -> bool {
    !one.is_empty() && !other.is_empty() && one != other
}
