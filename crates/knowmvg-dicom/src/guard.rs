//! [`guarded`]: what every reader of hostile bytes does before and around its work.

use std::panic::{UnwindSafe, catch_unwind};

use crate::error::Error;

/// Reads at most `limit` bytes.
///
/// The last line of defence: the parser is a large dependency, and a panic in it is an error of the file.
///
/// # Errors
/// Those of `read`, and when there are more bytes or it panics.
pub(crate) fn guarded<T, E: From<Error>>(
    bytes: &[u8],
    limit: usize,
    read: impl FnOnce(&[u8]) -> Result<T, E> + UnwindSafe,
) -> Result<T, E> {
    if bytes.len() > limit {
        return Err(Error::FileTooLarge { limit, inflated: false }.into());
    }
    let gave_up = || Error::Damaged { problem: "a structure that the parser gave up on", offset: 0 };
    catch_unwind(|| read(bytes)).unwrap_or_else(|_| Err(gave_up().into()))
}
