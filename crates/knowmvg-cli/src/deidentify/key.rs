//! Files with a key.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use knowmvg_dicom::deidentify::{Key, MIN_KEY_BYTES};

use crate::failure::{Exit, Failure};
use crate::files;

/// Longest file of a key.
///
/// # Units
/// Bytes.
const MAX_KEY_FILE: usize = 4_096;

const FIX: &str = "make one with `openssl rand -hex 32 > key`, or with `knowmvg deidentify --new-key`";

/// Reads a key.
pub fn read(path: &Path) -> Result<Key, Failure> {
    let what = "cannot use the key";
    let bytes = files::bytes_at_most(path, MAX_KEY_FILE);
    let bytes = bytes.map_err(|e| Failure::about(Exit::Input, what, path, e).fix(FIX))?;
    let problem = "expected a key of hexadecimal digits, found other bytes";
    let text = std::str::from_utf8(&bytes).map_err(|_| Failure::about(Exit::Input, what, path, problem).fix(FIX))?;
    Key::from_hex(text).map_err(|e| Failure::about(Exit::Input, what, path, e).fix(FIX))
}

/// Makes a key of the system's random numbers that only its owner can read.
pub fn make(path: &Path) -> Result<(), Failure> {
    let unwritable = |e| {
        let fix = "name a file that does not exist yet: a key that is overwritten can't be had back";
        Failure::about(Exit::Work, "cannot make the key", path, e).fix(fix)
    };
    let mut bytes = [0; MIN_KEY_BYTES];
    let no_random = |e: getrandom::Error| Failure::new(Exit::Work, "cannot make the key").because(e.to_string());
    getrandom::fill(&mut bytes).map_err(no_random)?;
    let digits = knowmvg::model::weights::hex(&bytes);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| writeln!(file, "{digits}")).map_err(unwritable)
}
