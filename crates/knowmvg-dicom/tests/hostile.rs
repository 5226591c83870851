//! Damaged, lying and foreign files: each is answered with a message that says what is wrong, and none with a panic.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use knowmvg_dicom::{read, read_image};

/// Stands in every file where a name, an id or free text could stand.
const CANARY: &str = "CANARY";

fn fixtures(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the fixtures are committed");
    let paths = entries.map(|entry| entry.expect("a readable folder").path()).filter(|path| path.is_file());
    let files = paths.filter(|path| path.extension().is_none_or(|extension| extension != "txt"));
    files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn every_hostile_file_gets_its_message() {
    let files = fixtures("hostile");
    assert!(files.len() >= 60, "found only {} hostile files", files.len());
    let answer = |bytes: &[u8]| match read_image(bytes) {
        Ok(image) => format!("read as {} x {}", image.width(), image.height()),
        Err(error) => error.to_string(),
    };
    let found: String = files.iter().map(|(name, bytes)| format!("{name}: {}\n", answer(bytes))).collect();
    let expected = include_str!("../../../fixtures/hostile/messages.txt");
    assert!(found == expected, "the answers changed; all of them now:\n{found}");
    assert!(!found.contains(CANARY) && !found.contains("read as"));
}

#[test]
fn nothing_of_the_patient_leaves_a_readable_file() {
    for (name, bytes) in fixtures("readable") {
        assert!(bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()) || name.contains("deflated"));
        let read = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let said = format!("{:?} {:?}", read.facts, read.image.source());
        assert!(!said.contains(CANARY) && !said.contains("19000101"), "{name}: {said}");
    }
}

#[test]
fn a_name_in_the_place_of_a_code_is_dropped() {
    let plain = &fixtures("readable")["native-explicit.dcm"];
    let replaced = replace(plain, b"CHEST ", b"CANARY");
    let read = read(&replaced).unwrap();
    assert_eq!(read.facts.body_part, None);
    assert_eq!(read.image.source().warnings, ["expected a chest, found another body part"]);
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for (name, bytes) in fixtures("readable") {
        // The last bytes may be padding or an end marker that decoders do without.
        let needed = bytes.len() - bytes.len() / 4;
        for end in (0..needed).step_by(7) {
            assert!(read(&bytes[..end]).is_err(), "{name} cut at {end} of {} was read", bytes.len());
        }
    }
}

#[test]
fn a_file_with_changed_bytes_is_an_image_or_an_error() {
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        // Knuth's MMIX generator; its high bits are good enough to choose bytes.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut images, mut errors) = (0, 0);
    for bytes in fixtures("readable").values() {
        for _ in 0..40 {
            let mut changed = bytes.clone();
            for _ in 0..=random(8) {
                let place = random(changed.len());
                changed[place] = random(256) as u8;
            }
            match read_image(&changed) {
                Ok(image) => {
                    images += 1;
                    assert!(image.pixels().iter().all(|grey| (0.0..=1.0).contains(grey)));
                }
                Err(error) => {
                    errors += 1;
                    assert!(!error.to_string().contains(CANARY), "{error}");
                }
            }
        }
    }
    assert!(images > 100 && errors > 100, "{images} images and {errors} errors: the changes try too little");
}

fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let place = bytes.windows(old.len()).position(|window| window == old).expect("the old bytes occur");
    [&bytes[..place], new, &bytes[place + old.len()..]].concat()
}
