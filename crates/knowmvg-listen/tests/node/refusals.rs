//! What the node does not take, and how it says so.

use crate::scu::EXPLICIT;
use crate::{Running, SAMPLE, hl7, report, scu};

const DX: &str = "1.2.840.10008.5.1.4.1.1.1.1";
const VERIFICATION: &str = "1.2.840.10008.1.1";
const NOWHERE: &str = "[[deliver]]\nname = \"x\"\nstow = { url = \"http://127.0.0.1:9/rs\" }\n";

#[test]
fn an_echo_is_answered() {
    let node = Running::start("", NOWHERE);
    let mut association = scu::associate(node.dicom, "KNOWMVG", VERIFICATION, EXPLICIT).unwrap();
    scu::send(&mut association, scu::command(0x30, 0x101, VERIFICATION, ""));
    assert_eq!(scu::status(&mut association), Some(0));
}

#[test]
fn strangers_and_wrong_titles_are_rejected() {
    let node = Running::start("allow = [{ ae_title = \"OTHER\" }]", NOWHERE);
    assert!(scu::associate(node.dicom, "KNOWMVG", VERIFICATION, EXPLICIT).is_none());
    let node = Running::start("allow = [{ ae_title = \"SCU\", address = \"127.0.0.1\" }]", NOWHERE);
    assert!(scu::associate(node.dicom, "KNOWMVG", VERIFICATION, EXPLICIT).is_some());
    assert!(scu::associate(node.dicom, "SOMEBODY", VERIFICATION, EXPLICIT).is_none());
    node.wait_for("dicom association refused");
}

#[test]
fn an_object_that_is_too_large_is_refused_and_the_next_one_is_taken() {
    let node = Running::start("max_object_mib = 0", NOWHERE);
    assert_eq!(scu::store(node.dicom, &SAMPLE), Some(0xa700));
    let mut association = scu::associate(node.dicom, "KNOWMVG", VERIFICATION, EXPLICIT).unwrap();
    scu::send(&mut association, scu::command(0x30, 0x101, VERIFICATION, ""));
    assert_eq!(scu::status(&mut association), Some(0));
}

#[test]
fn an_object_that_cannot_be_read_is_refused() {
    let node = Running::start("", NOWHERE);
    let mut file = SAMPLE[..400].to_vec();
    file.extend([0xff; 100]);
    assert_eq!(scu::store(node.dicom, &file), Some(0xc000));
    let mut association = scu::associate(node.dicom, "KNOWMVG", DX, EXPLICIT).unwrap();
    scu::send(&mut association, scu::command(0x20, 0x101, DX, "1.2"));
    assert_eq!(scu::status(&mut association), Some(0x0211), "C-FIND is none of its operations");
    assert!(
        scu::associate(node.dicom, "KNOWMVG", "1.2.840.10008.5.1.4.1.1.2", EXPLICIT).is_none(),
        "nor does it take CT"
    );
}

#[test]
fn a_report_of_nothing_is_rejected_and_other_messages_are_accepted() {
    let node = Running::start("", NOWHERE);
    assert!(hl7(node.hl7, &report("", "", "Effusion.")).contains("MSA|AR|"), "it belongs to no study");
    assert!(hl7(node.hl7, "no message").contains("MSA|AR|"));
    let other = report("A", "P", "x").replace("ORU^R01", "ADT^A08");
    assert!(hl7(node.hl7, &other).contains("MSA|AA|9"));
    assert_eq!(node.count("report taken in"), 0);
}
