//! Laws of the queue: nothing is lost, nothing is done twice, whatever order things come in and wherever a process dies.

mod crash;
mod laws;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use knowmvg_listen::{NewImage, NewReport, Queue};

/// A queue in a folder of its own, with a clock that stands still until it is moved.
pub(crate) struct Bench {
    folder: PathBuf,
    time: Arc<AtomicI64>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("knowmvg-queue-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, time: Arc::new(AtomicI64::new(1_000_000)) }
    }

    /// As a process that starts.
    pub(crate) fn open(&self) -> Queue {
        let time = self.time.clone();
        Queue::open(&self.folder.join("queue.sqlite"), Arc::new(move || time.load(Ordering::SeqCst))).unwrap()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> i64 {
        self.time.load(Ordering::SeqCst)
    }

    /// Everything that the files of the queue hold.
    pub(crate) fn bytes(&self) -> Vec<u8> {
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
