//! Damaged and lying files.

use knowmvg_dicom::deidentify::{DeidentifyError, ProfileOption};

use crate::bytes::{EXPLICIT, Elements, IMPLICIT, file, put, put_items, radiograph};
use crate::made::Random;
use crate::{has, with};
use dicom_core::Tag;

fn image(syntax: &str) -> Vec<u8> {
    let mut elements = radiograph();
    put(&mut elements, Tag(0x0010, 0x0010), "CANARY");
    let mut item = Elements::new();
    put(&mut item, Tag(0x0010, 0x0020), "CANARY");
    put_items(&mut elements, Tag(0x0008, 0x1115), vec![item.clone(), item]);
    file(&[0; 128], &[], syntax, &elements)
}

fn answered(result: Result<knowmvg_dicom::deidentify::Deidentified, DeidentifyError>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => {
            assert!(!error.to_string().contains("CANARY"), "{error}");
            false
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_names_nobody() {
    for syntax in [EXPLICIT, IMPLICIT] {
        let whole = image(syntax);
        let mut refused = 0;
        for end in 0..whole.len() {
            match with(&ProfileOption::ALL).file(&whole[..end]) {
                Ok(done) => assert!(!has(&done.bytes, b"CANARY"), "cut at {end}"),
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains("CANARY"), "{error}");
                }
            }
        }
        assert!(refused > 300, "{refused}");
    }
}

#[test]
fn files_with_changed_bytes_are_answered() {
    let mut random = Random(7);
    let (mut done, mut refused) = (0, 0);
    for syntax in [EXPLICIT, IMPLICIT] {
        let whole = image(syntax);
        for _ in 0..4_000 {
            let mut changed = whole.clone();
            for _ in 0..=random.below(6) {
                let place = 128 + random.below(changed.len() - 128);
                changed[place] = random.below(256) as u8;
            }
            if answered(with(&ProfileOption::ALL).file(&changed)) { done += 1 } else { refused += 1 }
        }
    }
    assert!(done > 500 && refused > 500, "{done} {refused}");
}

#[test]
fn nesting_and_numbers_have_an_end() {
    let head = image(EXPLICIT);
    // Behind the smallest tag that the file has, so that it stands before its pixels.
    let start = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff";
    let meta_end = 128 + 4 + 12 + 8 + 20;
    let with_body = |body: &[u8]| [&head[..meta_end], body].concat();
    let error = with(&[]).file(&with_body(&start.repeat(100_000))).unwrap_err().to_string();
    assert!(error.contains("nested too deep"), "{error}");
    let items = [&start[..12], &b"\xfe\xff\0\xe0\0\0\0\0".repeat(300_000)].concat();
    let error = with(&[]).file(&with_body(&items)).unwrap_err().to_string();
    assert!(error.contains("more elements"), "{error}");
}

#[test]
fn compressed_pixels_of_an_icon_do_not_shift_what_follows() {
    // Their fragments look like items, and are none; the image's own pixels come after.
    let icon = b"\x88\0\x00\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\
        \xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\x06\0\0\0CANARY\xfe\xff\xdd\xe0\0\0\0\0\
        \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
    let whole = image(EXPLICIT);
    let pixels = whole.windows(4).position(|window| window == b"\xe0\x7f\x10\0").unwrap();
    let bytes = [&whole[..pixels], icon, &whole[pixels..]].concat();
    let written = with(&[]).file(&bytes).unwrap().bytes;
    assert!(!has(&written, b"CANARY") && written.ends_with(&(0..32).collect::<Vec<u8>>()));
}

#[test]
fn what_is_not_dicom_is_told_by_its_kind() {
    let message = |bytes: &[u8]| with(&[]).file(bytes).unwrap_err().to_string();
    assert_eq!(message(b"FINDINGS: CANARY"), "expected a DICOM file, found text");
    assert_eq!(message(b""), "expected a DICOM file, found an empty file");
}
