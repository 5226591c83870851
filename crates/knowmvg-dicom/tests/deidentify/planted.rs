//! A file with a string in every attribute that may say whom it is of, at every depth; the server's tests use it as well.

use dicom_core::{Tag, VR};
use knowmvg_dicom::deidentify::ProfileOption;

use super::bytes::{Elements, IMPLICIT, Value, data_set, even, file, put, put_items, radiograph, tag, vr};

const TABLE: &str = include_str!("../../src/deidentify/table.txt");

/// A name in each of the three groups of a PN, and in the form that ISO 2022 gives it.
const NAME: &[u8] = b"CANARY^Alphabetic=CANARY^Ideographic=\x1b$BCANARY\x1b(B^CANARY";

/// Kept, and not named by the table: what is planted in its items has to go by itself.
pub const KEPT_SEQUENCE: Tag = Tag(0x0008, 0x1115);

/// Attributes of the table that may stay with an option.
fn is_kept(line: &str, options: &[ProfileOption]) -> bool {
    let column = |option: &ProfileOption| match option {
        ProfileOption::RetainUids => "uids:K",
        ProfileOption::RetainDeviceIdentity => "device:K",
        ProfileOption::RetainPatientCharacteristics => "patient:K",
        _ => "-",
    };
    options.iter().any(|option| line.contains(column(option)))
}

fn planted(tag: Tag, vr: VR) -> Value {
    match vr {
        VR::SQ => {
            let mut item = Elements::new();
            put(&mut item, Tag(0x0010, 0x0010), "CANARY");
            put(&mut item, Tag(0x0040, 0xa160), "CANARY");
            Value::Items(vec![item])
        }
        VR::PN => Value::Bytes(even(NAME, vr)),
        VR::UI => Value::Bytes(even(b"1.2.826.0.0", vr)),
        _ => Value::Bytes(even(format!("CANARY {tag}").as_bytes(), vr)),
    }
}

/// Every attribute of the table that the dictionary knows, with a canary in it.
fn everything(options: &[ProfileOption]) -> Elements {
    let mut elements = Elements::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#') && !is_kept(line, options)) {
        let tag = tag(line.split(' ').next().unwrap());
        // Group 2 stands at another place; what comes behind the pixels has its own test.
        if let Some(vr) = vr(tag).filter(|_| (8..0x7fe0).contains(&tag.0)) {
            elements.insert(tag, (vr, planted(tag, vr)));
        }
    }
    elements
}

fn private(elements: &mut Elements) {
    put(elements, Tag(0x0009, 0x0010), "CANARY");
    put(elements, Tag(0x0009, 0x1001), "CANARY");
    let mut item = Elements::new();
    put(&mut item, Tag(0x0008, 0x0104), "CANARY");
    put_items(elements, Tag(0x0019, 0x1002), vec![item]);
    elements.insert(Tag(0x0029, 0x1010), (VR::OB, Value::Bytes(b"CANARY".to_vec())));
    elements.insert(Tag(0x6000, 0x3000), (VR::OW, Value::Bytes(b"CANARY".to_vec())));
    elements.insert(Tag(0x5004, 0x3000), (VR::OW, Value::Bytes(b"CANARY".to_vec())));
    // Even, and not of the standard.
    put(elements, Tag(0x0030, 0x0abc), "CANARY");
}

fn at_every_depth(options: &[ProfileOption], image: Elements) -> Elements {
    let mut below = everything(options);
    private(&mut below);
    for _ in 0..4 {
        let mut above = everything(options);
        private(&mut above);
        put_items(&mut above, KEPT_SEQUENCE, vec![below.clone(), below]);
        below = above;
    }
    // What the file needs wins over what was planted.
    below.extend(image);
    put(&mut below, Tag(0x0008, 0x0018), "1.2.826.0.1");
    put(&mut below, Tag(0x0020, 0x000d), "1.2.826.0.2");
    put(&mut below, Tag(0x0020, 0x000e), "1.2.826.0.3");
    below
}

/// A radiograph of nobody, as it would be sent.
pub fn planted_file(syntax: &str, options: &[ProfileOption]) -> Vec<u8> {
    planted_in(radiograph(), syntax, options)
}

/// The same around another image.
pub fn planted_in(image: Elements, syntax: &str, options: &[ProfileOption]) -> Vec<u8> {
    let mut preamble = [0; 128];
    preamble[..6].copy_from_slice(b"CANARY");
    let meta = [
        (0x03, VR::UI, "1.2.826.0.1"),
        (0x13, VR::SH, "CANARY"),
        (0x16, VR::AE, "CANARY"),
        (0x17, VR::AE, "CANARY"),
        (0x18, VR::AE, "CANARY"),
        (0x100, VR::UI, "1.2.826.0.9"),
    ];
    let mut bytes = file(&preamble, &meta, syntax, &at_every_depth(options, image));
    let mut behind = Elements::new();
    put(&mut behind, Tag(0x7fe1, 0x1001), "CANARY");
    behind.insert(Tag(0xfffc, 0xfffc), (VR::OB, Value::Bytes(b"CANARY".to_vec())));
    bytes.extend(data_set(&behind, syntax != IMPLICIT, 0));
    bytes
}
