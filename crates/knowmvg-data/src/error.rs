//! Why a file of annotations cannot be read or written. No message holds an id, a name or text of the file.

use std::path::{Path, PathBuf};

/// Why annotations cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file cannot be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// A file as a whole is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// What was expected and what was found.
        problem: String,
        /// The file.
        path: PathBuf,
    },
    /// A row is not what it should be.
    #[error(transparent)]
    Row(#[from] RowProblem),
    /// The target format cannot hold the data set at all.
    #[error("the format {format} {problem}")]
    Unwritable {
        /// Name of the format.
        format: &'static str,
        /// What it needs.
        problem: String,
    },
}

/// A row that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("row {row} of {}: {problem}", path.display())]
pub struct RowProblem {
    /// The file.
    pub path: PathBuf,
    /// 1-based: the line of a text file (headers count), the entry of a JSON list, an XML object or a pickle list.
    pub row: usize,
    /// What was expected and what was found.
    pub problem: String,
}

impl DataError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { source, path }
    }

    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File { problem: problem.into(), path: path.to_owned() }
    }
}

/// What is wrong with a JSON text, in words that quote none of it.
pub(crate) fn json_problem(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    // Names of missing keys are ours; everything else that serde says may quote values of the file.
    if let Some(key) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return format!("expected the key `{key}` at line {line} column {column}");
    }
    let found = match error.classify() {
        Category::Eof => "expected more, but the text is cut short",
        Category::Syntax => "expected JSON, found another character or deeper nesting than allowed",
        Category::Data => "expected a value of another type or range",
        Category::Io => "the text cannot be read",
    };
    format!("{found} at line {line} column {column}")
}
