//! The whole node with its queue in PostgreSQL, whose server goes away meanwhile.

use crate::archive::Archive;
use crate::cluster::Cluster;
use crate::{Running, SAMPLE, hl7, report, scu};

#[test]
fn what_the_database_cannot_store_is_refused_and_taken_when_it_is_back() {
    let Some(mut cluster) = Cluster::start(None) else {
        return println!("SKIPPED what_the_database_cannot_store_is_refused: PostgreSQL is not installed");
    };
    let archive = Archive::start();
    let deliver = format!("[[deliver]]\nname = \"archive\"\nstow = {{ url = \"http://{}/rs\" }}\n", archive.address);
    let node = Running::start("", &format!("[queue]\nurl = \"{}\"\n{deliver}", cluster.url("postgres")));
    let ids = knowmvg_dicom::Identifiers::read(&SAMPLE).unwrap();
    let words = report(&ids.accession_number, &ids.patient_id, "Large mass in the right mid zone.");

    cluster.stop();
    assert_eq!(scu::store(node.dicom, &SAMPLE), Some(0xa700), "out of resources");
    assert!(hl7(node.hl7, &words).contains("MSA|AE|9"));
    node.wait_for("queue failed");

    cluster.start_again();
    let end = std::time::Instant::now() + crate::PATIENCE;
    while scu::store(node.dicom, &SAMPLE) != Some(0) {
        assert!(std::time::Instant::now() < end, "the node does not find its database again");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert!(hl7(node.hl7, &words).contains("MSA|AA|9"));
    node.wait_for("result sent");
    assert_eq!(archive.stored().len(), 1);
    let log = node.log() + &cluster.log();
    for secret in [crate::cluster::PASSWORD, "mass", &ids.patient_id, &ids.study_instance_uid] {
        assert!(secret.is_empty() || !log.contains(secret), "{secret} stands in a log");
    }
}
