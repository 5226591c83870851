//! The files of a folder, in a fixed order.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::limits::{MAX_FILES, MAX_FOLDER_DEPTH};

/// All files below the folder, sorted; links are not followed.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut found = vec![];
    collect(folder, 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), DataError> {
    if depth > MAX_FOLDER_DEPTH {
        return Err(DataError::file(folder, format!("expected at most {MAX_FOLDER_DEPTH} folders in each other")));
    }
    for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let entry = entry.map_err(DataError::io(folder))?;
        let kind = entry.file_type().map_err(DataError::io(folder))?;
        if kind.is_dir() {
            collect(&entry.path(), depth + 1, found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
        if found.len() > MAX_FILES {
            return Err(DataError::file(folder, format!("expected at most {MAX_FILES} files, found more")));
        }
    }
    Ok(())
}

/// The file itself, or those of the folder whose names end like this.
pub(crate) fn files_ending(path: &Path, ending: &str) -> Result<Vec<PathBuf>, DataError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = files(path)?;
    files.retain(|file| file.to_string_lossy().to_ascii_lowercase().ends_with(ending));
    match files.is_empty() {
        true => Err(DataError::file(path, format!("expected files ending in {ending}, found none"))),
        false => Ok(files),
    }
}

/// The path of a file below the folder, with `/` between its parts and without the ending.
pub(crate) fn id_below(folder: &Path, file: &Path, ending: &str) -> String {
    let below = file.strip_prefix(folder).ok().filter(|below| !below.as_os_str().is_empty());
    let below = below.unwrap_or_else(|| Path::new(file.file_name().unwrap_or_default()));
    let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let id = parts.join("/");
    match id.len().checked_sub(ending.len()) {
        Some(at) if id.is_char_boundary(at) && id[at..].eq_ignore_ascii_case(ending) => id[..at].to_owned(),
        _ => id,
    }
}
