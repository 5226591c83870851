//! CSV files: columns by name, cells as numbers.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use csv_core::{ReadRecordResult, Reader};

use super::{Rows, bounded};
use crate::error::DataError;
use crate::limits::MAX_ROW_BYTES;

/// Most columns of a row.
const MAX_COLUMNS: usize = 1024;

/// A CSV file whose header was read.
pub(crate) struct Table<'a> {
    path: &'a Path,
    records: Records,
    header: Vec<String>,
}

/// One row, with the header it is read by.
pub(crate) struct Row<'a> {
    header: &'a [String],
    cells: &'a [String],
}

impl<'a> Table<'a> {
    /// Opens a file and checks that these columns are there.
    pub fn open(path: &'a Path, needed: &[&str]) -> Result<Self, DataError> {
        let mut records = Records::open(path)?;
        let header = records.next(path)?.map(|(_, cells)| cells).unwrap_or_default();
        let header: Vec<String> =
            header.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect();
        match needed.iter().find(|name| !header.iter().any(|column| column == *name)) {
            Some(name) => Err(DataError::file(path, format!("expected a column `{name}`, found none of that name"))),
            None => Ok(Self { path, records, header }),
        }
    }

    /// Calls `row` with each row; a row that it calls broken is left to `rows`.
    pub fn for_each(
        mut self,
        rows: &mut Rows,
        mut row: impl FnMut(&Row) -> Result<(), String>,
    ) -> Result<(), DataError> {
        while let Some((line, cells)) = self.records.next(self.path)? {
            rows.next(self.path)?;
            let parsed = row(&Row { header: &self.header, cells: &cells });
            rows.check(self.path, line, parsed)?;
        }
        Ok(())
    }
}

impl<'a> Row<'a> {
    /// The cell at a position; empty if the row is short.
    pub fn at(&self, column: usize) -> &'a str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }

    /// The cell of a column; empty if there is none.
    pub fn text(&self, name: &str) -> &'a str {
        self.header.iter().position(|column| column == name).map_or("", |column| self.at(column))
    }

    /// The cell, which must not be empty.
    pub fn needed(&self, name: &str) -> Result<&'a str, String> {
        let text = self.text(name);
        if text.is_empty() { Err(format!("expected a value in column `{name}`, found none")) } else { Ok(text) }
    }

    /// The cells as numbers.
    pub fn numbers<const N: usize>(&self, names: [&str; N]) -> Result<[f64; N], String> {
        let mut numbers = [0.0; N];
        for (number, name) in numbers.iter_mut().zip(names) {
            *number = parse_number(self.text(name)).ok_or_else(|| format!("expected a number in column `{name}`"))?;
        }
        Ok(numbers)
    }

    /// Whether all these cells are empty.
    pub fn is_blank<const N: usize>(&self, names: [&str; N]) -> bool {
        names.iter().all(|name| self.text(name).is_empty())
    }

    /// The cells as the width and height of an image.
    pub fn size(&self, names: [&str; 2]) -> Result<[u32; 2], String> {
        let numbers = self.numbers(names)?;
        let is_side = |n: &f64| n.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(n);
        if !numbers.iter().all(is_side) {
            return Err(format!("expected whole numbers above 0 in columns `{}` and `{}`", names[0], names[1]));
        }
        Ok(numbers.map(|n| n as u32))
    }
}

/// A finite number.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The rows of a file, in buffers that do not grow: a quote that is never closed would hold the rest of the file.
struct Records {
    file: BufReader<File>,
    machine: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Records {
    fn open(path: &Path) -> Result<Self, DataError> {
        let file = bounded::open_table(path)?;
        Ok(Self { file, machine: Reader::new(), text: vec![0; MAX_ROW_BYTES as usize], ends: vec![0; MAX_COLUMNS] })
    }

    /// The next row that is not blank, and the line on which it ends.
    fn next(&mut self, path: &Path) -> Result<Option<(usize, Vec<String>)>, DataError> {
        let (mut text_len, mut ends_len) = (0, 0);
        loop {
            let input = self.file.fill_buf().map_err(DataError::io(path))?;
            let (text, ends) = (&mut self.text[text_len..], &mut self.ends[ends_len..]);
            let (result, read, wrote, ended) = self.machine.read_record(input, text, ends);
            self.file.consume(read);
            (text_len, ends_len) = (text_len + wrote, ends_len + ended);
            let line = self.machine.line() as usize;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => {
                    let line = line.saturating_sub(1).max(1);
                    return self
                        .cells(ends_len)
                        .map(|cells| Some((line, cells)))
                        .ok_or_else(|| DataError::file(path, format!("expected text in UTF-8, line {line} is not")));
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    let problem = format!(
                        "expected rows of at most {MAX_ROW_BYTES} bytes and {MAX_COLUMNS} columns, found a longer one before line {line}"
                    );
                    return Err(DataError::file(path, problem));
                }
            }
        }
    }

    fn cells(&self, count: usize) -> Option<Vec<String>> {
        let mut start = 0;
        let cell = |&end: &usize| {
            let cell = std::str::from_utf8(&self.text[start..end]).ok()?.to_owned();
            start = end;
            Some(cell)
        };
        self.ends[..count].iter().map(cell).collect()
    }
}
