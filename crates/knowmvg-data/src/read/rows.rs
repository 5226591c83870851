//! What happens to a broken row.

use std::path::Path;

use crate::error::{DataError, RowProblem};
use crate::limits::{MAX_LISTED_ROWS, MAX_ROWS};

/// Counts rows, and stops at the first broken one or lists them.
pub(crate) struct Rows {
    lenient: bool,
    problems: Vec<RowProblem>,
    count: usize,
}

impl Rows {
    pub fn strict() -> Self {
        Self { lenient: false, problems: vec![], count: 0 }
    }

    pub fn lenient() -> Self {
        Self { lenient: true, ..Self::strict() }
    }

    /// Counts a row.
    pub fn next(&mut self, path: &Path) -> Result<(), DataError> {
        self.count += 1;
        let limit = || DataError::file(path, format!("expected at most {MAX_ROWS} rows, found more"));
        if self.count > MAX_ROWS { Err(limit()) } else { Ok(()) }
    }

    /// What a row gave, or nothing if it is broken and only listed.
    pub fn check<T>(&mut self, path: &Path, row: usize, parsed: Result<T, String>) -> Result<Option<T>, DataError> {
        let problem = match parsed {
            Ok(value) => return Ok(Some(value)),
            Err(problem) => RowProblem { path: path.to_owned(), row, problem },
        };
        if !self.lenient {
            return Err(problem.into());
        }
        if self.problems.len() >= MAX_LISTED_ROWS {
            return Err(DataError::file(path, format!("expected at most {MAX_LISTED_ROWS} broken rows, found more")));
        }
        self.problems.push(problem);
        Ok(None)
    }

    pub fn into_problems(self) -> Vec<RowProblem> {
        self.problems
    }
}
