//! [`Held`]: what this process was given to do and has not brought back.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ids of rows that somebody in this process works on.
///
/// A database can go away between a claim and its end, so that the row says `working` or `sending` and nobody does: whoever takes
/// work next finds such rows by not finding them here, and takes them up.
#[derive(Default)]
pub(super) struct Held<Id>(Mutex<BTreeSet<Id>>);

impl<Id: Ord> Held<Id> {
    /// Everything that is held; nothing is given out or brought back meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, BTreeSet<Id>> {
        // A set is whole between any two calls.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody works on it any more.
    pub fn bring_back(&self, id: &Id) {
        self.lock().remove(id);
    }
}
