//! The DICOM node: images and reports in, structured reports out.
//!
//! ```text
//! C-STORE ──┐                                              ┌──▶ STOW-RS
//! DICOMweb ─┤                                              │
//! HL7 v2 ───┼─▶ Intake ──▶ Queue + Spool ──▶ Worker ──▶ Outbox ──▶ C-STORE
//! FHIR ─────┘   on the disk    on the disk     grounds   one thread each
//! ```
//!
//! The queue ([`Queue`]) is an SQLite file or a database of PostgreSQL, the spool a folder. Whoever sent something is told so after
//! it is on the disk. There is no orderly way to stop, because none is needed: the process may be killed at any point, loses
//! nothing, and sends nothing twice. UIDs of results are made from what went in, so that a result that is made again is the same;
//! a delivery that was cut short is asked for at the destination before it is sent again.
//!
//! Image and report find each other by Study Instance UID or accession number, unless they name different patients.
//!
//! Nothing of a patient is in a log, an error or a status; what was sent is forgotten after some days.
#![warn(missing_docs)]

mod bell;
pub mod clock;
mod config;
mod deliver;
mod dicomweb;
mod error;
mod http;
mod intake;
mod log;
mod mllp;
mod node;
mod part10;
mod poll;
mod port;
mod queue;
mod random;
mod result;
mod run;
mod spool;
mod tls;
mod trouble;
mod work;

pub use config::{
    ClientTls, Config, DeidentifyConfig, Destination, DicomConfig, Hl7Config, HttpServer, Peer, PollConfig,
    QueueConfig, Secret, ServerTls, StoreScp,
};
pub use error::ListenError;
pub use log::{Log, Sink};
pub use queue::{
    Arrived, DatabaseProblem, Delivery, Failed, Job, MAX_ATTEMPTS, NewDelivery, NewImage, NewReport, NotSent, Queue,
    Status,
};
pub use run::{Checked, Listener};
