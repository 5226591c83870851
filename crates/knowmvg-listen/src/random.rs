//! Names that say nothing.

/// Length of a name.
///
/// # Units
/// Hexadecimal digits.
pub(crate) const NAME_LENGTH: usize = 32;

/// 128 random bits in hexadecimal; `None` if the system has no randomness.
pub(crate) fn name() -> Option<String> {
    let mut bytes = [0u8; NAME_LENGTH / 2];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
