//! [`Listener`]: everything that runs, and how it is started.

use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use knowmvg::grounder::Grounder;
use serde::Serialize;
use serde_json::json;

use crate::bell::Bell;
use crate::clock::{self, Clock, DAY};
use crate::config::{Config, PollConfig};
use crate::deliver::Outbox;
use crate::dicomweb::DicomWeb;
use crate::error::ListenError;
use crate::http::Client;
use crate::intake::Intake;
use crate::log::Log;
use crate::mllp::Mllp;
use crate::node::Node;
use crate::poll::Poll;
use crate::queue::Queue;
use crate::spool::{Spool, private};
use crate::work::Worker;

const LOCK_FILE: &str = "lock";

/// Largest object that a poll fetches if no DICOM node says so.
const MAX_OBJECT_MIB: u64 = 256;

/// How often the spool and the queue are cleaned.
const CLEANING: Duration = Duration::from_secs(3600);

/// What became of a question to a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its name.
    pub destination: String,
    /// What is wrong, if anything is.
    pub problem: Option<String>,
}

/// A node that has its ports, its files and its data folder, and does nothing yet.
pub struct Listener {
    config: Config,
    node: Option<Node>,
    mllp: Option<Mllp>,
    outboxes: Vec<Outbox>,
    dicomweb: Option<DicomWeb>,
    fhir: Option<Client>,
    queue: Arc<Queue>,
    spool: Arc<Spool>,
    clock: Clock,
    /// Held as long as the process lives.
    _lock: File,
}

impl Listener {
    /// Takes ports and the data folder, and reads certificates and tokens.
    ///
    /// # Errors
    /// When a port or the folder is in use, or a file can't be read.
    pub fn new(config: Config) -> Result<Self, ListenError> {
        let data = &config.data;
        fs::create_dir_all(data).map_err(|e| ListenError::file("cannot make the folder", data, e))?;
        // The queue has words of reports in it, and so have its temporary files.
        private(data).map_err(|e| ListenError::file("cannot protect the folder", data, e))?;
        let lock = lock(&config)?;
        let clock = clock::system();
        let queue = Queue::open(&config, clock.clone())?;
        let spool = Spool::open(queue.spool())?;
        let swept = spool.sweep(&queue.files()?);
        swept.map_err(|e| ListenError::file("cannot clean the folder", queue.spool(), e))?;
        let client = |poll: &Option<PollConfig>| poll.as_ref().map(|poll| Client::new(&poll.server)).transpose();
        let max_object = max_object(&config);
        Ok(Self {
            node: config.dicom.as_ref().map(Node::bind).transpose()?,
            mllp: config.hl7.as_ref().map(Mllp::bind).transpose()?,
            outboxes: config.deliver.iter().map(Outbox::new).collect::<Result<_, _>>()?,
            dicomweb: client(&config.dicomweb)?.map(|client| DicomWeb::new(client, max_object)),
            fhir: client(&config.fhir)?,
            queue: Arc::new(queue),
            spool: Arc::new(spool),
            clock,
            config,
            _lock: lock,
        })
    }

    /// Where the DICOM node listens.
    pub fn dicom_address(&self) -> Option<SocketAddr> {
        self.node.as_ref().and_then(|node| node.address().ok())
    }

    /// Where HL7 messages are taken.
    pub fn hl7_address(&self) -> Option<SocketAddr> {
        self.mllp.as_ref().and_then(|mllp| mllp.address().ok())
    }

    /// Asks every destination whether it answers; nothing of a patient is sent.
    pub fn check(&self) -> Vec<Checked> {
        let one = |outbox: &Outbox| Checked { destination: outbox.name().to_owned(), problem: outbox.check().err() };
        self.outboxes.iter().map(one).collect()
    }

    /// Works until the process is killed.
    ///
    /// # Errors
    /// When a thread can't be started.
    pub fn run(self, grounder: Grounder, log: &Log) -> Result<(), ListenError> {
        let bell = Arc::new(Bell::default());
        let intake = Arc::new(Intake::new(self.queue.clone(), self.spool.clone(), bell.clone(), log.clone()));
        let destinations = self.config.deliver.iter().map(|destination| destination.name.clone()).collect();
        let max_object = max_object(&self.config);
        let (queue, spool, clock) = (self.queue, self.spool, self.clock);

        for outbox in self.outboxes {
            let (queue, spool, bell, log) = (queue.clone(), spool.clone(), bell.clone(), log.clone());
            start("deliver", move || outbox.run(&queue, &spool, &bell, &log))?;
        }
        if let Some(node) = self.node {
            let (intake, log) = (intake.clone(), log.clone());
            start("dicom", move || node.run(&intake, &log))?;
        }
        if let Some(mllp) = self.mllp {
            let (intake, log) = (intake.clone(), log.clone());
            start("hl7", move || mllp.run(&intake, &log))?;
        }
        let poll = |config: &PollConfig| Poll {
            intake: intake.clone(),
            clock: clock.clone(),
            log: log.clone(),
            back_days: config.back_days,
            every: Duration::from_secs(config.poll_seconds.max(1)),
        };
        if let (Some(server), Some(config)) = (self.dicomweb, &self.config.dicomweb) {
            let poll = poll(config);
            start("dicomweb", move || poll.dicomweb(&server))?;
        }
        if let (Some(server), Some(config)) = (self.fhir, &self.config.fhir) {
            let poll = poll(config);
            start("fhir", move || poll.fhir(&server))?;
        }
        {
            let (queue, spool, log, keep) = (queue.clone(), spool.clone(), log.clone(), self.config.keep_days);
            start("clean", move || clean(&queue, &spool, &log, &clock, keep))?;
        }
        let worker = Worker { grounder, queue, spool, bell, log: log.clone(), destinations, max_object };
        worker.run();
        Ok(())
    }
}

fn max_object(config: &Config) -> u64 {
    config.dicom.as_ref().map_or(MAX_OBJECT_MIB, |dicom| dicom.max_object_mib) << 20
}

/// Two processes in one folder would do everything twice.
fn lock(config: &Config) -> Result<File, ListenError> {
    let path = config.data.join(LOCK_FILE);
    let file = File::create(&path).map_err(|e| ListenError::file("cannot make the lock", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ListenError::InUse(config.data.clone())),
        Err(TryLockError::Error(e)) => Err(ListenError::file("cannot take the lock", path, e)),
    }
}

fn start(name: &'static str, work: impl FnOnce() + Send + 'static) -> Result<(), ListenError> {
    let started = Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|e| ListenError::file("cannot start the thread", name, e))
}

/// Forgets what is over, again and again.
fn clean(queue: &Queue, spool: &Spool, log: &Log, clock: &Clock, keep_days: u32) {
    loop {
        match queue.purge(clock() - i64::from(keep_days) * DAY) {
            Ok(files) => {
                let kept = files.iter().filter(|file| spool.remove(file).is_err()).count();
                if !files.is_empty() {
                    log.with("forgotten", json!({"files": files.len() - kept, "not deleted": kept}));
                }
            }
            Err(error) => log.with("queue failed", json!({"problem": error.to_string()})),
        }
        if let Err(error) = queue.erase() {
            log.with("queue failed", json!({"problem": error.to_string()}));
        }
        std::thread::sleep(CLEANING);
    }
}
