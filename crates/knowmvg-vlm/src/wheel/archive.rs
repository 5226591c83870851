//! Where one entry of a ZIP archive lies: an archive on one disk, smaller than 4 GiB, without encryption.
//!
//! # Source
//! PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (its end).

use std::io::{Read, Seek, SeekFrom};

/// Fixed parts of the three records.
const LOCAL_BYTES: u64 = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
/// Longest comment behind the end of the central directory.
const MAX_COMMENT: u64 = 1 << 16;
/// Largest central directory that is read: a wheel's is a few hundred bytes.
const MAX_DIRECTORY: u64 = 1 << 20;

/// The bytes of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    pub start: u64,
    pub packed_bytes: u64,
    /// Stored as they are if not.
    pub is_deflated: bool,
}

/// Looks an entry up in the central directory.
pub(super) fn find(archive: &mut (impl Read + Seek), name: &str) -> Result<Entry, String> {
    let directory = directory(archive).map_err(|error| error.to_string())?;
    let directory = directory.ok_or("expected a wheel, found a damaged ZIP archive")?;
    let record = record(&directory, name).ok_or_else(|| format!("expected an entry {name}, found none"))?;
    let is_deflated = match (u16_at(record, 8) & 1, u16_at(record, 10)) {
        (0, 0) => false,
        (0, 8) => true,
        (_, method) => return Err(format!("expected {name} stored or deflated, found method {method} or a password")),
    };
    let header = u64::from(u32_at(record, 42));
    // The lengths before the data are those of the local header, which may differ from the directory's.
    let local = bytes_at(archive, header, LOCAL_BYTES).map_err(|error| error.to_string())?;
    let start = header + LOCAL_BYTES + u64::from(u16_at(&local, 26)) + u64::from(u16_at(&local, 28));
    Ok(Entry { start, packed_bytes: u32_at(record, 20).into(), is_deflated })
}

/// The bytes of the central directory; `None` if they are not where the archive says.
fn directory(archive: &mut (impl Read + Seek)) -> std::io::Result<Option<Vec<u8>>> {
    let length = archive.seek(SeekFrom::End(0))?;
    let tail_bytes = length.min(END_BYTES as u64 + MAX_COMMENT);
    let tail = bytes_at(archive, length - tail_bytes, tail_bytes)?;
    let end = tail.windows(END_BYTES).rev().find(|record| record.starts_with(b"PK\x05\x06"));
    let Some(end) = end else { return Ok(None) };
    let (bytes, start) = (u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
    if bytes > MAX_DIRECTORY || start + bytes > length {
        return Ok(None);
    }
    bytes_at(archive, start, bytes).map(Some)
}

/// The record of one entry, without what follows its fixed part.
fn record<'a>(mut directory: &'a [u8], name: &str) -> Option<&'a [u8]> {
    while directory.starts_with(b"PK\x01\x02") && directory.len() >= CENTRAL_BYTES {
        let (record, rest) = directory.split_at(CENTRAL_BYTES);
        let [of_name, of_extra, of_comment] = [28, 30, 32].map(|at| usize::from(u16_at(record, at)));
        if rest.get(..of_name)? == name.as_bytes() {
            return Some(record);
        }
        directory = rest.get(of_name + of_extra + of_comment..)?;
    }
    None
}

fn bytes_at(archive: &mut (impl Read + Seek), start: u64, length: u64) -> std::io::Result<Vec<u8>> {
    archive.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; length as usize];
    archive.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A number of a record whose length was checked.
fn u16_at(record: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([record[at], record[at + 1]])
}

fn u32_at(record: &[u8], at: usize) -> u32 {
    u32::from(u16_at(record, at)) | u32::from(u16_at(record, at + 2)) << 16
}
