//! DICOM files made of the parts of a C-STORE, and taken apart for one.
//!
//! # Source
//! PS3.10 §7.1.

/// Implementation Class UID of this program, made from a random UUID (PS3.5 annex B.2).
pub(crate) const IMPLEMENTATION_CLASS_UID: &str = "2.25.153275368174559886509710417989444343845";

/// Length of preamble and prefix.
const PREAMBLE: usize = 128;
const PREFIX: &[u8; 4] = b"DICM";

/// A file with a data set as it came.
pub(crate) fn file(sop_class: &str, sop_instance: &str, transfer_syntax: &str, data_set: &[u8]) -> Vec<u8> {
    let mut meta = Vec::new();
    // File Meta Information Version.
    meta.extend(b"\x02\x00\x01\x00OB\0\0\x02\0\0\0\0\x01");
    for (element, uid) in
        [(0x02, sop_class), (0x03, sop_instance), (0x10, transfer_syntax), (0x12, IMPLEMENTATION_CLASS_UID)]
    {
        let mut value = uid.as_bytes().to_vec();
        if !value.len().is_multiple_of(2) {
            value.push(0);
        }
        meta.extend([0x02, 0x00, element, 0x00]);
        meta.extend(b"UI");
        meta.extend((value.len() as u16).to_le_bytes());
        meta.append(&mut value);
    }
    let mut file = vec![0; PREAMBLE];
    file.reserve(data_set.len() + meta.len() + 16);
    file.extend(PREFIX);
    file.extend(b"\x02\x00\x00\x00UL\x04\x00");
    file.extend((meta.len() as u32).to_le_bytes());
    file.append(&mut meta);
    file.extend_from_slice(data_set);
    file
}

/// Transfer syntax and data set of a file of ours; `None` for any other.
pub(crate) fn data_set(file: &[u8]) -> Option<(String, &[u8])> {
    let rest = file.get(PREAMBLE..)?.strip_prefix(PREFIX)?;
    let (group_length, rest) = rest.split_first_chunk::<12>()?;
    let length = group_length.strip_prefix(b"\x02\x00\x00\x00UL\x04\x00")?;
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let (mut meta, data_set) = rest.split_at_checked(length)?;
    let mut transfer_syntax = None;
    while !meta.is_empty() {
        let (tag, after_tag) = meta.split_at_checked(4)?;
        let (vr, after_vr) = after_tag.split_at_checked(2)?;
        let (value, rest) = if matches!(vr, b"OB" | b"UN") {
            let (header, rest) = after_vr.split_first_chunk::<6>()?;
            let length = u32::from_le_bytes([header[2], header[3], header[4], header[5]]) as usize;
            rest.split_at_checked(length)?
        } else {
            let (header, rest) = after_vr.split_first_chunk::<2>()?;
            rest.split_at_checked(usize::from(u16::from_le_bytes(*header)))?
        };
        if tag == [0x02, 0x00, 0x10, 0x00] {
            transfer_syntax = Some(String::from_utf8_lossy(value).trim_end_matches(['\0', ' ']).to_owned());
        }
        meta = rest;
    }
    Some((transfer_syntax?, data_set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_apart_into_its_parts() {
        let made = file("1.2.840.10008.5.1.4.1.1.1.1", "1.2.3", "1.2.840.10008.1.2.1", b"data set");
        assert_eq!(data_set(&made), Some(("1.2.840.10008.1.2.1".to_owned(), &b"data set"[..])));
    }

    #[test]
    fn what_is_cut_short_is_no_file() {
        let made = file("1.2", "1.2.3", "1.2.840.10008.1.2.1", b"");
        for end in 0..made.len() {
            assert_eq!(data_set(&made[..end]), None, "cut at {end}");
        }
    }
}
