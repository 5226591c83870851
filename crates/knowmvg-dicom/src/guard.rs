//! [`guarded`]: what every reader of hostile bytes does before and around its work.

use std::panic::{UnwindSafe, catch_unwind};

use crate::error::Error;

/// Reads at most `limit` bytes.
///
/// The last line of defence: the parser is a large dependency, and a panic in it is an error of the file.
///
/// # Errors
/// Those of `read`, and when there are more bytes or it panics.
pub(crate) fn guarded<T>(
    bytes: &[u8],
    limit: usize,
    read: impl FnOnce(&[u8]) -> Result<T, Error> + UnwindSafe,
) -> Result<T, Error> {
    if bytes.len() > limit {
        return Err(Error::FileTooLarge { limit, inflated: false });
    }
    catch_unwind(|| read(bytes))
        .unwrap_or(Err(Error::Damaged { problem: "a structure that the parser gave up on", offset: 0 }))
}
