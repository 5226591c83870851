//! [`Batches`]: phrases of requests that wait at the same time go through the decoder together.
//!
//! ```text
//! request ──phrases prepared──▶ Rider, in the line; its worker is given away
//! line ──when a worker is free──▶ one pass of the decoder for as many riders as fit ──▶ results; who has phrases left, back in the line
//! ```
//!
//! Whoever was in the line for a worker before the batch was prepares its own phrases first, so batches grow with the load and nobody
//! waits for company; a window may add such waiting. A rider that is stopped leaves before the next pass; the others don't notice.

use std::collections::VecDeque;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use knowmvg::grounder::{Asked, Course, Passed, Session, pass_shape};
use knowmvg::grounding::Grounding;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::app::App;
use crate::config::Limits;
use crate::pool::{Cancel, Seat};
use crate::problem::{INTERNAL, Problem};
use crate::work::stopped;

/// How often who waits looks whether it still has to.
const LOOK_UP: Duration = Duration::from_millis(50);

/// The line before the decoder.
pub(crate) struct Batches {
    /// Most phrases of a pass, padding included.
    phrases: usize,
    /// Most images of a pass.
    images: usize,
    window: Duration,
    line: Mutex<Line>,
    is_full: Notify,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Rider>,
    /// Somebody will come for those who wait.
    is_awaited: bool,
}

/// A request on its way through the decoder.
struct Rider {
    session: Arc<Session<'static>>,
    course: Course,
    cancel: Cancel,
    news: Sender<News>,
}

enum News {
    Passed(Passed),
    Done(Box<Grounding>),
}

impl Batches {
    /// None, if every request shall be decoded on its own.
    pub fn new(limits: &Limits) -> Option<Self> {
        let Limits { batch_phrases: phrases, batch_images: images, batch_window: window, .. } = *limits;
        (phrases > 0).then(|| Self { phrases, images, window, line: Mutex::default(), is_full: Notify::new() })
    }

    /// Adds one; whether somebody has to be sent for the batch.
    fn add(&self, rider: Rider) -> bool {
        let mut line = self.lock();
        line.waiting.push_back(rider);
        if line.waiting.iter().map(|rider| rider.course.next_len()).sum::<usize>() >= self.phrases {
            self.is_full.notify_one();
        }
        !std::mem::replace(&mut line.is_awaited, true)
    }

    /// Takes whoever waits longest, and all whose next phrases fit into a pass with that; and whether others stay.
    fn take(&self) -> (Vec<Rider>, bool) {
        let mut line = self.lock();
        let mut riders: Vec<Rider> = Vec::new();
        for rider in std::mem::take(&mut line.waiting) {
            if rider.cancel.is_cancelled() {
                continue;
            }
            riders.push(rider);
            if riders.len() > 1 && !self.fits(&riders) {
                line.waiting.extend(riders.pop());
            }
        }
        line.is_awaited = !line.waiting.is_empty();
        (riders, line.is_awaited)
    }

    fn fits(&self, riders: &[Rider]) -> bool {
        let courses: Vec<(&Session<'_>, &Course)> =
            riders.iter().map(|rider| (&*rider.session, &rider.course)).collect();
        let [images, longest] = pass_shape(&courses);
        images <= self.images && images * longest <= self.phrases
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Grounds phrases beside those of others, and gives the worker away meanwhile.
    ///
    /// # Errors
    /// When the request is stopped, or a pass fails.
    pub(crate) fn ground_together(
        &self,
        session: &Arc<Session<'static>>,
        asked: Vec<Asked>,
        seat: &Seat,
        tell: &mut dyn FnMut(Passed),
    ) -> Result<Grounding, Problem> {
        let course = session.course(asked);
        if course.is_done() {
            return Ok(session.finish(course));
        }
        let (news, told) = mpsc::channel();
        self.ride(Rider { session: session.clone(), course, cancel: seat.cancel().clone(), news });
        seat.rest();
        loop {
            match told.recv_timeout(LOOK_UP) {
                Ok(News::Passed(passed)) => tell(passed),
                Ok(News::Done(grounding)) => return Ok(*grounding),
                // When the server ends, nobody comes for the batch any more.
                Err(_) if seat.is_cancelled() => return Err(stopped()),
                Err(RecvTimeoutError::Timeout) => {}
                // The pass that it rode in panicked.
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Problem::new(&INTERNAL, "the work ended unexpectedly"));
                }
            }
        }
    }

    fn ride(&self, rider: Rider) {
        if self.batches().is_some_and(|batches| batches.add(rider)) {
            Handle::current().spawn(collect(self.clone()));
        }
    }
}

/// Takes batches to workers until nobody waits.
async fn collect(app: App) {
    let Some(batches) = app.batches() else { return };
    if !batches.window.is_zero() {
        // Either way the batch starts. Who does not fit has waited as well, and follows at once.
        let _ = timeout(batches.window, batches.is_full.notified()).await;
    }
    loop {
        let worker = app.pool().worker().await;
        let (riders, others_wait) = batches.take();
        if !riders.is_empty() {
            let app = app.clone();
            spawn_blocking(move || {
                pass(&app, riders);
                drop(worker);
            });
        }
        if !others_wait {
            return;
        }
    }
}

/// One pass, after which each is told; a panic drops them all, which they notice.
fn pass(app: &App, mut riders: Vec<Rider>) {
    let phrases = riders.iter().map(|rider| rider.course.next_len()).sum();
    app.metrics().decoded(riders.len(), phrases);
    let mut courses: Vec<(&Session<'_>, &mut Course)> =
        riders.iter_mut().map(|rider| (&*rider.session, &mut rider.course)).collect();
    app.grounder().pass(&mut courses);
    for rider in riders {
        let is_heard = rider.news.send(News::Passed(rider.course.passed())).is_ok();
        if rider.cancel.is_cancelled() || !is_heard {
            continue;
        }
        if rider.course.is_done() {
            let Rider { session, course, news, .. } = rider;
            // Who is gone needs no answer.
            let _ = news.send(News::Done(Box::new(session.finish(course))));
        } else {
            app.ride(rider);
        }
    }
}
