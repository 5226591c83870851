//! Largest and longest things that are taken from a hub.

/// Largest file of weights: the largest that is opened.
///
/// # Units
/// Bytes.
pub const MAX_WEIGHTS: u64 = 4 << 30;
/// Largest other file.
///
/// # Units
/// Bytes.
pub const MAX_OTHER: u64 = 64 << 20;
/// All files of a model together.
///
/// # Units
/// Bytes.
pub const MAX_MODEL: u64 = 64 << 30;
/// Longest list of files.
///
/// # Units
/// Bytes.
pub const MAX_LISTING: u64 = 8 << 20;
/// Most redirects of one request.
pub const MAX_HOPS: usize = 5;
