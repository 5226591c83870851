//! The entry `data.pkl` of a PyTorch file, which is a ZIP archive without encryption, on one disk.
//!
//! # Source
//! PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (its end). PyTorch
//! writes stored entries; deflated ones are read too.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use crate::limits::MAX_DOCUMENT_BYTES;

const DAMAGED: &str = "expected a PyTorch file, found a damaged ZIP archive";
/// Fixed parts of the three records.
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;

/// What the central directory says of an entry.
struct Entry<'a> {
    name: &'a [u8],
    method: u16,
    flags: u16,
    crc: u32,
    packed_bytes: usize,
    bytes: u64,
    header_at: usize,
}

/// The bytes of `data.pkl`.
pub(super) fn pickle(archive: &[u8]) -> Result<Vec<u8>, String> {
    let is_pickle = |entry: &Entry| entry.name == b"data.pkl" || entry.name.ends_with(b"/data.pkl");
    let entries = entries(archive).ok_or(DAMAGED)?;
    let entry = entries.iter().find(|entry| is_pickle(entry));
    let entry = entry.ok_or("expected an entry `data.pkl`, found none: this is no PyTorch file")?;
    if entry.bytes > MAX_DOCUMENT_BYTES {
        return Err(format!("expected `data.pkl` of at most {MAX_DOCUMENT_BYTES} bytes, found {}", entry.bytes));
    }
    if entry.flags & 1 != 0 {
        return Err("expected an archive without a password, found an encrypted one".into());
    }
    unpack(entry, packed(archive, entry).ok_or(DAMAGED)?)
}

fn unpack(entry: &Entry, packed: &[u8]) -> Result<Vec<u8>, String> {
    let bytes = match entry.method {
        0 => packed.to_vec(),
        8 => inflate(packed)?,
        other => return Err(format!("expected a stored or deflated entry, found method {other}")),
    };
    let mut crc = Crc::new();
    crc.update(&bytes);
    match bytes.len() as u64 == entry.bytes && crc.sum() == entry.crc {
        true => Ok(bytes),
        false => Err(DAMAGED.into()),
    }
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = vec![];
    DeflateDecoder::new(packed).take(MAX_DOCUMENT_BYTES + 1).read_to_end(&mut bytes).map_err(|_| DAMAGED)?;
    match bytes.len() as u64 > MAX_DOCUMENT_BYTES {
        true => Err(format!("expected `data.pkl` of at most {MAX_DOCUMENT_BYTES} bytes, found more")),
        false => Ok(bytes),
    }
}

/// All entries of the central directory; `None` if it is cut short.
fn entries(archive: &[u8]) -> Option<Vec<Entry<'_>>> {
    let end = (0..=archive.len().checked_sub(END_BYTES)?).rev().take(1 << 16);
    let end = end.into_iter().find(|&at| archive[at..].starts_with(b"PK\x05\x06"))?;
    let count = usize::from(u16_at(archive, end + 10)?);
    let mut at = u32_at(archive, end + 16)? as usize;
    let mut entries = vec![];
    for _ in 0..count {
        let record = archive.get(at..at.checked_add(CENTRAL_BYTES)?)?;
        let lengths = [28, 30, 32].map(|place| u16_at(record, place).map(usize::from));
        let [Some(name), Some(extra), Some(comment)] = lengths else { return None };
        entries.push(Entry {
            name: archive.get(at + CENTRAL_BYTES..at + CENTRAL_BYTES + name)?,
            flags: u16_at(record, 8)?,
            method: u16_at(record, 10)?,
            crc: u32_at(record, 16)?,
            packed_bytes: u32_at(record, 20)? as usize,
            bytes: u64::from(u32_at(record, 24)?),
            header_at: u32_at(record, 42)? as usize,
        });
        at += CENTRAL_BYTES + name + extra + comment;
        record.starts_with(b"PK\x01\x02").then_some(())?;
    }
    Some(entries)
}

/// The bytes of an entry as they lie in the archive, behind its local header.
fn packed<'a>(archive: &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    let header = archive.get(entry.header_at..)?;
    header.starts_with(b"PK\x03\x04").then_some(())?;
    let start = LOCAL_BYTES + usize::from(u16_at(header, 26)?) + usize::from(u16_at(header, 28)?);
    header.get(start..start.checked_add(entry.packed_bytes)?)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
