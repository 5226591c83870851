//! One destination in the house and one outside, which gets the result without its patient.

use knowmvg_dicom::deidentify::{Deidentifier, Key, Profile};
use knowmvg_dicom::{Identifiers, sr};

use crate::archive::{Archive, Mood, contains};
use crate::{Running, SAMPLE, hl7, report, scu};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const WORDS: &str = "Large mass of CANARYWORD in the right mid zone.";

#[test]
fn what_leaves_the_house_names_nobody_and_is_still_the_same_study() {
    let (house, outside) = (Archive::start(), Archive::start());
    // An answer that is lost: what was stored is found by the UID that it has out there.
    outside.moods(&[Mood::Mute]);
    let key = std::env::temp_dir().join(format!("knowmvg-node-key-{}", std::process::id()));
    std::fs::write(&key, KEY).unwrap();
    let node = Running::start(
        "",
        &format!(
            "[[deliver]]\nname = \"house\"\nstow = {{ url = \"http://{}/rs\" }}\n\
             [[deliver]]\nname = \"outside\"\nstow = {{ url = \"http://{}/rs\" }}\n\
             deidentify = {{ key = {key:?}, options = [\"retain-modified-dates\"] }}\n",
            house.address, outside.address
        ),
    );
    std::fs::remove_file(&key).unwrap();
    let ids = Identifiers::read(&SAMPLE).unwrap();
    assert_eq!(scu::store(node.dicom, &SAMPLE), Some(0));
    hl7(node.hl7, &report(&ids.accession_number, &ids.patient_id, WORDS));
    node.wait_for("result sent");
    node.wait_for("result had arrived");

    let (inside, outside) = (house.stored(), outside.stored());
    assert_eq!((inside.len(), outside.len()), (1, 1));
    assert!(contains(&inside[0], b"CompressedSamples") && contains(&inside[0], b"CANARYWORD"));
    let secrets = ["CompressedSamples", "CANARYWORD", &ids.study_instance_uid, &ids.sop_instance_uid, &ids.patient_id];
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        assert!(!contains(&outside[0], secret.as_bytes()), "{secret}");
    }
    let boxes = |report: &[u8]| sr::read(report).unwrap().into_iter().map(|group| group.boxes).collect::<Vec<_>>();
    assert_eq!(boxes(&inside[0]), boxes(&outside[0]));
    let deidentifier = Deidentifier::new(Key::from_hex(KEY).unwrap(), Profile::default());
    let sent = Identifiers::read(&outside[0]).unwrap();
    assert_eq!(sent.study_instance_uid, deidentifier.uid(&ids.study_instance_uid));
    assert_eq!(sr::read(&outside[0]).unwrap()[0].images, [deidentifier.uid(&ids.sop_instance_uid)]);
}
