//! [`Bell`]: tells threads that wait for work that there may be some.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Rings for everybody who waits. Who was busy looks again before it waits, so a ring is never missed.
#[derive(Default)]
pub(crate) struct Bell {
    rings: Mutex<u64>,
    rang: Condvar,
}

impl Bell {
    /// There may be work.
    pub fn ring(&self) {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rang.notify_all();
    }

    /// How often it rang; to be asked before one looks for work.
    pub fn rings(&self) -> u64 {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it has rung more often than `heard`, or for so long: things fall due without a ring.
    pub fn wait(&self, heard: u64, most: Duration) {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.rang.wait_timeout_while(rings, most, |rings| *rings == heard));
    }
}
