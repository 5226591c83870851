//! What happens to one image.

use knowmvg_listen::{Arrived, NewDelivery, NewImage, NewReport, NotSent, Queue};

use crate::{Store, image, report};

on_both_stores!(
    image_and_report_meet_in_either_order,
    a_study_uid_joins_without_an_accession_number,
    empty_numbers_join_nothing,
    what_comes_again_changes_nothing,
    a_corrected_report_is_grounded_anew_even_while_the_first_is_worked_on,
    one_accession_number_of_two_patients_is_a_conflict_until_the_right_report_comes,
    an_older_report_of_the_right_patient_is_found_behind_a_newer_one_of_another,
    every_destination_gets_every_result_once,
    a_delivery_that_fails_waits_longer_each_time_and_fails_for_good_when_refused,
    what_was_cut_short_is_taken_up_by_the_next_process,
    what_is_over_is_forgotten_to_the_last_byte_and_not_done_again,
    zeros_and_endless_keys_do_no_harm,
);

const RESULT: NewDelivery = NewDelivery {
    sop_instance_uid: "2.25.7",
    sop_class_uid: "1.2.840.10008.5.1.4.1.1.88.34",
    study_instance_uid: "1.1.1",
    path: "7.sr.dcm",
};

fn destinations() -> [String; 2] {
    ["pacs".to_owned(), "archive".to_owned()]
}

/// Takes the only job and finishes it.
fn ground(queue: &Queue) {
    let job = queue.take_job().unwrap().expect("an image that is ready");
    queue.finish_job(&job, Some(&RESULT), &destinations()).unwrap();
}

fn image_and_report_meet_in_either_order(store: Store) {
    for image_first in [true, false] {
        let bench = store.bench();
        let queue = bench.open();
        if image_first {
            queue.add_image(&image(1)).unwrap();
            assert!(queue.take_job().unwrap().is_none());
            queue.add_report(&report(1, "effusion")).unwrap();
        } else {
            queue.add_report(&report(1, "effusion")).unwrap();
            queue.add_image(&image(1)).unwrap();
        }
        let job = queue.take_job().unwrap().expect("image and report have met");
        assert_eq!((job.path.as_str(), job.words.as_str(), job.matched), ("1.dcm", "effusion", bench.now()));
        assert!(queue.take_job().unwrap().is_none(), "nobody else gets it");
    }
}

fn a_study_uid_joins_without_an_accession_number(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    let report = NewReport { study_instance_uid: "1.1.1".into(), accession_number: String::new(), ..report(1, "x") };
    queue.add_report(&report).unwrap();
    let image = NewImage { accession_number: String::new(), ..image(1) };
    queue.add_image(&image).unwrap();
    assert!(queue.take_job().unwrap().is_some());
}

fn empty_numbers_join_nothing(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    let image = NewImage { accession_number: String::new(), ..image(1) };
    let report = NewReport { study_instance_uid: "9.9".into(), accession_number: String::new(), ..report(1, "x") };
    queue.add_image(&image).unwrap();
    queue.add_report(&report).unwrap();
    assert!(queue.take_job().unwrap().is_none());
}

fn what_comes_again_changes_nothing(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    assert_eq!(queue.add_image(&image(1)).unwrap(), Arrived::New);
    assert_eq!(queue.add_report(&report(1, "effusion")).unwrap(), Arrived::New);
    ground(&queue);
    assert_eq!(queue.add_image(&image(1)).unwrap(), Arrived::Known);
    assert_eq!(queue.add_report(&report(1, "effusion")).unwrap(), Arrived::Known);
    assert!(queue.take_job().unwrap().is_none());
}

fn a_corrected_report_is_grounded_anew_even_while_the_first_is_worked_on(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    queue.add_image(&image(1)).unwrap();
    queue.add_report(&report(1, "effusion on the right")).unwrap();
    let first = queue.take_job().unwrap().unwrap();
    queue.add_report(&report(1, "effusion on the left")).unwrap();
    queue.finish_job(&first, Some(&RESULT), &destinations()).unwrap();
    let second = queue.take_job().unwrap().expect("the correction");
    assert_eq!(second.words, "effusion on the left");
    queue.fail_job(&first, "late news of the first", false).unwrap();
    queue.finish_job(&second, Some(&NewDelivery { sop_instance_uid: "2.25.8", ..RESULT }), &destinations()).unwrap();
    assert_eq!(queue.status().unwrap().images["done"], 1);
    assert_eq!(queue.status().unwrap().deliveries["queued"], 4);
}

fn one_accession_number_of_two_patients_is_a_conflict_until_the_right_report_comes(store: Store) {
    for image_first in [true, false] {
        let bench = store.bench();
        let queue = bench.open();
        let of_another = NewReport { patient_id: "MRN-OTHER".into(), ..report(1, "of another") };
        if image_first {
            queue.add_image(&image(1)).unwrap();
        }
        queue.add_report(&of_another).unwrap();
        if !image_first {
            queue.add_image(&image(1)).unwrap();
        }
        assert!(queue.take_job().unwrap().is_none());
        let status = queue.status().unwrap();
        assert_eq!((status.images["conflict"], status.failed.len()), (1, 1));
        assert!(!serde_json::to_string(&status).unwrap().contains("MRN"), "a status names no patient");
        queue.add_report(&report(1, "the right one")).unwrap();
        assert_eq!(queue.take_job().unwrap().unwrap().words, "the right one");
    }
}

