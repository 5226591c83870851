//! Files of bounded size: whole, as JSON, or line by line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{DataError, json_problem};
use crate::limits::{MAX_DOCUMENT_BYTES, MAX_ROW_BYTES, MAX_TABLE_BYTES};

/// A file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = vec![];
    let file = File::open(path).map_err(DataError::io(path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(DataError::io(path))?;
    if bytes.len() as u64 > limit {
        return Err(DataError::file(path, format!("expected at most {limit} bytes, found more")));
    }
    Ok(bytes)
}

/// A text file in UTF-8 of at most `limit` bytes, without its byte order mark.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, DataError> {
    let text = String::from_utf8(read(path, limit)?).map_err(|e| {
        let place = e.utf8_error().valid_up_to();
        DataError::file(path, format!("expected text in UTF-8, found another byte at offset {place}"))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A JSON document.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    let text = read_text(path, MAX_DOCUMENT_BYTES)?;
    serde_json::from_str(&text).map_err(|e| DataError::file(path, json_problem(&e)))
}

/// A table that may be long, refused if it is longer than allowed.
pub(crate) fn open_table(path: &Path) -> Result<BufReader<File>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    let length = file.metadata().map_err(DataError::io(path))?.len();
    if length > MAX_TABLE_BYTES {
        return Err(DataError::file(path, format!("expected at most {MAX_TABLE_BYTES} bytes, found {length}")));
    }
    Ok(BufReader::new(file))
}

/// Calls `row` with the number and the text of each line that is not blank.
pub(crate) fn for_each_line(
    path: &Path,
    mut row: impl FnMut(usize, &str) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut reader = open_table(path)?;
    let mut line = vec![];
    for number in 1.. {
        line.clear();
        let length =
            reader.by_ref().take(MAX_ROW_BYTES + 1).read_until(b'\n', &mut line).map_err(DataError::io(path))?;
        if length == 0 {
            break;
        }
        if length as u64 > MAX_ROW_BYTES {
            return Err(DataError::file(
                path,
                format!("expected lines of at most {MAX_ROW_BYTES} bytes, line {number} is longer"),
            ));
        }
        let text = std::str::from_utf8(&line)
            .map_err(|_| DataError::file(path, format!("expected text in UTF-8, line {number} is not")))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.is_empty() {
            row(number, text)?;
        }
    }
    Ok(())
}
