//! `/v1/jobs`: the same question as `/v1/ground`, answered later, with its progress as events.
//!
//! Jobs live in memory and end with the program.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use knowmvg::grounder::Passed;
use knowmvg::grounding::Grounding;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::accept::Format;
use crate::answer::Answer;
use crate::app::App;
use crate::film::Film;
use crate::id::Id;
use crate::origin::{Need, Origin};
use crate::pool::{Cancel, Place, Seat, deadline};
use crate::problem::{NOT_FINISHED, NOT_FOUND, Problem, QUEUE_FULL};
use crate::store::Held;
use crate::upload::{Words, enter, receive};
use crate::work::Step;

/// Seconds after which to look at an unfinished job again.
const RETRY_AFTER: u64 = 1;

/// A question that is answered in its own time.
pub(crate) struct Job {
    progress: watch::Sender<Progress>,
    cancel: Cancel,
}

/// How far a job is.
#[derive(Clone)]
pub(crate) enum Progress {
    Queued,
    Reading,
    Encoding,
    Grounding(Passed),
    Done(Arc<Finished>),
    Failed(Problem),
    Cancelled,
}

/// What a job found, what it is drawn on, and whose it is.
pub(crate) struct Finished {
    grounding: Grounding,
    film: Film,
    origin: Origin,
}

impl Held for Job {
    fn is_busy(&self) -> bool {
        !self.progress.borrow().is_last()
    }
}

impl Job {
    fn new() -> Self {
        Self { progress: watch::Sender::new(Progress::Queued), cancel: Cancel::default() }
    }

    /// Goes on to the next state; the last one stays.
    fn set(&self, next: Progress) {
        self.progress.send_if_modified(|progress| {
            let goes_on = !progress.is_last();
            if goes_on {
                *progress = next;
            }
            goes_on
        });
    }

    /// Ends it; whoever listens is told.
    pub fn cancel(&self) {
        self.cancel.cancel();
        self.set(Progress::Cancelled);
    }
}

impl From<Step> for Progress {
    fn from(step: Step) -> Self {
        match step {
            Step::Reading => Self::Reading,
            Step::Encoding => Self::Encoding,
            Step::Grounding(passed) => Self::Grounding(passed),
        }
    }
}

impl Progress {
    fn is_last(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_) | Self::Cancelled)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Reading => "reading",
            Self::Encoding => "encoding",
            Self::Grounding(_) => "grounding",
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn json(&self, id: &str) -> Value {
        let mut value = json!({"id": id, "status": self.name()});
        match self {
            Self::Grounding(passed) => {
                value["phrases"] = json!({"decoded": passed.decoded, "wanted": passed.wanted});
            }
            Self::Done(_) => value["result"] = format!("/v1/jobs/{id}/result").into(),
            Self::Failed(problem) => value["problem"] = problem.json(),
            _ => {}
        }
        value
    }

    fn event(&self, id: &str) -> Event {
        Event::default().event(self.name()).data(self.json(id).to_string())
    }
}

/// `POST /v1/jobs`
pub(crate) async fn create(Shared(app): Shared<App>, request: Request) -> Result<Response, Problem> {
    let (place, request) = enter(&app, request).await?;
    let limits = app.limits();
    let (bytes, words) = receive(request, limits).await?.image_and_words(limits)?;
    let job = Arc::new(Job::new());
    let id = app.jobs().insert(job.clone(), Instant::now()).ok_or_else(|| {
        let detail = format!("expected fewer than {} jobs whose results are kept", limits.jobs);
        Problem::new(&QUEUE_FULL, detail).retry_after(limits.job_ttl.as_secs().max(1))
    })?;
    let body = job.progress.borrow().json(&id).to_string();
    tokio::spawn(run(app.clone(), id.clone(), job, place, (bytes, words)));
    let location = format!("/v1/jobs/{id}");
    let headers = [(header::LOCATION, location.as_str()), (header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::ACCEPTED, headers, body).into_response())
}

async fn run(app: App, id: String, job: Arc<Job>, place: Place, (bytes, words): (Vec<u8>, Words)) {
    let (worker, told) = (app.clone(), job.clone());
    let work = move |seat: &Seat| {
        let origin = worker.origin(&bytes, Need::Later)?;
        let (grounding, film) = worker.whole(bytes, &words, seat, &mut |step| told.set(step.into()))?;
        Ok(Finished { grounding, film, origin })
    };
    // Nobody holds a connection open for it, so it may wait as long as the queue is.
    let done = app.pool().run(place, None, job.cancel.clone(), work).await;
    job.set(done.map_or_else(Progress::Failed, |finished| Progress::Done(Arc::new(finished))));
    // The time that it is kept begins now.
    app.jobs().get(&id, Instant::now());
}

/// `GET /v1/jobs/{id}`
pub(crate) async fn show(Shared(app): Shared<App>, Id(id): Id) -> Result<Response, Problem> {
    let body = find(&app, &id)?.progress.borrow().json(&id).to_string();
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// `GET /v1/jobs/{id}/events`
pub(crate) async fn events(
    Shared(app): Shared<App>,
    Id(id): Id,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let mut listener = find(&app, &id)?.progress.subscribe();
    // The state at the beginning is told as well.
    listener.mark_changed();
    let stream = stream::unfold(Some(listener), move |listener| {
        let id = id.clone();
        async move {
            let mut listener = listener?;
            listener.changed().await.ok()?;
            let progress = listener.borrow_and_update().clone();
            let rest = (!progress.is_last()).then_some(listener);
            Some((Ok(progress.event(&id)), rest))
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// `GET /v1/jobs/{id}/result`
pub(crate) async fn result(Shared(app): Shared<App>, Id(id): Id, request: Request) -> Result<Answer, Problem> {
    let format = Format::wanted(request.headers())?;
    let progress = find(&app, &id)?.progress.borrow().clone();
    let finished = match progress {
        Progress::Done(finished) => finished,
        Progress::Failed(problem) => return Err(problem),
        other => {
            let detail = format!("expected a job that is done, found one that is {}", other.name());
            return Err(Problem::new(&NOT_FINISHED, detail).retry_after(RETRY_AFTER));
        }
    };
    let place = app.pool().enter()?;
    let work = move |_: &Seat| Answer::new(&finished.grounding, &finished.film, &finished.origin, format);
    app.pool().run(place, deadline(app.limits().timeout), Cancel::default(), work).await
}

/// `DELETE /v1/jobs/{id}`
pub(crate) async fn delete(Shared(app): Shared<App>, Id(id): Id) -> Result<StatusCode, Problem> {
    let job = app.jobs().remove(&id).ok_or_else(gone)?;
    job.cancel();
    Ok(StatusCode::NO_CONTENT)
}

fn find(app: &App, id: &str) -> Result<Arc<Job>, Problem> {
    app.jobs().get(id, Instant::now()).ok_or_else(gone)
}

fn gone() -> Problem {
    Problem::new(&NOT_FOUND, "expected the id of a job, found none of that name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_state_stays() {
        let job = Job::new();
        assert!(job.is_busy());
        job.set(Progress::Encoding);
        job.cancel();
        job.set(Progress::Reading);
        assert_eq!(job.progress.borrow().name(), "cancelled");
        assert!(!job.is_busy() && job.cancel.is_cancelled());
    }
}
