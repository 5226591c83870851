//! [`Batches`]: phrases of requests that ask about sessions at the same time go through the decoder together.
//!
//! ```text
//! request ──phrases prepared──▶ Rider, in the line, without a worker
//! line ──when a worker is free──▶ one pass of the decoder for as many riders as fit ──▶ results; who has phrases left, back in the line
//! ```
//!
//! Who asks while no worker is free adds its phrases meanwhile, so batches grow with the load and nobody waits for company; a window
//! may add such waiting. A rider that is stopped leaves before the next pass; the others don't notice. Requests that bring an image don't
//! ride: they have a worker already, and if they gave it away, all who wait would be encoded before the first is answered.

use std::collections::VecDeque;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use knowmvg::grounder::{Asked, Course, Session, pass_shape};
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
    news: Sender<Grounding>,
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
    /// Decodes phrases beside those of others; a worker that the request has is given away.
    ///
    /// # Errors
    /// When the request is stopped, or a pass fails.
    pub(crate) fn ride(
        &self,
        batches: &Batches,
        session: &Arc<Session<'static>>,
        asked: Vec<Asked>,
        seat: &Seat,
    ) -> Result<Grounding, Problem> {
        let course = session.course(asked);
        if course.is_done() {
            return Ok(session.finish(course));
        }
        let (news, told) = mpsc::channel();
        self.line_up(batches, Rider { session: session.clone(), course, cancel: seat.cancel().clone(), news });
        seat.rest();
        loop {
            match told.recv_timeout(LOOK_UP) {
                Ok(grounding) => return Ok(grounding),
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

    fn line_up(&self, batches: &Batches, rider: Rider) {
        if batches.add(rider) {
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
                if let Some(batches) = app.batches() {
                    pass(&app, batches, riders);
                }
                drop(worker);
            });
        }
        if !others_wait {
            return;
        }
    }
}

/// One pass, after which each is told; a panic drops them all, which they notice.
fn pass(app: &App, batches: &Batches, mut riders: Vec<Rider>) {
    let phrases = riders.iter().map(|rider| rider.course.next_len()).sum();
    app.metrics().decoded(riders.len(), phrases);
    let mut courses: Vec<(&Session<'_>, &mut Course)> =
        riders.iter_mut().map(|rider| (&*rider.session, &mut rider.course)).collect();
    app.grounder().pass(&mut courses);
    for rider in riders {
        if rider.cancel.is_cancelled() {
            continue;
        }
        if rider.course.is_done() {
            let Rider { session, course, news, .. } = rider;
            // Who is gone needs no answer.
            let _ = news.send(session.finish(course));
        } else {
            app.line_up(batches, rider);
        }
    }
}
