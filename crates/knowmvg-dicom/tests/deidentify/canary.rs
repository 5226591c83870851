//! Strings that are planted wherever somebody could be named, of which none may come through.

use dicom_core::{Tag, VR};
use knowmvg_dicom::deidentify::ProfileOption;

use crate::bytes::{EXPLICIT, Elements, IMPLICIT, Value, file, put, put_items, radiograph};
use crate::planted::{KEPT_SEQUENCE, planted_file};
use crate::{has, with};

#[test]
fn no_planted_string_comes_through_whatever_is_asked_for() {
    let mut choices: Vec<Vec<ProfileOption>> = ProfileOption::ALL.iter().map(|option| vec![*option]).collect();
    choices.extend([Vec::new(), ProfileOption::ALL.to_vec()]);
    for options in choices {
        for syntax in [EXPLICIT, IMPLICIT] {
            let file = planted_file(syntax, &options);
            assert!(has(&file, b"CANARY") && file.len() > 100_000);
            let written = with(&options).file(&file).unwrap().bytes;
            let found = written.windows(6).position(|window| window == b"CANARY");
            let around = found.map(|at| String::from_utf8_lossy(&written[at.saturating_sub(24)..at + 24]).into_owned());
            assert_eq!(around, None, "{options:?} {syntax}");
            let keeps_uids = options.contains(&ProfileOption::RetainUids);
            assert_eq!(has(&written, b"1.2.826.0."), keeps_uids, "{options:?} {syntax}");
            assert!(has(&written, b"MONOCHROME2"), "{options:?} {syntax}");
        }
    }
}

#[test]
fn a_value_that_is_not_what_its_attribute_says_does_not_hide_anything() {
    let mut elements = radiograph();
    // A sequence that is written as text, a text that is written as bytes, a name as unknown, and one with the representation of another.
    let item = b"\xfe\xff\x00\xe0\x0e\0\0\0\x10\0\x10\0PN\x06\0CANARY";
    elements.insert(KEPT_SEQUENCE, (VR::UN, Value::Bytes(item.to_vec())));
    elements.insert(Tag(0x0008, 0x0070), (VR::OB, Value::Bytes(b"CANARY".to_vec())));
    elements.insert(Tag(0x0010, 0x0010), (VR::UN, Value::Bytes(b"CANARY".to_vec())));
    elements.insert(Tag(0x0028, 0x0034), (VR::PN, Value::Bytes(b"CANARY".to_vec())));
    let mut item = Elements::new();
    put(&mut item, Tag(0x0008, 0x0104), "CANARY");
    put_items(&mut elements, Tag(0x0018, 0x1020), vec![item]);
    let file = file(&[0; 128], &[], EXPLICIT, &elements);
    let written = with(&[]).file(&file).unwrap().bytes;
    assert!(has(&file, b"CANARY") && !has(&written, b"CANARY"));
    // What is known to be a name gets its pseudonym, as a name.
    assert!(has(&written, b"\x10\0\x10\0PN\x10\0"));
}
