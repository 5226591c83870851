//! Image and report in, one structured report out.

use knowmvg_dicom::sr;

use crate::archive::{Archive, Mood, contains};
use crate::{Running, SAMPLE, hl7, report, scu};

const WORDS: &str = "CANARYWORD. Large mass in the right mid zone. No pneumothorax.";

fn deliver_to(archive: &Archive) -> String {
    format!("[[deliver]]\nname = \"archive\"\nstow = {{ url = \"http://{}/rs\" }}\n", archive.address)
}

#[test]
fn a_study_and_its_report_come_back_as_boxes_exactly_once() {
    let archive = Archive::start();
    // Busy, then an answer that is lost after the object was stored.
    archive.moods(&[Mood::Mute, Mood::Busy]);
    let node = Running::start("", &deliver_to(&archive));
    let ids = knowmvg_dicom::Identifiers::read(&SAMPLE).unwrap();
    assert_eq!(scu::store(node.dicom, &SAMPLE), Some(0));
    assert_eq!(scu::store(node.dicom, &SAMPLE), Some(0), "once more is no error");
    let answer = hl7(node.hl7, &report(&ids.accession_number, &ids.patient_id, WORDS));
    assert!(answer.contains("MSA|AA|9"), "{answer}");
    node.wait_for("result had arrived");
    let stored = archive.stored();
    assert_eq!(stored.len(), 1, "it was stored once");
    let groups = sr::read(&stored[0]).unwrap();
    assert!(!groups.is_empty());
    let written = knowmvg_dicom::Identifiers::read(&stored[0]).unwrap();
    assert_eq!(written.study_instance_uid, ids.study_instance_uid);
    // It comes back, as from an archive that forwards everything: it is not taken for a report.
    assert_eq!(node.count("report taken in"), 1);

    let log = node.log();
    for secret in
        ["CANARYWORD", "mass", ids.patient_id.as_str(), ids.accession_number.as_str(), &ids.study_instance_uid]
    {
        assert!(secret.is_empty() || !log.contains(secret), "{secret} stands in the log");
    }
    assert_eq!(node.count("image grounded"), 1);
}

#[test]
fn a_report_of_another_patient_is_never_shown_on_the_image() {
    let archive = Archive::start();
    let node = Running::start("", &deliver_to(&archive));
    let ids = knowmvg_dicom::Identifiers::read(&SAMPLE).unwrap();
    assert_eq!(scu::store(node.dicom, &SAMPLE), Some(0));
    hl7(node.hl7, &report(&ids.accession_number, "SOMEBODY-ELSE", WORDS));
    node.wait_for("report taken in");
    hl7(node.hl7, &report(&ids.accession_number, &ids.patient_id, "Small left pleural effusion."));
    node.wait_for("result sent");
    let stored = archive.stored();
    assert_eq!(stored.len(), 1);
    assert!(contains(&stored[0], b"effusion") && !contains(&stored[0], b"CANARYWORD"));
}
