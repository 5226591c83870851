//! One row of a batch, and the lines of a file that may be long, torn or not text at all.

use std::io::{self, BufRead, Read};
use std::path::PathBuf;

use serde::Deserialize;

use crate::files::MAX_REPORT_BYTES;
use crate::output::shortened;

/// Longest line: a report with every byte escaped, and its frame.
pub const MAX_LINE_BYTES: u64 = 6 * MAX_REPORT_BYTES as u64 + (1 << 16);
/// Longest id, in bytes.
const MAX_ID_BYTES: usize = 256;

/// What to ground.
#[derive(Debug, Deserialize, PartialEq)]
pub struct Row {
    /// The caller's name for it.
    pub id: String,
    /// Relative to the folder of the batch.
    pub image: PathBuf,
    /// A whole report.
    pub report: Option<String>,
    /// Single phrases.
    #[serde(default)]
    pub phrases: Vec<String>,
}

impl Row {
    /// Reads a line. The message of a failure never quotes the line, which may hold a report.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let row: Self = serde_json::from_slice(line).map_err(|e| in_words(&e))?;
        if !(1..=MAX_ID_BYTES).contains(&row.id.len()) {
            return Err(format!("expected an id of 1 to {MAX_ID_BYTES} bytes, found {}", row.id.len()));
        }
        if let Some(length) = row.report.as_ref().map(String::len).filter(|length| *length > MAX_REPORT_BYTES) {
            return Err(format!("expected a report of at most {MAX_REPORT_BYTES} bytes, found {length}"));
        }
        if row.report.is_none() && row.phrases.is_empty() {
            return Err("expected a report or phrases, found neither".to_owned());
        }
        if row.phrases.iter().any(|phrase| phrase.trim().is_empty()) {
            return Err("expected phrases with words, found an empty one".to_owned());
        }
        Ok(row)
    }

    /// The id of a line whose other fields may be wrong, for messages.
    pub fn id_of(line: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        struct OnlyId {
            id: String,
        }
        serde_json::from_slice::<OnlyId>(line).ok().map(|row| shortened(&row.id, 64))
    }
}

/// The parser's own message may quote a value.
fn in_words(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "a field that is missing or of another type",
        serde_json::error::Category::Eof => "a line that breaks off",
        serde_json::error::Category::Io | serde_json::error::Category::Syntax => "no JSON",
    };
    format!("expected an object with id, image, and report or phrases, found {kind} at column {}", error.column())
}

/// A line of a file.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// Without its line break.
    Whole(Vec<u8>),
    /// Longer than the limit; the file is behind it now.
    TooLong,
    /// The file ends without a line break.
    Torn(Vec<u8>),
    /// There are no more.
    End,
}

/// Reads the next line, of which at most `limit` bytes are kept, and says how many bytes of the file it took.
pub fn next_line(reader: &mut impl BufRead, limit: u64) -> io::Result<(Line, u64)> {
    let mut bytes = Vec::new();
    let length = reader.by_ref().take(limit).read_until(b'\n', &mut bytes)? as u64;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        return Ok((Line::Whole(bytes), length));
    }
    match length {
        0 => Ok((Line::End, 0)),
        _ if length == limit => Ok((Line::TooLong, length + skip_line(reader)?)),
        _ => Ok((Line::Torn(bytes), length)),
    }
}

/// Skips to behind the next line break without keeping what is skipped.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let found = buffer.iter().position(|b| *b == b'\n').map(|at| at + 1);
        let (length, is_last) = (found.unwrap_or(buffer.len()), found.is_some() || buffer.is_empty());
        reader.consume(length);
        skipped += length as u64;
        if is_last {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_wrong_ones_are_not_quoted() {
        let row = Row::parse(br#"{"id":"1","image":"a.png","phrases":["mass"],"site":"x"}"#).unwrap();
        assert_eq!((row.id.as_str(), row.phrases.len(), row.report), ("1", 1, None));
        let wrong = [
            &br#"{"id":"SECRET","image":"a.png"}"#[..],
            br#"{"id":"","image":"a.png","report":"SECRET"}"#,
            br#"{"id":1,"image":"a.png","report":"SECRET"}"#,
            br#"{"id":"1","image":"a.png","phrases":"SECRET"}"#,
            br#"{"id":"1","image":"a.png","phrases":[" "]}"#,
            br#"{"id":"1","report":"SECRET"}"#,
            br#"{"id":"1","image":"a.png","report":"SECRET"#,
            b"SECRET",
            b"\xff",
            b"",
        ];
        for line in wrong {
            let message = Row::parse(line).unwrap_err();
            assert!(!message.contains("SECRET"), "{message}");
        }
        assert_eq!(Row::id_of(br#"{"id":"7","image":3}"#).as_deref(), Some("7"));
        assert_eq!(Row::id_of(br#"{"id":7}"#), None);
    }

    #[test]
    fn a_report_of_any_bytes_fits_a_line() {
        let report = "\u{1}".repeat(MAX_REPORT_BYTES);
        let line = serde_json::json!({"id": "1", "image": "a.png", "report": report}).to_string();
        assert!((line.len() as u64) < MAX_LINE_BYTES);
        assert!(Row::parse(line.as_bytes()).is_ok());
        let longer = serde_json::json!({"id": "1", "image": "a.png", "report": "a".repeat(MAX_REPORT_BYTES + 1)});
        assert!(Row::parse(longer.to_string().as_bytes()).unwrap_err().contains("1048577"));
    }

    #[test]
    fn lines_are_whole_too_long_or_torn() {
        let mut reader = io::BufReader::with_capacity(3, &b"ab\n\n0123456789\ncd"[..]);
        let mut next = || next_line(&mut reader, 6).unwrap();
        assert_eq!(next(), (Line::Whole(b"ab".to_vec()), 3));
        assert_eq!(next(), (Line::Whole(vec![]), 1));
        assert_eq!(next(), (Line::TooLong, 11));
        assert_eq!(next(), (Line::Torn(b"cd".to_vec()), 2));
        assert_eq!(next(), (Line::End, 0));
    }
}
