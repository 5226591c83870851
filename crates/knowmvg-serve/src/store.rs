//! [`Store`]: a bounded number of values by an id that nobody can guess, each for some time after its last use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What happens to a value too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The one that was not used for longest makes room.
    DropOldest,
    /// It is not taken.
    Refuse,
}

/// Whether a value may be dropped now.
pub(crate) trait Held {
    /// Somebody waits for it.
    fn is_busy(&self) -> bool;
}

/// Values, their ids, and when each was used last.
pub(crate) struct Store<T> {
    entries: Mutex<HashMap<String, Entry<T>>>,
    capacity: usize,
    ttl: Duration,
    when_full: WhenFull,
}

struct Entry<T> {
    value: Arc<T>,
    last_used: Instant,
}

impl<T: Held> Store<T> {
    pub fn new(capacity: usize, ttl: Duration, when_full: WhenFull) -> Self {
        Self { entries: Mutex::new(HashMap::new()), capacity, ttl, when_full }
    }

    /// Keeps a value and says by what id; `None` if there is no room.
    pub fn insert(&self, value: Arc<T>, now: Instant) -> Option<String> {
        let id = random_id()?;
        let mut entries = self.lock();
        entries.retain(|_, entry| !self.is_over(entry, now));
        if entries.len() >= self.capacity {
            let oldest = entries.iter().filter(|(_, entry)| !entry.value.is_busy());
            let oldest = oldest.min_by_key(|(_, entry)| entry.last_used).map(|(id, _)| id.clone());
            match (self.when_full, oldest) {
                (WhenFull::DropOldest, Some(oldest)) => entries.remove(&oldest),
                _ => return None,
            };
        }
        entries.insert(id.clone(), Entry { value, last_used: now });
        Some(id)
    }

    /// The value, which is used by that.
    pub fn get(&self, id: &str, now: Instant) -> Option<Arc<T>> {
        let mut entries = self.lock();
        let entry = entries.get_mut(id).filter(|entry| !self.is_over(entry, now))?;
        entry.last_used = now;
        Some(entry.value.clone())
    }

    pub fn remove(&self, id: &str) -> Option<Arc<T>> {
        self.lock().remove(id).map(|entry| entry.value)
    }

    /// Drops what is over: pixels of a patient don't stay because nobody asks for them.
    pub fn sweep(&self, now: Instant) {
        self.lock().retain(|_, entry| !self.is_over(entry, now));
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Every value, e.g. to cancel them.
    pub fn values(&self) -> Vec<Arc<T>> {
        self.lock().values().map(|entry| entry.value.clone()).collect()
    }

    fn is_over(&self, entry: &Entry<T>, now: Instant) -> bool {
        now.saturating_duration_since(entry.last_used) >= self.ttl && !entry.value.is_busy()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 random bits in hexadecimal; `None` if the system has no randomness.
pub(crate) fn random_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(knowmvg::model::weights::hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Busy if true.
    impl Held for bool {
        fn is_busy(&self) -> bool {
            *self
        }
    }

    const TTL: Duration = Duration::from_secs(10);

    fn store(when_full: WhenFull) -> (Store<bool>, Instant) {
        (Store::new(2, TTL, when_full), Instant::now())
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn use_keeps_a_value_and_time_ends_it() {
        let (store, start) = store(WhenFull::Refuse);
        let id = store.insert(Arc::new(false), start).unwrap();
        assert!(store.get(&id, after(start, 9)).is_some());
        assert!(store.get(&id, after(start, 18)).is_some());
        assert!(store.get(&id, after(start, 28)).is_none());
        store.sweep(after(start, 28));
        assert_eq!(store.len(), 0);
    }

    #[test]
    fn the_value_that_was_not_used_for_longest_makes_room() {
        let (store, start) = store(WhenFull::DropOldest);
        let [first, second] = [0, 1].map(|second| store.insert(Arc::new(false), after(start, second)).unwrap());
        store.get(&first, after(start, 2));
        let third = store.insert(Arc::new(false), after(start, 3)).unwrap();
        let kept = [&first, &second, &third].map(|id| store.get(id, after(start, 4)).is_some());
        assert_eq!(kept, [true, false, true]);
    }

    #[test]
    fn what_somebody_waits_for_neither_ends_nor_makes_room() {
        let (store, start) = store(WhenFull::DropOldest);
        let [id, _] = [true, true].map(|busy| store.insert(Arc::new(busy), start).unwrap());
        assert!(store.insert(Arc::new(false), start).is_none());
        assert!(store.get(&id, after(start, 100)).is_some());
    }

    #[test]
    fn a_store_that_refuses_takes_values_again_when_others_are_over() {
        let (store, start) = store(WhenFull::Refuse);
        let [_, _] = [false, false].map(|busy| store.insert(Arc::new(busy), start).unwrap());
        assert!(store.insert(Arc::new(false), after(start, 9)).is_none());
        assert!(store.insert(Arc::new(false), after(start, 10)).is_some());
    }

    #[test]
    fn ids_are_long_and_differ() {
        let [a, b] = [random_id().unwrap(), random_id().unwrap()];
        assert!(a.len() == 32 && a != b);
    }
}
