//! Any bytes: an image whose grey levels lie in [0, 1], or an error; likewise as the source of derived objects, as a
//! report of boxes or of words, by its UIDs, and de-identified. Start from `fixtures/readable` and `fixtures/hostile`, and what `knowmvg ground --sr` writes.
#![no_main]

use knowmvg_dicom::deidentify::{BurnedIn, Deidentifier, Key, Profile, ProfileOption};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = knowmvg_dicom::read_image(bytes) {
        assert!(image.pixels().iter().all(|grey| (0.0..=1.0).contains(grey)));
        assert_eq!(image.pixels().len() as u64, u64::from(image.width()) * u64::from(image.height()));
    }
    let _ = knowmvg_dicom::Source::read(bytes);
    let _ = knowmvg_dicom::report_text(bytes);
    if let Ok(identifiers) = knowmvg_dicom::Identifiers::read(bytes) {
        let uids = [&identifiers.sop_instance_uid, &identifiers.study_instance_uid, &identifiers.series_instance_uid];
        assert!(uids.iter().all(|uid| uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')));
    }
    let key = Key::from_hex(&"5e".repeat(32)).unwrap();
    let profile = Profile::new(ProfileOption::ALL, BurnedIn::Allow);
    if let Ok(done) = Deidentifier::new(key, profile).file(bytes) {
        assert!(done.sop_instance_uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    }
    if let Ok(groups) = knowmvg_dicom::sr::read(bytes) {
        assert!(groups.iter().all(|group| !group.boxes.is_empty()));
    }
});
