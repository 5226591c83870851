//! Names that say nothing.

use knowmvg::model::weights::hex;

use crate::error::ListenError;

/// Length of a name.
///
/// # Units
/// Hexadecimal digits.
pub(crate) const NAME_LENGTH: usize = 32;

/// 128 random bits in hexadecimal.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn name() -> Result<String, ListenError> {
    let mut bytes = [0u8; NAME_LENGTH / 2];
    getrandom::fill(&mut bytes).map_err(|_| ListenError::Config("the system has no random numbers".into()))?;
    Ok(hex(&bytes))
}
