//! Any bytes: an image whose grey levels lie in [0, 1], or an error; likewise as the source of derived objects and as a
//! report. Start from `fixtures/readable` and `fixtures/hostile`, and what `knowmvg ground --sr` writes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = knowmvg_dicom::read_image(bytes) {
        assert!(image.pixels().iter().all(|grey| (0.0..=1.0).contains(grey)));
        assert_eq!(image.pixels().len() as u64, u64::from(image.width()) * u64::from(image.height()));
    }
    let _ = knowmvg_dicom::Source::read(bytes);
    if let Ok(groups) = knowmvg_dicom::sr::read(bytes) {
        assert!(groups.iter().all(|group| !group.boxes.is_empty()));
    }
});
