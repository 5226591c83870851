//! Results → destinations, each in a thread of its own, so that one that is down holds up no other.

mod outgoing;
mod store;
mod stow;

use std::sync::Arc;
use std::time::Duration;

use knowmvg_dicom::deidentify::Deidentifier;
use serde_json::json;

use crate::bell::Bell;
use crate::config::Destination;
use crate::error::ListenError;
use crate::log::Log;
use crate::queue::{Delivery, NotSent, Queue};
use crate::spool::Spool;
use crate::trouble::Trouble;

/// Largest result.
const MAX_RESULT: u64 = 64 << 20;

/// How long a thread without work waits for the bell.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why an attempt failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    problem: String,
    outcome: NotSent,
}

impl Attempt {
    fn new(outcome: NotSent, problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), outcome }
    }
}

/// One way to hand a result over.
trait Sender: Send {
    /// Whether the destination has the result; `None` if it can't be asked.
    fn has(&self, delivery: &Delivery, file: &[u8]) -> Result<Option<bool>, Attempt>;

    /// Whether the destination answers at all.
    fn check(&self) -> Result<(), Attempt>;

    /// Hands it over.
    fn send(&self, delivery: &Delivery, file: &[u8]) -> Result<(), Attempt>;
}

/// A destination that can be reached, as far as its configuration goes.
pub(crate) struct Outbox {
    name: String,
    sender: Box<dyn Sender>,
    /// Where the destination is outside.
    deidentifier: Option<Deidentifier>,
}

impl Outbox {
    /// Reads what the destination needs.
    ///
    /// # Errors
    /// When a certificate, token or key can't be read.
    pub fn new(destination: &Destination) -> Result<Self, ListenError> {
        let sender: Box<dyn Sender> = match (&destination.stow, &destination.store) {
            (Some(server), _) => Box::new(stow::Stow::new(server)?),
            (None, Some(scp)) => Box::new(store::Store::new(scp)?),
            (None, None) => return Err(ListenError::Config("expected either stow or store".into())),
        };
        let deidentifier = destination.deidentify.as_ref().map(outgoing::deidentifier).transpose()?;
        Ok(Self { name: destination.name.clone(), sender, deidentifier })
    }

    /// Whether the destination answers, without sending it anything of a patient.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        self.sender.check().map_err(|attempt| attempt.problem)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends for ever.
    pub fn run(&self, queue: &Queue, spool: &Spool, bell: &Arc<Bell>, log: &Log) {
        let mut trouble = Trouble::default();
        loop {
            let heard = bell.rings();
            let worked = queue.take_delivery(&self.name).and_then(|delivery| match delivery {
                Some(delivery) => self.deliver(&delivery, queue, spool, log),
                None => {
                    bell.wait(heard, PATIENCE);
                    Ok(())
                }
            });
            match worked {
                Ok(()) => trouble.is_over(log),
                Err(error) => {
                    trouble.tell(log, &error);
                    std::thread::sleep(PATIENCE);
                }
            }
        }
    }

    fn deliver(&self, delivery: &Delivery, queue: &Queue, spool: &Spool, log: &Log) -> Result<(), ListenError> {
        match self.attempt(delivery, spool) {
            Ok(how) => {
                queue.sent(delivery)?;
                log.with(how, json!({"delivery": delivery.id, "destination": self.name}));
            }
            Err(attempt) => {
                queue.not_sent(delivery, &attempt.problem, attempt.outcome)?;
                let facts = json!({"delivery": delivery.id, "destination": self.name, "problem": attempt.problem});
                log.with("result not sent", facts);
            }
        }
        Ok(())
    }

    /// Sends, unless an earlier attempt that was cut short turns out to have arrived.
    fn attempt(&self, delivery: &Delivery, spool: &Spool) -> Result<&'static str, Attempt> {
        let file = spool
            .read(&delivery.path, MAX_RESULT)
            .map_err(|_| Attempt::new(NotSent::NotThere, "the result's file cannot be read"))?;
        // Made anew at every attempt: the same file by the same key is the same object.
        let (delivery, file) = &outgoing::outgoing(delivery, file, self.deidentifier.as_ref())?;
        if delivery.unsure {
            match self.sender.has(delivery, file) {
                Ok(Some(true)) => return Ok("result had arrived"),
                // It is not there, or nobody can tell; the UIDs are the same, so that twice is once.
                Ok(Some(false) | None) => {}
                Err(attempt) => return Err(Attempt { outcome: NotSent::Unsure, ..attempt }),
            }
        }
        self.sender.send(delivery, file)?;
        Ok("result sent")
    }
}
