//! Bytes → transfer syntax and data set.
//!
//! Strictly, a file is a 128-byte preamble, `DICM`, and file meta information that starts with its own length
//! (PS3.10 §7.1). Archives are full of files without the length, without the meta information or without the preamble,
//! and every viewer opens them; so does this.

use std::borrow::Cow;
use std::io::Read;

use crate::error::Error;
use crate::read::MAX_FILE_BYTES;

/// How the elements of a data set are written (PS3.5 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Little endian, without value representations.
    ImplicitLittle,
    /// Little endian, with value representations.
    ExplicitLittle,
    /// Big endian, with value representations; retired, and still met.
    ExplicitBig,
}

/// A file taken apart.
#[derive(Debug)]
pub(crate) struct File<'a> {
    /// Transfer Syntax UID (0002,0010), or the one that an unmarked file must have.
    pub transfer_syntax: String,
    /// How the data set is written.
    pub encoding: Encoding,
    /// The data set, inflated if it was deflated.
    pub dataset: Cow<'a, [u8]>,
    /// Where the file departs from PS3.10.
    pub warnings: Vec<String>,
}

const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";

/// Whether the bytes look like DICOM: the prefix `DICM`, or a first element that a data set can start with.
pub fn is_dicom(bytes: &[u8]) -> bool {
    meta_start(bytes).is_some()
}

/// Takes a file apart.
pub(crate) fn open(bytes: &[u8]) -> Result<File<'_>, Error> {
    let start = meta_start(bytes).ok_or(Error::NotDicom { found: describe(bytes) })?;
    let mut warnings = Vec::new();
    if start == 0 {
        warnings.push("the file has no preamble".to_owned());
    }
    let (meta_uid, dataset_start) = transfer_syntax(&bytes[start..])?;
    let rest = &bytes[start + dataset_start..];
    let Some(uid) = meta_uid else {
        warnings.push("the file does not state its transfer syntax, which was guessed".to_owned());
        let encoding = guess(rest).unwrap_or(Encoding::ImplicitLittle);
        return Ok(File {
            transfer_syntax: native(encoding).to_owned(),
            encoding,
            dataset: Cow::Borrowed(rest),
            warnings,
        });
    };
    let dataset = if uid == DEFLATED { Cow::Owned(inflate(rest, MAX_FILE_BYTES)?) } else { Cow::Borrowed(rest) };
    let stated = stated_encoding(&uid);
    let encoding = guess(&dataset).unwrap_or(stated);
    if encoding != stated {
        warnings.push("the data set is not written in the transfer syntax that the file states".to_owned());
    }
    Ok(File { transfer_syntax: uid, encoding, dataset, warnings })
}

/// Where the elements start: behind the prefix, or at once.
fn meta_start(bytes: &[u8]) -> Option<usize> {
    if bytes.get(128..132) == Some(b"DICM") {
        return Some(132);
    }
    guess(bytes).map(|_| 0)
}

/// The transfer syntax in the elements of group 0002, and where they end.
///
/// They are read one by one: the group length that PS3.10 demands is missing from many files, and wrong in some.
fn transfer_syntax(bytes: &[u8]) -> Result<(Option<String>, usize), Error> {
    let mut offset = 0;
    let mut uid = None;
    while let Some(&[2, 0, element_low, element_high, b4, b5, b6, b7]) = bytes.get(offset..offset + 8) {
        let vr = [b4, b5];
        let (length, header) = match (is_vr(vr), has_long_length(vr)) {
            (true, true) => (long_length(bytes, offset + 8), 12),
            (true, false) => (u64::from(u16::from_le_bytes([b6, b7])), 8),
            (false, _) => (u64::from(u32::from_le_bytes([b4, b5, b6, b7])), 8),
        };
        let start = offset + header;
        let problem = Error::Damaged { problem: "file meta information that breaks off", offset: offset as u64 };
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length)).ok_or(problem.clone())?;
        let value = bytes.get(start..end).ok_or(problem)?;
        if (element_low, element_high) == (0x10, 0) {
            uid = Some(uid_text(value)?);
        }
        offset = end;
    }
    Ok((uid, offset))
}

fn long_length(bytes: &[u8], offset: usize) -> u64 {
    match bytes.get(offset..offset + 4) {
        Some(&[a, b, c, d]) => u64::from(u32::from_le_bytes([a, b, c, d])),
        // No value can be that long, so the caller reports that the file breaks off.
        _ => u64::MAX,
    }
}

