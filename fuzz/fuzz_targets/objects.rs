//! What arrives beside images: structured reports, reports in words, and what any object says of itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(groups) = knowmvg_dicom::sr::read(bytes) {
        assert!(groups.iter().all(|group| !group.boxes.is_empty()));
    }
    let _ = knowmvg_dicom::report_text(bytes);
    if let Ok(identifiers) = knowmvg_dicom::Identifiers::read(bytes) {
        let uids = [&identifiers.sop_instance_uid, &identifiers.study_instance_uid, &identifiers.series_instance_uid];
        assert!(uids.iter().all(|uid| uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')));
    }
    let _ = knowmvg_dicom::Source::read(bytes);
});
