//! Files of the repository: what is shown is the same.

use std::fs;
use std::path::Path;

use knowmvg_dicom::deidentify::ProfileOption;
use knowmvg_dicom::{is_dicom, read};

use crate::{has, with};

fn files() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readable = fs::read_dir(root.join("fixtures/readable")).unwrap().map(|entry| entry.unwrap().path());
    let files = readable.chain([root.join("samples/rg1.dcm")]).map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read(path).unwrap())
    });
    files.filter(|(_, bytes)| is_dicom(bytes)).collect()
}

#[test]
fn every_readable_image_shows_the_same_grey_levels() {
    let mut shown = 0;
    for (name, bytes) in files() {
        let Ok(before) = read(&bytes) else { continue };
        for options in [&[][..], &ProfileOption::ALL] {
            let after = match with(options).file(&bytes) {
                Ok(done) => read(&done.bytes).unwrap(),
                // A fixture without UIDs or class is no object that could be passed on.
                Err(error) => {
                    assert!(error.to_string().starts_with("expected SOP "), "{name}: {error}");
                    continue;
                }
            };
            assert!(before.image.pixels() == after.image.pixels(), "{name}");
            assert_eq!(before.image.source().grey_mapping, after.image.source().grey_mapping, "{name}");
            shown += 1;
        }
    }
    assert!(shown >= 10, "{shown}");
}

#[test]
fn the_sample_leaves_without_its_patient() {
    let (_, bytes) = files().pop().unwrap();
    let before = ["CompressedSamples^RG1", "RG1"];
    assert!(before.iter().all(|text| has(&bytes, text.as_bytes())));
    let done = with(&[]).file(&bytes).unwrap();
    assert!(!has(&done.bytes, b"CompressedSamples") && !has(&done.bytes, b"RG1"));
}
