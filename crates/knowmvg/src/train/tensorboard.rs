//! Scalars as TensorBoard reads them: an event file of length-prefixed, checksummed protocol buffers.
//!
//! # Source
//! The formats of TensorFlow's `TFRecord` files and of `tensorflow/core/util/event.proto`; only the four fields that a
//! scalar needs are written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the first event of every file says.
const FILE_VERSION: &str = "brain.Event:2";
/// Added to the rotated checksum, so that a checksum over data that holds checksums is still worth something.
const MASK: u32 = 0xa282_ead8;

/// An open event file; every scalar is written at once, so a run that is killed keeps what it logged.
#[derive(Debug)]
pub struct EventFile {
    file: File,
}

impl EventFile {
    /// Begins a new file in `folder`, which is made if it is absent. TensorBoard shows all files of a folder as one run.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn create(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("events.out.tfevents.{}.knowmvg.{}", now.as_secs(), std::process::id());
        let mut file = File::create(folder.join(name))?;
        file.write_all(&record(&version_event(now.as_secs_f64())))?;
        Ok(Self { file })
    }

    /// Logs one value of the curve `tag`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.file.write_all(&record(&scalar_event(now.as_secs_f64(), step, tag, value as f32)))
    }
}

/// `Event { wall_time = 1, file_version = 3 }`.
fn version_event(wall_time: f64) -> Vec<u8> {
    let mut event = Message::default();
    event.double(1, wall_time);
    event.bytes(3, FILE_VERSION.as_bytes());
    event.0
}

/// `Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } } }`.
fn scalar_event(wall_time: f64, step: u64, tag: &str, value: f32) -> Vec<u8> {
    let (mut event, mut summary, mut entry) = (Message::default(), Message::default(), Message::default());
    entry.bytes(1, tag.as_bytes());
    entry.float(2, value);
    summary.bytes(1, &entry.0);
    event.double(1, wall_time);
    event.varint(2, step);
    event.bytes(5, &summary.0);
    event.0
}

/// A protocol buffer, field by field.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u8, wire_type: u8) {
        self.0.push(field << 3 | wire_type);
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(&mut self, field: u8, value: u64) {
        self.key(field, 0);
        self.raw_varint(value);
    }

    fn double(&mut self, field: u8, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, value: &[u8]) {
        self.key(field, 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u8, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }
}

/// Length, checksum of the length, data, checksum of the data; numbers little-endian.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let [of_length, of_data] = [&length[..], data].map(|bytes| masked(crc32c(bytes)).to_le_bytes());
    [&length[..], &of_length, data, &of_data].concat()
}

fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(MASK)
}

/// CRC-32C (Castagnoli), bit by bit: a scalar has some fifty bytes.
///
/// # Source
/// RFC 3720, §12.1 and appendix B.4; the polynomial 0x1EDC6F41, reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let shifted = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shifted(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_rfc() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&rising), 0x46dd_794e);
        let falling: Vec<u8> = (0..32).rev().collect();
        assert_eq!(crc32c(&falling), 0x113f_db5c);
    }

    #[test]
    fn a_record_frames_its_data() {
        let framed = record(b"abc");
        assert_eq!(framed.len(), 8 + 4 + 3 + 4);
        assert_eq!((&framed[..8], &framed[12..15]), (&[3, 0, 0, 0, 0, 0, 0, 0][..], &b"abc"[..]));
        let stored = |at: usize| u32::from_le_bytes(framed[at..at + 4].try_into().unwrap());
        // Unmasking gives the plain checksums back.
        let unmasked = |masked: u32| masked.wrapping_sub(MASK).rotate_left(15);
        assert_eq!([unmasked(stored(8)), unmasked(stored(15))], [crc32c(&framed[..8]), crc32c(b"abc")]);
    }

    #[test]
    fn a_scalar_is_the_bytes_of_the_protocol() {
        let entry = [&[0x0a, 1, b'l', 0x15][..], &0.5_f32.to_le_bytes()].concat();
        let summary = [&[0x0a, entry.len() as u8][..], &entry].concat();
        let expected =
            [&[0x09][..], &2.0_f64.to_le_bytes(), &[0x10, 0xac, 0x02, 0x2a, summary.len() as u8], &summary].concat();
        assert_eq!(scalar_event(2.0, 300, "l", 0.5), expected);
    }

    #[test]
    fn a_file_begins_with_its_version_and_grows_with_every_scalar() {
        let folder = std::env::temp_dir().join(format!("knowmvg-events-{}", std::process::id()));
        let mut events = EventFile::create(&folder).unwrap();
        events.scalar("loss", 1, 0.25).unwrap();
        let path = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let bytes = fs::read(path).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let first = record(&version_event(0.0)).len();
        assert_eq!(&bytes[12 + 9..12 + 9 + 2], [0x1a, FILE_VERSION.len() as u8]);
        assert_eq!(bytes.len(), first + record(&scalar_event(0.0, 1, "loss", 0.25)).len());
    }
}
