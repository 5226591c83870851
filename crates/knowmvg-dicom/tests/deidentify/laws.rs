//! What holds of every data set: made-up ones, with sequences in sequences, in both forms.

use std::collections::BTreeMap;

use dicom_core::header::HasLength;
use dicom_core::{Tag, VR};
use dicom_object::InMemDicomObject;
use knowmvg_dicom::deidentify::ProfileOption;

use crate::bytes::{EXPLICIT, Elements, IMPLICIT, Value, even, file, put_items, radiograph, read, tag, vr};
use crate::made::Random;
use crate::{has, with};

const TABLE: &str = include_str!("../../src/deidentify/table.txt");

/// Attributes of the table with their code, and as many that it does not name.
fn attributes() -> Vec<(Tag, VR, &'static str)> {
    let listed = TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split(' ');
        let tag = tag(words.next()?);
        Some((tag, vr(tag)?, words.next()?))
    });
    let others = ["00080070", "00081090", "00080060", "00180015", "00185101", "00181164", "00080102", "00081115"];
    let others = others.iter().chain(&["00400275", "0040A043", "00081150", "00540220", "00082218"]);
    let others = others.map(|digits| (tag(digits), vr(tag(digits)).unwrap(), "-"));
    // The groups of the object itself.
    listed.chain(others).filter(|(tag, ..)| (8..0x7fe0).contains(&tag.0)).collect()
}

/// Few different UIDs, so that equal ones meet.
fn value(vr: VR, random: &mut Random) -> Vec<u8> {
    let number = random.below(20);
    let text = match vr {
        VR::UI => format!("1.2.826.1.{number}"),
        VR::DA => format!("202401{:02}", number + 1),
        VR::TM => format!("{number:02}0000"),
        VR::DT => format!("202401{:02}1200", number + 1),
        VR::AS => format!("0{:02}Y", number + 20),
        VR::DS | VR::IS => number.to_string(),
        _ => format!("WORD{number}"),
    };
    even(text.as_bytes(), vr)
}

fn some(attributes: &[(Tag, VR, &str)], random: &mut Random, depth: usize) -> Elements {
    let mut elements = Elements::new();
    for _ in 0..5 + random.below(20) {
        let (tag, vr, _) = attributes[random.below(attributes.len())];
        match vr {
            VR::SQ if depth < 5 => {
                let items = (0..random.below(3)).map(|_| some(attributes, random, depth + 1)).collect();
                put_items(&mut elements, tag, items);
            }
            VR::SQ => {}
            _ => drop(elements.insert(tag, (vr, Value::Bytes(value(vr, random))))),
        }
    }
    if depth < 5 && random.below(3) > 0 {
        // Sequences that stay, so that there is a depth to look at.
        put_items(&mut elements, Tag(0x0008, 0x1115), vec![some(attributes, random, depth + 1)]);
    }
    elements
}

/// Every element, with the depth at which it stands.
fn walk(object: &InMemDicomObject, depth: usize, see: &mut dyn FnMut(Tag, usize, &dicom_object::mem::InMemElement)) {
    for element in object {
        see(element.header().tag, depth, element);
        for item in element.items().unwrap_or(&[]) {
            walk(item, depth + 1, see);
        }
    }
}

fn made(random: &mut Random, syntax: &str) -> (Elements, Vec<u8>) {
    let mut elements = some(&attributes(), random, 0);
    elements.extend(radiograph());
    elements.remove(&tag("00280301"));
    let bytes = file(&[0; 128], &[], syntax, &elements);
    (elements, bytes)
}

#[test]
fn what_the_table_removes_is_nowhere_at_any_depth() {
    let codes: BTreeMap<Tag, &str> = attributes().into_iter().map(|(tag, _, code)| (tag, code)).collect();
    let mut random = Random(3);
    let (mut deepest, mut seen) = (0, 0);
    for round in 0..300 {
        let syntax = if round % 2 == 0 { EXPLICIT } else { IMPLICIT };
        let (_, bytes) = made(&mut random, syntax);
        let written = with(&[]).file(&bytes).unwrap().bytes;
        walk(&read(&written), 0, &mut |tag, depth, element| {
            let code = codes.get(&tag).copied().unwrap_or("-");
            assert_ne!(code, "X", "{tag} at depth {depth}");
            let is_empty = element.value().length().0 == 0;
            assert!(code != "Z" || is_empty || tag == Tag(0x0010, 0x0010), "{tag} at depth {depth}");
            assert!(code != "D" || !is_empty || element.vr() == VR::SQ, "{tag} at depth {depth}");
            (deepest, seen) = (deepest.max(depth), seen + 1);
        });
        // Of a dummy nothing shows what it was.
        assert!(!has(&written, b"1.2.826.1."));
    }
    assert!(deepest >= 4 && seen > 5_000, "{deepest} {seen}");
}

