//! [`Worker`]: image and report → structured report, in the outbox.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use knowmvg::ask::{Asking, report_warnings};
use knowmvg::grounder::Grounder;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::bell::Bell;
use crate::error::ListenError;
use crate::log::Log;
use crate::queue::{Job, NewDelivery, Queue};
use crate::result;
use crate::spool::Spool;
use crate::trouble::Trouble;

/// How long it waits for the bell when there is nothing to do.
const PATIENCE: Duration = Duration::from_secs(1);

/// Grounds what is ready, one after the other: a grounding uses all threads.
pub(crate) struct Worker {
    /// The model.
    pub grounder: Grounder,
    /// Jobs in, deliveries out.
    pub queue: Arc<Queue>,
    /// Images in, results out.
    pub spool: Arc<Spool>,
    /// Rings for the worker and for the outboxes.
    pub bell: Arc<Bell>,
    /// Where everything is told.
    pub log: Log,
    /// Names of the destinations.
    pub destinations: Vec<String>,
    /// Largest image.
    pub max_object: u64,
}

/// Why a job failed.
struct Failed {
    problem: String,
    /// Whether trying again may help.
    again: bool,
}

impl Worker {
    /// Works for ever.
    pub fn run(&self) {
        let mut trouble = Trouble::default();
        loop {
            let heard = self.bell.rings();
            let worked = self.queue.take_job().and_then(|job| match job {
                Some(job) => self.one(&job),
                None => {
                    self.bell.wait(heard, PATIENCE);
                    Ok(())
                }
            });
            match worked {
                Ok(()) => trouble.is_over(&self.log),
                Err(error) => {
                    trouble.tell(&self.log, &error);
                    std::thread::sleep(PATIENCE);
                }
            }
        }
    }

    fn one(&self, job: &Job) -> Result<(), ListenError> {
        let start = Instant::now();
        // A panic is a bug of ours, and must not stop the node; the image stays and says so.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.ground(job)))
            .unwrap_or_else(|_| Err(Failed { problem: "the program failed on it".into(), again: false }));
        match outcome {
            Ok(()) => {
                let milliseconds = start.elapsed().as_millis() as u64;
                self.log.with("image grounded", json!({"image": job.id, "milliseconds": milliseconds}));
                self.bell.ring();
                Ok(())
            }
            Err(failed) => {
                self.log.with("image not grounded", json!({"image": job.id, "problem": failed.problem}));
                self.queue.fail_job(job, &failed.problem, failed.again)
            }
        }
    }

    fn ground(&self, job: &Job) -> Result<(), Failed> {
        let never = |problem: String| Failed { problem, again: false };
        let later = |problem: &str| Failed { problem: problem.to_owned(), again: true };
        let file = self.spool.read(&job.path, self.max_object).map_err(|_| later("the image's file cannot be read"))?;
        // These errors quote no free text of the file.
        let image = knowmvg_dicom::read_image(&file).map_err(|e| never(e.to_string()))?;
        let source = knowmvg_dicom::Source::read(&file).map_err(|e| never(e.to_string()))?;
        let session = self.grounder.session(&image).map_err(|_| never("the image cannot be encoded".into()))?;
        let Asking { asked, warnings } = session.asked(Some(&job.words), &[]);
        let mut grounding = session.grounding(asked);
        grounding.warnings.extend(warnings);
        grounding.warnings.extend(report_warnings(Some(&job.words), &grounding));
        let Some(result) = result::write(&source, &grounding, job.matched).map_err(never)? else {
            self.log.with("nothing to show", json!({"image": job.id}));
            return self.finish(job, None);
        };
        let path = format!("{:x}.sr.dcm", Sha256::digest(&result.identifiers.sop_instance_uid));
        self.spool.write(&path, &result.file).map_err(|_| later("the result cannot be written"))?;
        let delivery = NewDelivery {
            sop_instance_uid: &result.identifiers.sop_instance_uid,
            sop_class_uid: &result.identifiers.sop_class_uid,
            study_instance_uid: &result.identifiers.study_instance_uid,
            path: &path,
        };
        self.finish(job, Some(&delivery))
    }

    fn finish(&self, job: &Job, result: Option<&NewDelivery>) -> Result<(), Failed> {
        let finished = self.queue.finish_job(job, result, &self.destinations);
        finished.map_err(|_| Failed { problem: "the queue cannot be written".to_owned(), again: true })
    }
}
