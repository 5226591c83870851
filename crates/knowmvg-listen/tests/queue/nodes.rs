//! Several nodes with one queue in one database.

use std::collections::BTreeSet;
use std::sync::Barrier;

use knowmvg_listen::{Arrived, ListenError, NewDelivery};

use crate::{Store, image, report};

const RESULT: NewDelivery =
    NewDelivery { sop_instance_uid: "2.25.7", sop_class_uid: "1.2", study_instance_uid: "1.1.1", path: "7.sr.dcm" };

#[test]
fn a_report_at_one_node_finds_the_image_at_another_which_alone_works_on_it() {
    let Some(store) = Store::postgres("a_report_at_one_node_finds_the_image_at_another") else { return };
    let one = store.bench();
    let other = one.other_node();
    let (first, second) = (one.open(), other.open());
    assert_ne!(first.spool(), second.spool());
    assert_eq!(first.add_image(&image(1)).unwrap(), Arrived::New);
    assert_eq!(second.add_image(&image(1)).unwrap(), Arrived::Known);
    assert_eq!(second.add_report(&report(1, "effusion")).unwrap(), Arrived::New);
    assert_eq!(first.add_report(&report(1, "effusion")).unwrap(), Arrived::Known);
    assert!(second.take_job().unwrap().is_none(), "it does not have the file");
    let job = first.take_job().unwrap().unwrap();
    first.finish_job(&job, Some(&RESULT), &["pacs".to_owned()]).unwrap();
    assert!(second.take_delivery("pacs").unwrap().is_none(), "nor the result's");
    let delivery = first.take_delivery("pacs").unwrap().unwrap();
    drop(second);
    let second = other.open();
    assert_eq!(first.status().unwrap().deliveries["sending"], 1, "a node that starts takes up nothing of another");
    first.sent(&delivery).unwrap();
    assert!(second.is_own("2.25.7").unwrap());
    one.pass(10);
    assert!(second.files().unwrap().is_empty() && second.purge(one.now()).unwrap().is_empty());
    assert_eq!(first.files().unwrap(), BTreeSet::from(["1.dcm".to_owned(), "7.sr.dcm".to_owned()]));
    assert_eq!(first.purge(one.now()).unwrap().len(), 2);
}

#[test]
fn nodes_ask_different_servers() {
    let Some(store) = Store::postgres("nodes_ask_different_servers") else { return };
    let one = store.bench();
    let (first, second) = (one.open(), one.other_node().open());
    first.saw("fhir", "7", "1").unwrap();
    assert!(first.has_seen("fhir", "7", "1").unwrap() && !second.has_seen("fhir", "7", "1").unwrap());
}

/// Two transactions that don't see each other would leave an image without its report for ever.
#[test]
fn image_and_report_that_arrive_in_the_same_moment_find_each_other() {
    let Some(store) = Store::postgres("image_and_report_that_arrive_in_the_same_moment") else { return };
    let one = store.bench();
    let other = one.other_node();
    let (first, second) = (one.open(), other.open());
    let moment = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..100 {
                moment.wait();
                assert_eq!(first.add_image(&image(number)).unwrap(), Arrived::New);
            }
        });
        scope.spawn(|| {
            for number in 0..100 {
                moment.wait();
                assert_eq!(second.add_report(&report(number, "effusion")).unwrap(), Arrived::New);
            }
        });
    });
    assert_eq!(first.status().unwrap().images["ready"], 100);
}

#[test]
fn a_copied_folder_is_no_second_node_and_a_lost_name_no_new_one() {
    let Some(store) = Store::postgres("a_copied_folder_is_no_second_node") else { return };
    let one = store.bench();
    let copy = one.other_node();
    let queue = one.open();
    queue.add_image(&image(1)).unwrap();
    let home = queue.spool().parent().unwrap();
    let copied = copy.folder().join(home.file_name().unwrap());
    std::fs::create_dir_all(copied.join("spool")).unwrap();
    std::fs::copy(home.join("node"), copied.join("node")).unwrap();
    assert!(matches!(copy.try_open().map(drop), Err(ListenError::NodeInUse)));
    drop(queue);
    assert_eq!(copy.open().files().unwrap().len(), 1, "it is the node once the first is gone");

    std::fs::write(copied.join("spool/1.dcm"), "an image").unwrap();
    std::fs::remove_file(copied.join("node")).unwrap();
    assert!(matches!(copy.try_open().map(drop), Err(ListenError::Config(_))));
}
