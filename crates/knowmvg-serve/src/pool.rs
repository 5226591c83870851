//! [`Pool`]: a bounded queue before a bounded number of workers.
//!
//! Whoever finds no place in the queue is told so at once, before the body is read. Work whose client is gone, or whose
//! time is over, is told to stop, and holds its worker until it does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use crate::problem::{INTERNAL, Problem, QUEUE_FULL, TIMED_OUT};

/// Seconds after which a place in the queue has probably become free: an image takes about one.
const RETRY_AFTER: u64 = 2;

/// Places and workers.
pub(crate) struct Pool {
    places: Arc<Semaphore>,
    workers: Arc<Semaphore>,
    /// Places that there are.
    len: usize,
    worker_count: usize,
}

/// A place among those who wait and those who are served.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// Tells work to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What work has: a worker, and word of whether anybody still waits.
pub(crate) struct Seat {
    worker: Mutex<Option<OwnedSemaphorePermit>>,
    workers: Arc<Semaphore>,
    cancel: Cancel,
}

impl Seat {
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Gives the worker to others, before this work waits for them.
    pub fn rest(&self) {
        drop(self.lock().take());
    }

    /// Waits for a worker again, if it was given away; for what takes memory or time. Not for asynchronous code.
    pub fn resume(&self) {
        let mut worker = self.lock();
        if worker.is_none() {
            *worker = Handle::current().block_on(self.workers.clone().acquire_owned()).ok();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cancels when it is dropped: by a time-out, or because the client went away.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Pool {
    pub fn new(workers: usize, queue: usize) -> Self {
        let len = workers.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { places: semaphore(len), workers: semaphore(workers), len, worker_count: workers }
    }

    /// Takes a place.
    pub fn enter(&self) -> Result<Place, Problem> {
        let permit = self.places.clone().try_acquire_owned();
        let permit = permit.map_err(|_| {
            let detail = format!("expected fewer than {} requests at once", self.len);
            Problem::new(&QUEUE_FULL, detail).retry_after(RETRY_AFTER)
        })?;
        Ok(Place { _permit: permit })
    }

    /// Waits for a worker and works there, until `deadline`, if there is one.
    pub async fn run<T: Send + 'static>(
        &self,
        place: Place,
        deadline: Option<Instant>,
        cancel: Cancel,
        work: impl FnOnce(&Seat) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let _guard = CancelOnDrop(cancel.clone());
        let worker = before(deadline, self.workers.clone().acquire_owned()).await?;
        let worker = worker.map_err(|_| Problem::new(&INTERNAL, "the workers are gone"))?;
        self.work(place, Some(worker), deadline, cancel, work).await
    }

    /// The same without a worker, for work that waits for others; it may [`resume`](Seat::resume) when it needs one.
    pub async fn run_standing<T: Send + 'static>(
        &self,
        place: Place,
        deadline: Option<Instant>,
        cancel: Cancel,
        work: impl FnOnce(&Seat) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let _guard = CancelOnDrop(cancel.clone());
        self.work(place, None, deadline, cancel, work).await
    }

    async fn work<T: Send + 'static>(
        &self,
        place: Place,
        worker: Option<OwnedSemaphorePermit>,
        deadline: Option<Instant>,
        cancel: Cancel,
        work: impl FnOnce(&Seat) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let seat = Seat { worker: Mutex::new(worker), workers: self.workers.clone(), cancel };
        let task = spawn_blocking(move || {
            // The place and the worker are free when the work ends, not when its client leaves.
            let _held = place;
            work(&seat)
        });
        // The message of a panic may quote what was sent; it stays where it is.
        before(deadline, task).await?.unwrap_or_else(|_| Err(Problem::new(&INTERNAL, "the work ended unexpectedly")))
    }

    /// A worker for work that nobody waits for alone.
    pub async fn worker(&self) -> Option<OwnedSemaphorePermit> {
        self.workers.clone().acquire_owned().await.ok()
    }

    /// Requests that are being served, and such that wait.
    pub fn load(&self) -> (usize, usize) {
        let inside = self.len.saturating_sub(self.places.available_permits());
        let running = self.worker_count.saturating_sub(self.workers.available_permits());
        (running, inside.saturating_sub(running))
    }
}

