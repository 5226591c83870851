//! Reads `items.jsonl` and the predictions of one system: one JSON object a line, within limits, and no line skipped.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::check::{LineError, Problem, check_items, check_predictions};
use crate::item::Item;
use crate::limits::{MAX_FILE_BYTES, MAX_LINE_BYTES};
use crate::prediction::Prediction;

/// Why a file of items or predictions was not read. Says where, and never what the file says.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read at all.
    #[error("{}: cannot be read", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("{}: expected at most {MAX_FILE_BYTES} bytes, found more", .0.display())]
    FileTooLarge(PathBuf),
    /// A line is too long.
    #[error("{}, line {line}: expected at most {MAX_LINE_BYTES} bytes, found more", file.display())]
    LineTooLong {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A line is not the expected object.
    #[error("{}, line {line}: expected {expected}, found {found} at column {column}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Byte in the line, counted from 1; 0 before the first.
        column: usize,
        /// What a line holds.
        expected: &'static str,
        /// What kind of fault it is.
        found: &'static str,
    },
    /// A line is well-formed but cannot be scored.
    #[error("{}, line {line}: {problem}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: Problem,
    },
}

/// Reads items.
///
/// # Errors
/// When the file is missing or exceeds a limit, a line is no item, or [`check_items`] finds a problem.
pub fn read_items(file: &Path) -> Result<Vec<Item>, ReadError> {
    let items = read_lines(file, "an item")?;
    check_items(&items).map_err(|error| in_file(file, error))?;
    Ok(items)
}

/// Reads the predictions of one system for `items`. Items without a prediction are no error; they score as wrong.
///
/// # Errors
/// When the file is missing or exceeds a limit, a line is no prediction, or [`check_predictions`] finds a problem.
pub fn read_predictions(file: &Path, items: &[Item]) -> Result<Vec<Prediction>, ReadError> {
    let predictions = read_lines(file, "a prediction")?;
    check_predictions(items, &predictions).map_err(|error| in_file(file, error))?;
    Ok(predictions)
}

fn in_file(file: &Path, LineError { line, problem }: LineError) -> ReadError {
    ReadError::Line { file: file.to_owned(), line, problem }
}

fn read_lines<T: DeserializeOwned>(file: &Path, expected: &'static str) -> Result<Vec<T>, ReadError> {
    let io = |source| ReadError::Io { file: file.to_owned(), source };
    let opened = File::open(file).map_err(io)?;
    // A pipe has no length, so the limit is on what is read.
    let mut reader = BufReader::new(opened.take(MAX_FILE_BYTES + 1));
    let (mut values, mut bytes, mut total) = (Vec::new(), Vec::new(), 0);
    for line in 1.. {
        bytes.clear();
        let read = reader.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut bytes).map_err(io)?;
        total += read as u64;
        match read {
            0 => break,
            _ if total > MAX_FILE_BYTES => return Err(ReadError::FileTooLarge(file.to_owned())),
            _ if read > MAX_LINE_BYTES => return Err(ReadError::LineTooLong { file: file.to_owned(), line }),
            _ => values.push(serde_json::from_slice(&bytes).map_err(|e| malformed(file, line, expected, &e))?),
        }
    }
    Ok(values)
}

/// The parser's own message may quote the file, so only its kind and place are kept.
fn malformed(file: &Path, line: usize, expected: &'static str, error: &serde_json::Error) -> ReadError {
    let found = match error.classify() {
        Category::Data => "a field that is missing, unknown to its type or out of range",
        Category::Eof => "the end of the line",
        Category::Syntax | Category::Io => "something that is not JSON",
    };
    ReadError::Malformed { file: file.to_owned(), line, column: error.column(), expected, found }
}
