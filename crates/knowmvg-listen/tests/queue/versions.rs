//! Queues of other versions.

use knowmvg_listen::{ListenError, Queue, clock};
use rusqlite::Connection;

use crate::beside::client;
use crate::{Store, image, report};

/// The first files had no number of their version, and no nodes.
const FIRST: &str = include_str!("../../src/queue/sqlite/schema_1.sql");

#[test]
fn a_file_of_the_first_version_goes_on() {
    let bench = Store::Sqlite.bench();
    let file = Connection::open(bench.folder().join("queue.sqlite")).unwrap();
    file.execute_batch(FIRST).unwrap();
    let old =
        "INSERT INTO image (sop_instance_uid, study_instance_uid, accession_number, patient_id, path, state, received)
               VALUES ('1.2.1', '1.1.1', 'ACC-1', 'MRN-1', '1.dcm', 'waiting', 1)";
    file.execute_batch(old).unwrap();
    drop(file);
    let queue = bench.open();
    queue.add_report(&report(1, "effusion")).unwrap();
    assert_eq!(queue.take_job().unwrap().unwrap().path, "1.dcm");
    assert!(queue.files().unwrap().contains("1.dcm"));
}

on_both_stores!(a_queue_of_a_later_version_is_left_alone, a_queue_that_is_not_there_is_not_made_by_who_looks);

fn a_queue_of_a_later_version_is_left_alone(store: Store) {
    let bench = store.bench();
    bench.open().add_image(&image(1)).unwrap();
    match store {
        Store::Sqlite => {
            let file = Connection::open(bench.folder().join("queue.sqlite")).unwrap();
            file.pragma_update(None, "user_version", 99).unwrap();
        }
        Store::Postgres(cluster) => {
            client(cluster, bench.database()).batch_execute("UPDATE knowmvg.queue SET version = 99").unwrap();
        }
    }
    assert!(matches!(bench.try_open().map(drop), Err(ListenError::ForeignQueue(_))));
    assert!(matches!(Queue::beside(&bench.config(), clock::system()).map(drop), Err(ListenError::ForeignQueue(_))));
}

fn a_queue_that_is_not_there_is_not_made_by_who_looks(store: Store) {
    let bench = store.bench();
    for _ in 0..2 {
        assert!(matches!(Queue::beside(&bench.config(), clock::system()).map(drop), Err(ListenError::NoQueue(_))));
    }
    let running = bench.open();
    running.add_image(&image(1)).unwrap();
    let beside = Queue::beside(&bench.config(), clock::system()).unwrap();
    assert_eq!(beside.status().unwrap(), running.status().unwrap());
    assert_eq!(beside.retry().unwrap(), 0);
}
