//! Bounded reading of what the user gave, and writing of what was asked for.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use knowmvg::image::GreyImage;
use knowmvg::train::corpus::{Corpus, Record};

use crate::failure::{Exit, Failure};

/// Longest report.
///
/// # Units
/// Bytes.
pub const MAX_REPORT_BYTES: usize = 1 << 20;

/// Reads at most `limit` bytes; more of them are an error and are not read.
fn read_at_most(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("expected at most {limit} bytes, found more")));
    }
    Ok(bytes)
}

/// Reads a file of at most `limit` bytes; more of them are an error and are not read.
pub fn bytes_at_most(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    read_at_most(File::open(path)?, limit)
}

/// Reads a report from a file, or from standard input for `-`.
///
/// Offsets into the result are offsets into the bytes that were given, so nothing is repaired or stripped.
pub fn read_report(path: &Path) -> Result<String, Failure> {
    let unreadable = |e| Failure::about(Exit::Input, "cannot read the report", path, e);
    let bytes = if path == Path::new("-") {
        read_at_most(io::stdin().lock(), MAX_REPORT_BYTES)
    } else {
        bytes_at_most(path, MAX_REPORT_BYTES)
    };
    String::from_utf8(bytes.map_err(unreadable)?).map_err(|e| {
        // The error itself holds the text.
        let place = e.utf8_error().valid_up_to();
        let problem = format!("expected text in UTF-8, found another byte at offset {place}");
        let fix =
            "convert it first, e.g. `iconv -f latin1 -t utf-8`; spans count bytes, so it is not repaired silently";
        Failure::about(Exit::Input, "cannot read the report", path, problem).fix(fix)
    })
}

/// Reads a DICOM, PNG or JPEG file.
pub fn read_image(path: &Path) -> Result<GreyImage, Failure> {
    image_in(&image_bytes(path)?, path)
}

/// The bytes of a file that may be an image.
pub fn image_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = bytes_at_most(path, knowmvg_dicom::MAX_FILE_BYTES);
    bytes.map_err(|e| Failure::about(Exit::Input, "cannot read the image", path, e))
}

/// The image that such bytes hold.
pub fn image_in(bytes: &[u8], path: &Path) -> Result<GreyImage, Failure> {
    knowmvg_dicom::read_image(bytes).map_err(|e| {
        let fix = "give a frontal chest radiograph as DICOM, PNG or JPEG";
        Failure::about(Exit::Input, "cannot read the image", path, e).fix(fix)
    })
}

/// Opens a corpus folder.
pub fn open_corpus(folder: &Path) -> Result<Corpus, Failure> {
    Corpus::open(folder).map_err(|e| {
        Failure::about(Exit::Input, "cannot read the corpus", folder, e).fix("name a folder with annotations.jsonl")
    })
}

/// Reads the image of a corpus record.
pub fn read_record(corpus: &Corpus, record: &Record) -> Result<GreyImage, Failure> {
    let path = corpus.image_path(record);
    corpus.read_image(record).map_err(|e| Failure::about(Exit::Input, "cannot read the image", &path, e))
}

/// Writes a whole file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|e| {
        Failure::about(Exit::Work, "cannot write the file", path, e)
            .fix("check that its folder exists and may be written to")
    })
}

/// Makes a folder and those above it.
pub fn create_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|e| Failure::about(Exit::Work, "cannot make the folder", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_allowed() {
        assert_eq!(read_at_most(&b"four"[..], 4).unwrap(), b"four");
        assert!(read_at_most(io::repeat(0), 1000).is_err());
    }
}
