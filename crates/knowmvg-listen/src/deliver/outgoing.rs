//! A result as it leaves: as it was written, or without its patient.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use knowmvg_dicom::deidentify::{BurnedIn, Deidentifier, Key, Profile, ProfileOption};

use super::Attempt;
use crate::config::DeidentifyConfig;
use crate::error::ListenError;
use crate::queue::{Delivery, NotSent};

/// Longest file of a key.
///
/// # Units
/// Bytes.
const MAX_KEY_FILE: u64 = 4_096;

/// What takes the patient out, with its key.
///
/// # Errors
/// When the key can't be read, or is none.
pub(super) fn deidentifier(config: &DeidentifyConfig) -> Result<Deidentifier, ListenError> {
    let options = config.profile_options()?.into_iter().chain([ProfileOption::CleanStructuredContent]);
    Ok(Deidentifier::new(read_key(&config.key)?, Profile::new(options, BurnedIn::Refuse)))
}

fn read_key(path: &Path) -> Result<Key, ListenError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_KEY_FILE).read_to_string(&mut text));
    read.map_err(|e| ListenError::file("cannot read the key", path, e))?;
    Key::from_hex(&text).map_err(|e| ListenError::Config(format!("{e}: {}", path.display())))
}

/// The file to send, and by which UIDs the destination knows it.
pub(super) fn outgoing(
    delivery: &Delivery,
    file: Vec<u8>,
    deidentifier: Option<&Deidentifier>,
) -> Result<(Delivery, Vec<u8>), Attempt> {
    let Some(deidentifier) = deidentifier else { return Ok((delivery.clone(), file)) };
    // Nothing is sent rather than something that names somebody.
    let done = deidentifier.file(&file).map_err(|e| Attempt::new(NotSent::Refused, e.to_string()))?;
    let delivery = Delivery {
        sop_instance_uid: done.sop_instance_uid,
        study_instance_uid: deidentifier.uid(&delivery.study_instance_uid),
        ..delivery.clone()
    };
    Ok((delivery, done.bytes))
}
