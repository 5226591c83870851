//! Laws of the queue: nothing is lost, nothing is done twice, whatever order things come in and wherever a process dies.
//!
//! They hold in both stores: [`on_both_stores`] makes two tests of each.

/// Tests of functions that take a [`Store`].
macro_rules! on_both_stores {
    ($($law:ident),* $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $law() {
                super::$law(crate::Store::Sqlite);
            })*
        }

        mod postgres {
            $(#[test]
            fn $law() {
                if let Some(store) = crate::Store::postgres(stringify!($law)) {
                    super::$law(store);
                }
            })*
        }
    };
}

#[path = "../authority/mod.rs"]
mod authority;
mod beside;
#[path = "../cluster/mod.rs"]
mod cluster;
mod crash;
mod encrypted;
mod laws;
mod nodes;
mod outage;
mod versions;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use knowmvg_listen::{Config, ListenError, NewImage, NewReport, Queue};

use crate::beside::{client, table_bytes};
use crate::cluster::Cluster;

static CLUSTER: LazyLock<Option<Cluster>> = LazyLock::new(|| Cluster::start(None));

/// Where the rows of a queue are.
#[derive(Clone, Copy)]
pub(crate) enum Store {
    Sqlite,
    Postgres(&'static Cluster),
}

impl Store {
    /// `None`, and a line that says so, where there is no PostgreSQL.
    pub(crate) fn postgres(test: &str) -> Option<Self> {
        if CLUSTER.is_none() {
            println!("SKIPPED {test} in PostgreSQL: it is not installed");
        }
        CLUSTER.as_ref().map(Self::Postgres)
    }

    /// An empty queue.
    pub(crate) fn bench(self) -> Bench {
        match self {
            Self::Sqlite => Bench::new(None, String::new()),
            Self::Postgres(cluster) => {
                // A database each: what is deleted in one lives on while somebody reads there.
                let name = format!("test_{}", number());
                client(cluster, "postgres").batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
                let queue = format!("[queue]\nurl = \"{}?application_name={name}\"\n", cluster.url(&name));
                Bench::new(Some((cluster, name)), queue)
            }
        }
    }
}

fn number() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::SeqCst)
}

/// A queue in a folder of its own, with a clock that stands still until it is moved.
pub(crate) struct Bench {
    folder: PathBuf,
    server: Option<(&'static Cluster, String)>,
    /// What its configuration says of the queue.
    queue: String,
    time: Arc<AtomicI64>,
}

impl Bench {
    pub(crate) fn new(server: Option<(&'static Cluster, String)>, queue: String) -> Self {
        let folder = std::env::temp_dir().join(format!("knowmvg-queue-{}-{}", std::process::id(), number()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, server, queue, time: Arc::new(AtomicI64::new(1_000_000)) }
    }

    /// Another node of the same queue, with a folder of its own and the same clock.
    pub(crate) fn other_node(&self) -> Self {
        let mut other = Self::new(self.server.clone(), self.queue.clone());
        other.time = self.time.clone();
        other
    }

    /// As a process that starts.
    pub(crate) fn open(&self) -> Queue {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Queue, ListenError> {
        let time = self.time.clone();
        Queue::open(&self.config(), Arc::new(move || time.load(Ordering::SeqCst)))
    }

    pub(crate) fn config(&self) -> Config {
        let folder = self.folder.to_str().unwrap();
        toml::from_str(&format!("data = \"{folder}\"\n{}", self.queue)).unwrap()
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Name of its database.
    pub(crate) fn database(&self) -> &str {
        &self.server.as_ref().unwrap().1
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> i64 {
        self.time.load(Ordering::SeqCst)
    }

    /// Everything that the files of the queue hold.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        if let Some((cluster, database)) = &self.server {
            return table_bytes(cluster, database);
        }
        let files = std::fs::read_dir(&self.folder).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

pub(crate) fn image(number: u32) -> NewImage {
    NewImage {
        sop_instance_uid: format!("1.2.{number}"),
        study_instance_uid: format!("1.1.{number}"),
        accession_number: format!("ACC-{number}"),
        patient_id: format!("MRN-{number}"),
        path: format!("{number}.dcm"),
    }
}

pub(crate) fn report(number: u32, words: &str) -> NewReport {
    NewReport {
        study_instance_uid: String::new(),
        accession_number: format!("ACC-{number}"),
        patient_id: format!("MRN-{number}"),
        words: words.to_owned(),
    }
}