async fn before<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Result<T, Problem> {
    match deadline {
        None => Ok(future.await),
        Some(deadline) => timeout_at(deadline, future).await.map_err(|_| timed_out()),
    }
}

fn timed_out() -> Problem {
    Problem::new(&TIMED_OUT, "expected an answer within the time-out of the server").retry_after(RETRY_AFTER)
}

/// The moment at which a request that comes now has taken too long.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn whoever_finds_no_place_is_told_to_come_back() {
        let pool = Pool::new(1, 1);
        let places = [pool.enter().unwrap(), pool.enter().unwrap()];
        let problem = pool.enter().err().unwrap();
        assert_eq!((problem.kind, problem.retry_after), (&QUEUE_FULL, Some(RETRY_AFTER)));
        drop(places);
        assert!(pool.enter().is_ok());
    }

    #[test]
    fn no_more_work_runs_at_once_than_there_are_workers() {
        let pool = Arc::new(Pool::new(1, 1));
        block_on(async {
            let (begin, has_begun) = mpsc::channel();
            let (finish, may_finish) = mpsc::channel();
            let first = {
                let (pool, place) = (pool.clone(), pool.enter().unwrap());
                tokio::spawn(async move {
                    let work = move |_: &Seat| {
                        begin.send(()).unwrap();
                        may_finish.recv().unwrap();
                        Ok(1)
                    };
                    pool.run(place, None, Cancel::default(), work).await
                })
            };
            spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
            let place = pool.enter().unwrap();
            assert_eq!(pool.load(), (1, 1));
            let soon = Some(Instant::now() + Duration::from_millis(20));
            let second = pool.run(place, soon, Cancel::default(), |_| Ok(2)).await;
            assert_eq!(second.unwrap_err().kind, &TIMED_OUT);
            finish.send(()).unwrap();
            assert_eq!(first.await.unwrap().unwrap(), 1);
            let third = pool.run(pool.enter().unwrap(), None, Cancel::default(), |_| Ok(3)).await;
            assert_eq!(third.unwrap(), 3);
        });
        assert_eq!(pool.load(), (0, 0));
    }

    #[test]
    fn work_whose_time_is_over_is_told_to_stop() {
        let pool = Pool::new(1, 0);
        let cancel = Cancel::default();
        let late = block_on(async {
            let soon = Some(Instant::now() + Duration::from_millis(20));
            let until_told = |seat: &Seat| {
                while !seat.is_cancelled() {
                    std::thread::yield_now();
                }
                Ok(())
            };
            pool.run(pool.enter().unwrap(), soon, cancel.clone(), until_told).await
        });
        assert_eq!(late.unwrap_err().kind, &TIMED_OUT);
        assert!(cancel.is_cancelled());
    }

    #[test]
    fn whoever_rests_lets_others_work_and_comes_back_after_them() {
        let pool = Arc::new(Pool::new(1, 1));
        block_on(async {
            let (begin, has_begun) = mpsc::channel();
            let (finish, may_finish) = mpsc::channel::<()>();
            let first = {
                let (pool, place) = (pool.clone(), pool.enter().unwrap());
                tokio::spawn(async move {
                    let work = move |seat: &Seat| {
                        seat.rest();
                        begin.send(()).unwrap();
                        may_finish.recv().unwrap();
                        seat.resume();
                        seat.resume();
                        Ok(1)
                    };
                    pool.run(place, None, Cancel::default(), work).await
                })
            };
            spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
            assert_eq!(pool.load(), (0, 1));
            assert_eq!(pool.run(pool.enter().unwrap(), None, Cancel::default(), |_| Ok(2)).await.unwrap(), 2);
            finish.send(()).unwrap();
            assert_eq!(first.await.unwrap().unwrap(), 1);
        });
        assert_eq!(pool.load(), (0, 0));
    }

    #[test]
    fn a_panic_is_a_problem_that_quotes_nothing() {
        let pool = Pool::new(1, 0);
        let broken: Result<(), Problem> =
            block_on(pool.run(pool.enter().unwrap(), None, Cancel::default(), |_| panic!("the report says CANARY")));
        let problem = broken.unwrap_err();
        assert_eq!(problem.kind, &INTERNAL);
        assert!(!problem.json().to_string().contains("CANARY"));
        assert!(pool.enter().is_ok());
    }
}