/// The UIDs at each place, in the order of the file.
fn uids(object: &InMemDicomObject) -> Vec<(Tag, usize, String)> {
    let mut found = Vec::new();
    walk(object, 0, &mut |tag, depth, element| {
        if element.vr() == VR::UI {
            let text = element.to_str().map(|text| text.trim_end_matches('\0').to_owned()).unwrap_or_default();
            found.push((tag, depth, text));
        }
    });
    found
}

#[test]
fn equal_uids_stay_equal_and_others_differ() {
    let mut random = Random(11);
    let mut replaced: BTreeMap<String, String> = BTreeMap::new();
    // Of all profiles the one that keeps the most, so that every UID of the original has its counterpart.
    for _ in 0..200 {
        let mut elements = radiograph();
        let uid_tags: Vec<Tag> = attributes()
            .into_iter()
            .filter(|(_, vr, code)| *vr == VR::UI && *code == "U")
            .map(|(tag, ..)| tag)
            .collect();
        let mut item = Elements::new();
        for tag in &uid_tags {
            item.insert(*tag, (VR::UI, Value::Bytes(value(VR::UI, &mut random))));
        }
        put_items(&mut elements, Tag(0x0008, 0x1115), vec![item.clone(), item]);
        let bytes = file(&[0; 128], &[], EXPLICIT, &elements);
        let written = with(&[]).file(&bytes).unwrap().bytes;
        let (before, after) = (uids(&read(&bytes)), uids(&read(&written)));
        assert_eq!(before.len(), after.len());
        for ((tag, depth, old), (other_tag, other_depth, new)) in before.into_iter().zip(after) {
            assert_eq!((tag, depth), (other_tag, other_depth));
            let first = replaced.entry(old.clone()).or_insert_with(|| new.clone());
            assert_eq!(*first, new, "{tag} {old}");
            assert_eq!(old.starts_with("1.2.840.10008."), old == new, "{tag} {old}");
        }
    }
    let mut values: Vec<&String> = replaced.values().collect();
    values.sort_unstable();
    values.dedup();
    assert!(values.len() == replaced.len() && values.len() > 20, "{}", values.len());
}

#[test]
fn pixels_are_the_same_bytes_and_twice_is_the_same_file() {
    let mut random = Random(5);
    for syntax in [EXPLICIT, IMPLICIT] {
        for _ in 0..20 {
            let (mut elements, _) = made(&mut random, syntax);
            let pixels: Vec<u8> = (0..32).map(|_| random.below(256) as u8).collect();
            elements.insert(tag("7FE00010"), (VR::OW, Value::Bytes(pixels.clone())));
            let bytes = file(&[0; 128], &[], syntax, &elements);
            let written = with(&ProfileOption::ALL).file(&bytes).unwrap();
            assert!(written.bytes.ends_with(&pixels));
            assert_eq!(with(&ProfileOption::ALL).file(&bytes).unwrap(), written);
        }
    }
}

#[test]
fn compressed_pixels_are_the_same_bytes_and_what_stands_behind_them_is_gone() {
    let mut elements = radiograph();
    elements.remove(&tag("7FE00010"));
    let head = file(&[0; 128], &[], "1.2.840.10008.1.2.4.70", &elements);
    let fragments = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x08\0\0\0abcdefgh\xfe\xff\xdd\xe0\0\0\0\0";
    let pixels = [&b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff"[..], fragments].concat();
    let bytes = [&head[..], &pixels, b"\xe1\x7f\x01\x10LO\x06\0CANARY"].concat();
    let written = with(&[]).file(&bytes).unwrap().bytes;
    assert!(written.ends_with(&pixels) && !has(&written, b"CANARY"));
}
