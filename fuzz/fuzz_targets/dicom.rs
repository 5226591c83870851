//! Any bytes: an image whose grey levels lie in [0, 1], or an error. Start from `fixtures/readable` and `fixtures/hostile`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = knowmvg_dicom::read_image(bytes) {
        assert!(image.pixels().iter().all(|grey| (0.0..=1.0).contains(grey)));
        assert_eq!(image.pixels().len() as u64, u64::from(image.width()) * u64::from(image.height()));
    }
});
