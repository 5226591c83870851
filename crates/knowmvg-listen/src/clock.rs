//! [`Clock`]: the time of day, replaceable in tests.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Says the time.
///
/// # Units
/// Seconds since 1970 in UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// The computer's.
pub fn system() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs() as i64))
}
