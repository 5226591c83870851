//! Which files are to be de-identified.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure};

/// A file, and whether it was named itself.
pub struct Input {
    pub path: PathBuf,
    /// In a folder there may be anything; what is named has to be DICOM.
    pub is_named: bool,
}

/// Files and those of folders and their folders, in the order of their names. Links in folders are not followed.
pub fn all(inputs: &[PathBuf]) -> Result<Vec<Input>, Failure> {
    let mut found = Vec::new();
    for input in inputs {
        let unreadable = |e| Failure::about(Exit::Input, "cannot read", input, e);
        if fs::metadata(input).map_err(unreadable)?.is_dir() {
            below(input, &mut found).map_err(unreadable)?;
        } else {
            found.push(Input { path: input.clone(), is_named: true });
        }
    }
    Ok(found)
}

/// With a stack of its own instead of recursion.
fn below(folder: &Path, found: &mut Vec<Input>) -> io::Result<()> {
    let mut open = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => open.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort_unstable();
    found.extend(files.into_iter().map(|path| Input { path, is_named: false }));
    Ok(())
}
