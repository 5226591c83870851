//! Any bytes: an image whose grey levels lie in [0, 1], or an error; likewise as the source of derived objects, as a
//! report of boxes or of words, and by its UIDs. Start from `fixtures/readable` and `fixtures/hostile`, and what `knowmvg ground --sr` writes.
#![no_main]

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
    if let Ok(groups) = knowmvg_dicom::sr::read(bytes) {
        assert!(groups.iter().all(|group| !group.boxes.is_empty()));
    }
});
