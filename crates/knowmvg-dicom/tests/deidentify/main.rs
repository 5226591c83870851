//! De-identification: nothing that identifies comes through, what belongs together stays together, and pixels stay as they are.

mod bytes;
mod canary;
mod content;
mod files;
mod hostile;
mod laws;
#[path = "../derived/made.rs"]
#[allow(dead_code)]
mod made;
mod options;
mod planted;

#[path = "../build/mod.rs"]
mod build;

use knowmvg_dicom::deidentify::{BurnedIn, Deidentifier, Key, Profile, ProfileOption};

/// A key of 32 bytes.
fn key(pair: &str) -> Key {
    Key::from_hex(&format!("01{}", pair.repeat(31))).expect("a key")
}

/// With options, and refusing nothing.
fn with(options: &[ProfileOption]) -> Deidentifier {
    Deidentifier::new(key("5e"), Profile::new(options.iter().copied(), BurnedIn::Allow))
}

/// What any part of the bytes is.
fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
