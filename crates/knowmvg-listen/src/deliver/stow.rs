//! Results by STOW-RS.

use super::{Attempt, MAX_RESULT, Sender};
use crate::config::HttpServer;
use crate::dicomweb::DicomWeb;
use crate::error::ListenError;
use crate::http::{Client, HttpProblem};
use crate::queue::{Delivery, NotSent};

/// A DICOMweb server that results go to.
pub(super) struct Stow {
    server: DicomWeb,
}

impl Stow {
    pub fn new(server: &HttpServer) -> Result<Self, ListenError> {
        Ok(Self { server: DicomWeb::new(Client::new(server)?, MAX_RESULT) })
    }
}

impl Sender for Stow {
    fn has(&self, delivery: &Delivery, _: &[u8]) -> Result<Option<bool>, Attempt> {
        match self.server.has(&delivery.study_instance_uid, &delivery.sop_instance_uid) {
            Ok(has) => Ok(Some(has)),
            // A server without QIDO-RS.
            Err(HttpProblem::Status(400 | 405 | 501)) => Ok(None),
            Err(problem) => Err(Attempt::new(NotSent::Unsure, problem.to_string())),
        }
    }

    fn check(&self) -> Result<(), Attempt> {
        // A UID that no object has: the answer is empty, and that it comes is enough.
        let probe = self.server.has("2.25.0", "2.25.0");
        probe.map(drop).map_err(|problem| Attempt::new(NotSent::NotThere, problem.to_string()))
    }

    fn send(&self, delivery: &Delivery, file: &[u8]) -> Result<(), Attempt> {
        let problem = match self.server.store(&delivery.study_instance_uid, file) {
            Ok(200) => return Ok(()),
            Ok(status) => HttpProblem::Status(status),
            Err(problem) => problem,
        };
        let outcome = match problem {
            HttpProblem::Unreachable => NotSent::NotThere,
            // PS3.18 §10.5.3: 202 and 409 say that the object was not stored, 400 and 415 that it never will be.
            HttpProblem::Status(202 | 400 | 409 | 415 | 422) => NotSent::Refused,
            HttpProblem::Status(_) => NotSent::NotThere,
            HttpProblem::Lost | HttpProblem::Answer => NotSent::Unsure,
        };
        Err(Attempt::new(outcome, problem.to_string()))
    }
}
