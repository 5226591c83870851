//! A server that goes away under the queue, and comes back.

use std::time::{Duration, Instant};

use knowmvg_listen::{Arrived, DatabaseProblem, ListenError, NewDelivery, Queue};
use postgres::IsolationLevel;

use crate::beside::client;
use crate::cluster::Cluster;
use crate::{Bench, Store, image, report};

/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(120);

const RESULT: NewDelivery =
    NewDelivery { sop_instance_uid: "2.25.7", sop_class_uid: "1.2", study_instance_uid: "1.1.1", path: "7.sr.dcm" };

fn is_of_the_database<T>(outcome: Result<T, ListenError>) -> bool {
    matches!(outcome, Err(ListenError::Database(DatabaseProblem::Lost | DatabaseProblem::Unreachable)))
}

fn wait_until_it_answers(queue: &Queue) {
    let end = Instant::now() + PATIENCE;
    while queue.status().is_err() {
        assert!(Instant::now() < end, "the queue does not connect again");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_a_lost_server_did_not_hear_of_is_done_again_and_asked_for() {
    let Some(mut cluster) = Cluster::start(None) else {
        return println!("SKIPPED what_a_lost_server_did_not_hear_of: PostgreSQL is not installed");
    };
    let bench = Bench::new(None, format!("[queue]\nurl = \"{}\"\n", cluster.url("postgres")));
    let queue = bench.open();
    queue.add_image(&image(1)).unwrap();
    queue.add_report(&report(1, "effusion")).unwrap();
    let job = queue.take_job().unwrap().unwrap();

    cluster.stop();
    assert!(is_of_the_database(queue.add_image(&image(2))), "nobody is told that it was taken in");
    assert!(is_of_the_database(queue.finish_job(&job, Some(&RESULT), &["pacs".to_owned()])));
    assert!(is_of_the_database(queue.take_job()));
    assert!(is_of_the_database(queue.status()));

    cluster.start_again();
    wait_until_it_answers(&queue);
    let again = queue.take_job().unwrap().expect("its end was not heard of");
    assert_eq!((again.id, again.report, again.matched), (job.id, job.report, job.matched));
    assert!(queue.take_job().unwrap().is_none(), "it is given out once");
    queue.finish_job(&again, Some(&RESULT), &["pacs".to_owned()]).unwrap();
    let delivery = queue.take_delivery("pacs").unwrap().unwrap();
    assert!(!delivery.unsure);

    cluster.stop();
    assert!(is_of_the_database(queue.sent(&delivery)));
    cluster.start_again();
    wait_until_it_answers(&queue);
    let again = queue.take_delivery("pacs").unwrap().expect("nobody knows whether it arrived");
    assert!(again.unsure && again.id == delivery.id);
    queue.sent(&again).unwrap();
    assert_eq!(queue.add_image(&image(2)).unwrap(), Arrived::New);
    assert_eq!(queue.status().unwrap().deliveries["sent"], 1);
    let log = cluster.log();
    assert!(!["MRN-", "ACC-", "effusion"].iter().any(|word| log.contains(word)), "{log}");
}

#[test]
fn a_connection_that_was_cut_is_replaced_without_anybody_noticing() {
    let Some(Store::Postgres(cluster)) = Store::postgres("a_connection_that_was_cut_is_replaced") else { return };
    let bench = Store::Postgres(cluster).bench();
    let queue = bench.open();
    queue.add_image(&image(1)).unwrap();
    queue.add_report(&report(1, "effusion")).unwrap();
    let job = queue.take_job().unwrap().unwrap();
    let cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = $1";
    assert_eq!(client(cluster, "postgres").query(cut, &[&bench.database()]).unwrap().len(), 1);
    assert_eq!(queue.add_image(&image(1)).unwrap(), Arrived::Known);
    assert!(queue.take_job().unwrap().is_none(), "the job is still held");
    queue.finish_job(&job, None, &[]).unwrap();
    assert_eq!(queue.status().unwrap().images["done"], 1);
}

/// A backup is such a transaction.
#[test]
fn what_an_open_transaction_still_sees_is_not_said_to_be_gone() {
    let Some(Store::Postgres(cluster)) = Store::postgres("what_an_open_transaction_still_sees") else { return };
    let bench = Store::Postgres(cluster).bench();
    let queue = bench.open();
    queue.add_report(&report(1, "a word that must go")).unwrap();
    let mut beside = client(cluster, bench.database());
    let mut backup = beside.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().unwrap();
    backup.query_one("SELECT count(*) FROM knowmvg.queue", &[]).unwrap();
    bench.pass(10);
    queue.purge(bench.now()).unwrap();
    let is_there = || String::from_utf8_lossy(&bench.bytes()).contains("a word that must go");
    assert!(matches!(queue.erase(), Err(ListenError::Database(DatabaseProblem::Kept))));
    assert!(is_there(), "else this test shows nothing");
    backup.commit().unwrap();
    queue.erase().unwrap();
    assert!(!is_there());
}
