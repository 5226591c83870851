//! [`Keys`]: the keys of the issuer, kept and fetched again.
//!
//! Keys are fetched with the first token, when a token names one that is not known (the issuer may have a new one), and when they are
//! old (it may have withdrawn one). Between two such looks lies a pause, however many tokens ask. Keys that were fetched stay while
//! the issuer is away.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::spawn_blocking;

use super::fetch::{FetchProblem, Fetcher};
use super::jwk::Key;
use super::jws::Algorithm;
use crate::observe::Log;

/// After this time it is asked whether the keys are still the same.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// The keys of one issuer.
pub(super) struct Keys {
    fetcher: Fetcher,
    pause: Duration,
    log: Log,
    kept: Mutex<Kept>,
    /// Who fetches; the others wait for what it brings.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    keys: Vec<Arc<Key>>,
    /// When they came.
    fetched: Option<Instant>,
    /// When it was last tried to fetch them.
    tried: Option<Instant>,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The issuer has no such key.
    Unknown,
    /// The issuer was never reached.
    Away,
}

impl Kept {
    /// The key of an id; of a token without one, the only key that is for its algorithm.
    fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Option<Arc<Key>> {
        let mut fitting = self.keys.iter().filter(|key| key.is_for(algorithm) && (id.is_none() || key.id() == id));
        let first = fitting.next()?;
        fitting.next().is_none().then(|| first.clone())
    }
}

fn is_within(moment: Option<Instant>, time: Duration) -> bool {
    moment.is_some_and(|moment| moment.elapsed() < time)
}

impl Keys {
    /// None yet; at most one look for them in each `pause`.
    pub fn new(fetcher: Fetcher, pause: Duration, log: Log) -> Self {
        Self { fetcher, pause, log, kept: Mutex::default(), fetching: tokio::sync::Mutex::new(()) }
    }

    /// The key that a token names.
    ///
    /// # Errors
    /// When the issuer does not have it, or is away.
    pub async fn find(self: &Arc<Self>, algorithm: Algorithm, id: Option<&str>) -> Result<Arc<Key>, Missing> {
        let (found, is_old) =
            self.with(|kept| (kept.find(algorithm, id), !is_within(kept.fetched, MAX_AGE) && self.may_try(kept)));
        match found {
            Some(key) => {
                if is_old {
                    // Nobody waits for it: a key that was good ten minutes ago is good for this request.
                    let keys = self.clone();
                    tokio::spawn(async move { keys.fetch().await });
                }
                Ok(key)
            }
            None => {
                self.fetch().await;
                self.with(|kept| {
                    let missing = if kept.fetched.is_some() { Missing::Unknown } else { Missing::Away };
                    kept.find(algorithm, id).ok_or(missing)
                })
            }
        }
    }

    /// Fetches, unless somebody just did.
    async fn fetch(&self) {
        let _fetching = self.fetching.lock().await;
        if !self.with(|kept| self.may_try(kept)) {
            return;
        }
        self.with(|kept| kept.tried = Some(Instant::now()));
        let fetcher = self.fetcher.clone();
        let fetched = spawn_blocking(move || fetcher.keys()).await.unwrap_or(Err(FetchProblem::Unreachable));
        match fetched {
            Ok(keys) => self.with(|kept| {
                kept.keys = keys.into_iter().map(Arc::new).collect();
                kept.fetched = Some(Instant::now());
            }),
            Err(problem) => (self.log)(&json!({"issuer": problem.to_string()}).to_string()),
        }
    }

    fn may_try(&self, kept: &Kept) -> bool {
        !is_within(kept.tried, self.pause)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