fn uid_text(value: &[u8]) -> Result<String, Error> {
    let text: String = value.iter().map(|&b| char::from(b)).collect();
    let text = text.trim_matches(['\0', ' ']);
    // PS3.5 §9.1: at most 64 digits and full stops.
    if text.len() <= 64 && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Ok(text.to_owned());
    }
    let found = "other characters".to_owned();
    Err(Error::Invalid { name: "Transfer Syntax UID", expected: "of digits and full stops", found })
}

fn stated_encoding(uid: &str) -> Encoding {
    match uid {
        IMPLICIT_LITTLE => Encoding::ImplicitLittle,
        EXPLICIT_BIG => Encoding::ExplicitBig,
        // PS3.5 §A.4: every compressed transfer syntax writes its elements so.
        _ => Encoding::ExplicitLittle,
    }
}

fn native(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::ImplicitLittle => IMPLICIT_LITTLE,
        Encoding::ExplicitLittle => EXPLICIT_LITTLE,
        Encoding::ExplicitBig => EXPLICIT_BIG,
    }
}

/// The encoding, by the first element: a data set starts with a low even group, and an explicit one states a value
/// representation at byte 4, where an implicit one has a length that no first element reaches.
fn guess(bytes: &[u8]) -> Option<Encoding> {
    let &[a, b, c, d, e, f, g, h] = bytes.get(..8)? else { return None };
    let low_group = |group: u16| matches!(group, 2 | 4 | 8 | 0x10);
    if low_group(u16::from_be_bytes([a, b])) && is_vr([e, f]) {
        return Some(Encoding::ExplicitBig);
    }
    if !low_group(u16::from_le_bytes([a, b])) {
        return None;
    }
    if is_vr([e, f]) {
        return Some(Encoding::ExplicitLittle);
    }
    let first_element = u16::from_le_bytes([c, d]) <= 0x0100;
    let short_value = u32::from_le_bytes([e, f, g, h]) <= 0x1_0000;
    (first_element && short_value).then_some(Encoding::ImplicitLittle)
}

fn is_vr(vr: [u8; 2]) -> bool {
    dicom_core::VR::from_binary(vr).is_some()
}

/// PS3.5 §7.1.2: these have two reserved bytes and a length of four.
fn has_long_length(vr: [u8; 2]) -> bool {
    matches!(&vr, b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV")
}

/// Inflates a deflated data set (PS3.5 §A.5), at most to the size that a file may have.
fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let mut dataset = Vec::new();
    let read = flate2::read::DeflateDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut dataset);
    if dataset.len() > limit {
        return Err(Error::FileTooLarge { limit, inflated: true });
    }
    match read {
        Ok(_) => Ok(dataset),
        Err(_) => Err(Error::Codec { codec: "deflated", problem: "a damaged or cut stream" }),
    }
}

fn describe(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "an empty file",
        [0x89, b'P', b'N', b'G', ..] => "a PNG file",
        [0xff, 0xd8, 0xff, ..] => "a JPEG file",
        [b'%', b'P', b'D', b'F', ..] => "a PDF file",
        [b'P', b'K', 3, 4, ..] => "a ZIP archive",
        [0x1f, 0x8b, ..] => "a gzip file",
        _ if bytes.iter().take(512).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => "text",
        _ => "unknown bytes",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_deflated_bomb_stops_at_the_limit() {
        let bomb = deflated(&[0; 100_000]);
        assert!(bomb.len() < 200);
        assert_eq!(inflate(&bomb, 100_000).map(|bytes| bytes.len()), Ok(100_000));
        assert_eq!(inflate(&bomb, 99_999), Err(Error::FileTooLarge { limit: 99_999, inflated: true }));
    }

    #[test]
    fn dicom_is_known_by_its_prefix_or_its_first_element() {
        assert!(is_dicom(&[vec![7; 128], b"DICM".to_vec()].concat()));
        assert!(is_dicom(b"\x08\0\x05\0CS\x0a\0ISO_IR 100"));
        assert!(is_dicom(b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100"));
        assert!(is_dicom(b"\0\x08\0\x05CS\0\x0aISO_IR 100"));
        assert!(!is_dicom(b"FINDINGS: none"));
        assert!(!is_dicom(b"\x89PNG\r\n\x1a\n"));
        assert!(!is_dicom(b"\x08\0\x05"));
    }
}
