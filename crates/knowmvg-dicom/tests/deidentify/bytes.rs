//! Data sets byte by byte, in both little endian forms, so that a test does not trust the reader's own dependencies.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;
use dicom_object::InMemDicomObject;

pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const IMPLICIT: &str = "1.2.840.10008.1.2";

/// What an element holds.
#[derive(Clone, Debug)]
pub enum Value {
    Bytes(Vec<u8>),
    Items(Vec<Elements>),
}

/// Elements in the order of their tags.
pub type Elements = std::collections::BTreeMap<Tag, (VR, Value)>;

/// The value representation of the dictionary.
pub fn vr(tag: Tag) -> Option<VR> {
    StandardDataDictionary.by_tag(tag).map(|entry| entry.vr().relaxed())
}

/// A tag from its eight digits.
pub fn tag(digits: &str) -> Tag {
    let number = u32::from_str_radix(digits, 16).expect("eight digits");
    Tag((number >> 16) as u16, (number & 0xffff) as u16)
}

/// Sets a text.
pub fn put(elements: &mut Elements, tag: Tag, text: &str) {
    let vr = vr(tag).unwrap_or(VR::LO);
    elements.insert(tag, (vr, Value::Bytes(even(text.as_bytes(), vr))));
}

/// Sets a sequence.
pub fn put_items(elements: &mut Elements, tag: Tag, items: Vec<Elements>) {
    elements.insert(tag, (VR::SQ, Value::Items(items)));
}

pub fn even(bytes: &[u8], vr: VR) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(if vr == VR::UI { 0 } else { b' ' });
    }
    bytes
}

/// The elements as they are written; sequences have defined lengths at even depths and undefined ones at odd depths.
pub fn data_set(elements: &Elements, is_explicit: bool, depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, (vr, value)) in elements {
        let (bytes, length) = match value {
            Value::Bytes(bytes) => (bytes.clone(), bytes.len() as u32),
            Value::Items(items) => sequence(items, is_explicit, depth),
        };
        out.extend(tag.0.to_le_bytes());
        out.extend(tag.1.to_le_bytes());
        match (is_explicit, is_long(*vr)) {
            (false, _) => out.extend(length.to_le_bytes()),
            (true, false) => {
                out.extend(vr.to_bytes());
                out.extend((length as u16).to_le_bytes());
            }
            (true, true) => {
                out.extend(vr.to_bytes());
                out.extend([0; 2]);
                out.extend(length.to_le_bytes());
            }
        }
        out.extend(bytes);
    }
    out
}

fn sequence(items: &[Elements], is_explicit: bool, depth: usize) -> (Vec<u8>, u32) {
    let is_defined = depth.is_multiple_of(2);
    let mut out = Vec::new();
    for item in items {
        let bytes = data_set(item, is_explicit, depth + 1);
        out.extend(b"\xfe\xff\x00\xe0");
        out.extend(if is_defined { bytes.len() as u32 } else { u32::MAX }.to_le_bytes());
        out.extend(bytes);
        if !is_defined {
            out.extend(b"\xfe\xff\x0d\xe0\0\0\0\0");
        }
    }
    if is_defined {
        let length = out.len() as u32;
        return (out, length);
    }
    out.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
    (out, u32::MAX)
}

fn is_long(vr: VR) -> bool {
    use VR::{OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV};
    matches!(vr, OB | OD | OF | OL | OV | OW | SQ | SV | UC | UN | UR | UT | UV)
}

/// A file with a preamble and meta elements of one's own.
pub fn file(preamble: &[u8; 128], more_meta: &[(u16, VR, &str)], syntax: &str, elements: &Elements) -> Vec<u8> {
    let mut meta = Elements::new();
    meta.insert(Tag(2, 0x10), (VR::UI, Value::Bytes(even(syntax.as_bytes(), VR::UI))));
    for (element, vr, text) in more_meta {
        meta.insert(Tag(2, *element), (*vr, Value::Bytes(even(text.as_bytes(), *vr))));
    }
    let body = data_set(elements, syntax != IMPLICIT, 0);
    let meta = data_set(&meta, true, 0);
    let length = [&b"\x02\0\0\0UL\x04\0"[..], &(meta.len() as u32).to_le_bytes()].concat();
    [&preamble[..], b"DICM", &length, &meta, &body].concat()
}

/// A small radiograph without anybody.
pub fn radiograph() -> Elements {
    let mut elements = Elements::new();
    for (digits, text) in [
        ("00080016", "1.2.840.10008.5.1.4.1.1.1.1"),
        ("00080018", "1.2.3.4"),
        ("00080060", "DX"),
        ("0020000D", "1.2.3"),
        ("0020000E", "1.2.3.1"),
        ("00280004", "MONOCHROME2"),
        ("00280301", "NO"),
    ] {
        put(&mut elements, tag(digits), text);
    }
    for (digits, word) in [("00280002", 1_u16), ("00280010", 4), ("00280011", 4), ("00280100", 16), ("00280101", 12)] {
        elements.insert(tag(digits), (VR::US, Value::Bytes(word.to_le_bytes().to_vec())));
    }
    for (digits, word) in [("00280102", 11_u16), ("00280103", 0)] {
        elements.insert(tag(digits), (VR::US, Value::Bytes(word.to_le_bytes().to_vec())));
    }
    elements.insert(tag("7FE00010"), (VR::OW, Value::Bytes((0..32).collect())));
    elements
}

/// As another reader reads it.
pub fn read(bytes: &[u8]) -> InMemDicomObject {
    dicom_object::from_reader(&bytes[128..]).expect("a file that can be read").into_inner()
}
