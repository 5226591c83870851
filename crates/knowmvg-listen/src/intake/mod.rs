//! [`Intake`]: whatever arrives, by any way, is on the disk and in the queue before anybody is told so.

pub(crate) mod fhir;
pub(crate) mod hl7;

use std::sync::Arc;

use knowmvg_dicom::Identifiers;

use crate::bell::Bell;
use crate::error::ListenError;
use crate::log::Log;
use crate::queue::{Arrived, MAX_KEY, NewImage, NewReport, Queue};
use crate::random;
use crate::spool::Spool;

/// Longest report that is taken.
///
/// # Units
/// Bytes.
pub(crate) const MAX_REPORT: usize = 1 << 20;

/// SOP classes of images that are grounded: CR, DX for presentation, secondary capture.
const IMAGES: [&str; 3] = ["1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.7"];

/// SOP classes of reports in words: Basic Text SR, Enhanced SR, Comprehensive SR.
const REPORTS: [&str; 3] =
    ["1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.88.33"];

/// Why something was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is neither a radiograph nor a report in words.
    NotOurs,
    /// It is damaged, or lacks what is needed.
    Unreadable,
    /// The disk is full or the queue is broken: the sender should try again.
    Later,
}

/// Takes objects and reports in.
pub(crate) struct Intake {
    queue: Arc<Queue>,
    spool: Arc<Spool>,
    bell: Arc<Bell>,
    log: Log,
}

impl Intake {
    /// Into a queue and its spool; the bell rings when something is new.
    pub fn new(queue: Arc<Queue>, spool: Arc<Spool>, bell: Arc<Bell>, log: Log) -> Self {
        Self { queue, spool, bell, log }
    }

    /// The queue it fills.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Takes a DICOM file in: an image, or a report in words.
    ///
    /// # Errors
    /// When it can't be read, is none of the two, or could not be stored.
    pub fn object(&self, file: &[u8]) -> Result<Arrived, Refused> {
        let identifiers = Identifiers::read(file).map_err(|_| Refused::Unreadable)?;
        if identifiers.sop_instance_uid.len() > MAX_KEY {
            return Err(Refused::Unreadable);
        }
        if self.queue.is_own(&identifiers.sop_instance_uid).map_err(|e| self.later(&e))? {
            return Ok(Arrived::Known);
        }
        match identifiers.sop_class_uid.as_str() {
            class if IMAGES.contains(&class) => self.image(identifiers, file),
            class if REPORTS.contains(&class) => self.report_object(identifiers, file),
            _ => Err(Refused::NotOurs),
        }
    }

    fn image(&self, identifiers: Identifiers, file: &[u8]) -> Result<Arrived, Refused> {
        if self.queue.has_image(&identifiers.sop_instance_uid).map_err(|e| self.later(&e))? {
            return Ok(Arrived::Known);
        }
        let path = format!("{}.dcm", random::name().map_err(|_| Refused::Later)?);
        self.spool.write(&path, file).map_err(|_| self.full())?;
        let image = NewImage {
            sop_instance_uid: identifiers.sop_instance_uid,
            study_instance_uid: identifiers.study_instance_uid,
            accession_number: identifiers.accession_number,
            patient_id: identifiers.patient_id,
            path,
        };
        let arrived = self.queue.add_image(&image).map_err(|e| self.later(&e))?;
        match arrived {
            Arrived::New => self.tell("image taken in"),
            // Somebody else was faster; what can't be deleted now is swept at the next start.
            Arrived::Known => drop(self.spool.remove(&image.path)),
        }
        Ok(arrived)
    }

    fn report_object(&self, identifiers: Identifiers, file: &[u8]) -> Result<Arrived, Refused> {
        let words = knowmvg_dicom::report_text(file).map_err(|_| Refused::Unreadable)?.ok_or(Refused::NotOurs)?;
        self.report(&NewReport {
            study_instance_uid: identifiers.study_instance_uid,
            accession_number: identifiers.accession_number,
            patient_id: identifiers.patient_id,
            words,
        })
    }

    /// Takes a report in.
    ///
    /// # Errors
    /// When it is empty, too long, belongs to no study, or could not be stored.
    pub fn report(&self, report: &NewReport) -> Result<Arrived, Refused> {
        let has_study = !report.study_instance_uid.is_empty() || !report.accession_number.is_empty();
        if !has_study || report.words.trim().is_empty() || report.words.len() > MAX_REPORT {
            return Err(Refused::Unreadable);
        }
        let arrived = self.queue.add_report(report).map_err(|e| self.later(&e))?;
        if arrived == Arrived::New {
            self.tell("report taken in");
        }
        Ok(arrived)
    }

    fn tell(&self, event: &'static str) {
        self.log.event(event);
        self.bell.ring();
    }

    fn later(&self, error: &ListenError) -> Refused {
        self.log.with("queue failed", serde_json::json!({"problem": error.to_string()}));
        Refused::Later
    }

    fn full(&self) -> Refused {
        self.log.event("spool failed: is the disk full?");
        Refused::Later
    }
}