fn an_older_report_of_the_right_patient_is_found_behind_a_newer_one_of_another(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    queue.add_report(&report(1, "the right one")).unwrap();
    queue.add_report(&NewReport { patient_id: "MRN-OTHER".into(), ..report(1, "of another") }).unwrap();
    queue.add_image(&image(1)).unwrap();
    assert_eq!(queue.take_job().unwrap().unwrap().words, "the right one");
}

fn every_destination_gets_every_result_once(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    queue.add_image(&image(1)).unwrap();
    queue.add_report(&report(1, "effusion")).unwrap();
    ground(&queue);
    for destination in destinations() {
        let delivery = queue.take_delivery(&destination).unwrap().unwrap();
        assert!(!delivery.unsure);
        assert!(queue.take_delivery(&destination).unwrap().is_none());
        queue.sent(&delivery).unwrap();
    }
    assert_eq!(queue.status().unwrap().deliveries["sent"], 2);
    assert!(queue.is_own("2.25.7").unwrap() && !queue.is_own("2.25.8").unwrap());
}

fn a_delivery_that_fails_waits_longer_each_time_and_fails_for_good_when_refused(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    queue.add_image(&image(1)).unwrap();
    queue.add_report(&report(1, "effusion")).unwrap();
    ground(&queue);
    for wait in [2, 4, 8, 16] {
        let delivery = queue.take_delivery("pacs").unwrap().expect("it is due");
        queue.not_sent(&delivery, "the node cannot be reached", NotSent::NotThere).unwrap();
        bench.pass(wait - 1);
        assert!(queue.take_delivery("pacs").unwrap().is_none(), "before {wait} s");
        bench.pass(1);
    }
    let delivery = queue.take_delivery("pacs").unwrap().unwrap();
    queue.not_sent(&delivery, "the node answered with status c000", NotSent::Refused).unwrap();
    bench.pass(1_000_000);
    assert!(queue.take_delivery("pacs").unwrap().is_none());
    assert_eq!(queue.retry().unwrap(), 1);
    assert!(queue.take_delivery("pacs").unwrap().unwrap().unsure, "it is asked for before it is sent again");
}

fn what_was_cut_short_is_taken_up_by_the_next_process(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    queue.add_image(&image(1)).unwrap();
    queue.add_report(&report(1, "effusion")).unwrap();
    drop((queue.take_job().unwrap().unwrap(), queue));
    let queue = bench.open();
    ground(&queue);
    drop((queue.take_delivery("pacs").unwrap().unwrap(), queue));
    let queue = bench.open();
    assert!(queue.take_delivery("pacs").unwrap().unwrap().unsure);
    assert!(!queue.take_delivery("archive").unwrap().unwrap().unsure);
}

fn what_is_over_is_forgotten_to_the_last_byte_and_not_done_again(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    queue.add_image(&image(1)).unwrap();
    queue.add_image(&image(2)).unwrap();
    queue.add_report(&report(1, "a word that must go")).unwrap();
    ground(&queue);
    for destination in destinations() {
        let delivery = queue.take_delivery(&destination).unwrap().unwrap();
        assert!(queue.purge(bench.now() + 1).unwrap().iter().all(|file| file == "2.dcm"), "it is on its way");
        queue.sent(&delivery).unwrap();
    }
    bench.pass(10);
    let mut files = queue.purge(bench.now()).unwrap();
    files.sort();
    assert_eq!(files, ["1.dcm", "7.sr.dcm"]);
    queue.erase().unwrap();
    assert!(queue.files().unwrap().is_empty());
    let bytes = bench.bytes();
    for word in ["a word that must go", "MRN-1", "ACC-1", "MRN-2"] {
        let left = bytes.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(!left, "{word} is still there");
    }
    assert_eq!(queue.add_image(&image(1)).unwrap(), Arrived::Known);
    queue.add_report(&report(1, "a word that must go")).unwrap();
    assert!(queue.take_job().unwrap().is_none());
}

/// A file may have zeros in any element, and a message a number as long as itself.
fn zeros_and_endless_keys_do_no_harm(store: Store) {
    let bench = store.bench();
    let queue = bench.open();
    let accession = "9".repeat(100_000);
    let image = NewImage { accession_number: accession.clone(), patient_id: "MRN-1\0".into(), ..image(1) };
    queue.add_image(&image).unwrap();
    queue.add_report(&NewReport { accession_number: accession, ..report(1, "effu\0sion \u{10ffff}") }).unwrap();
    assert_eq!(queue.take_job().unwrap().unwrap().words, "effusion \u{10ffff}");
    let endless = "x\0".repeat(100_000);
    assert!(!queue.has_seen("fhir", &endless, &endless).unwrap());
    queue.saw("fhir", &endless, &endless).unwrap();
    assert!(queue.has_seen("fhir", &endless, &endless).unwrap());
    assert!(!queue.is_own(&endless).unwrap() && !queue.has_image("1.2.2\0").unwrap());
}
