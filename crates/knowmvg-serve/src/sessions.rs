//! `/v1/sessions`: an image is encoded once and asked about many times.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use knowmvg::grounder::Session;
use knowmvg::grounding::{Grounding, NOTICE};
use knowmvg::render;
use serde_json::{Value, json};

use crate::accept::Format;
use crate::answer::Answer;
use crate::app::App;
use crate::film::Film;
use crate::id::Id;
use crate::origin::{Need, Origin};
use crate::pool::{Cancel, Seat, deadline};
use crate::problem::{INTERNAL, NOT_FOUND, Problem};
use crate::store::Held;
use crate::upload::{enter, receive};
use crate::work::check;

/// Longest side of the image that a client gets to see, in pixels.
const SHOWN_SIDE: u32 = 2_048;

/// An encoded image.
pub(crate) struct Encoded {
    pub session: Arc<Session<'static>>,
    pub film: Film,
    /// Whoever asks next may want it as DICOM.
    pub origin: Origin,
    /// The grounding of no words: image, anatomy and warnings.
    pub empty: Grounding,
}

impl Held for Encoded {
    /// Whoever uses it has a reference of its own.
    fn is_busy(&self) -> bool {
        false
    }
}

/// `POST /v1/sessions`
pub(crate) async fn create(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (place, request) = enter(&app, request).await?;
    let bytes = receive(request, app.limits()).await?.image()?;
    let worker = app.clone();
    let work = move |seat: &Seat| {
        check(seat)?;
        let origin = worker.origin(&bytes, Need::Later)?;
        let (session, image) = worker.seen(bytes, seat, &mut |_| ())?;
        let empty = session.grounding(Vec::new());
        Ok(Arc::new(Encoded { session, film: Film::from(&image), origin, empty }))
    };
    let encoded = app.pool().run(place, deadline(app.limits().timeout), Cancel::default(), work).await?;
    let id = app.sessions().insert(encoded.clone(), Instant::now());
    let id = id.ok_or_else(|| Problem::new(&INTERNAL, "the session could not be kept"))?;
    let location = format!("/v1/sessions/{id}");
    let body = described(&app, &id, &encoded).to_string();
    let headers = [(header::LOCATION, location.as_str()), (header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::CREATED, headers, body).into_response())
}

/// `GET /v1/sessions/{id}`
pub(crate) async fn show(State(app): State<App>, Id(id): Id) -> Result<Response, Problem> {
    let encoded = find(&app, &id)?;
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((headers, described(&app, &id, &encoded).to_string()).into_response())
}

/// `GET /v1/sessions/{id}/image`
pub(crate) async fn image(State(app): State<App>, Id(id): Id) -> Result<Response, Problem> {
    let encoded = find(&app, &id)?;
    let place = app.pool().enter()?;
    let work = move |_: &Seat| encoded.film.draw(|view| render::grey_png(view, SHOWN_SIDE));
    let png = app.pool().run(place, deadline(app.limits().timeout), Cancel::default(), work).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

/// `POST /v1/sessions/{id}/ground`
pub(crate) async fn ground(State(app): State<App>, Id(id): Id, request: Request) -> Result<Answer, Problem> {
    let format = Format::wanted(request.headers())?;
    let encoded = find(&app, &id)?;
    if format.is_about_a_patient() {
        encoded.origin.source()?;
    }
    let (place, request) = enter(&app, request).await?;
    let limits = app.limits();
    let words = receive(request, limits).await?.words(limits)?;
    let (worker, deadline) = (app.clone(), deadline(limits.timeout));
    let work = move |seat: &Seat| {
        check(seat)?;
        let grounding = match worker.batches() {
            Some(batches) => worker.ground_beside(batches, &encoded.session, &words, seat)?,
            None => worker.ground(&encoded.session, &words, seat, &mut |_| ())?,
        };
        Answer::at(seat, &grounding, &encoded.film, &encoded.origin, format)
    };
    match app.batches() {
        Some(_) => app.pool().run_standing(place, deadline, Cancel::default(), work).await,
        None => app.pool().run(place, deadline, Cancel::default(), work).await,
    }
}

/// `DELETE /v1/sessions/{id}`
pub(crate) async fn delete(State(app): State<App>, Id(id): Id) -> Result<StatusCode, Problem> {
    app.sessions().remove(&id).map(|_| StatusCode::NO_CONTENT).ok_or_else(gone)
}

/// The session of an id.
pub(crate) fn find(app: &App, id: &str) -> Result<Arc<Encoded>, Problem> {
    app.sessions().get(id, Instant::now()).ok_or_else(gone)
}

fn gone() -> Problem {
    Problem::new(&NOT_FOUND, "expected the id of a session, found none of that name")
}

fn described(app: &App, id: &str, encoded: &Encoded) -> Value {
    json!({
        "id": id,
        "notice": NOTICE,
        "image": encoded.empty.image,
        "anatomy": encoded.empty.anatomy,
        "warnings": encoded.empty.warnings,
        "model": encoded.empty.model,
        "answers_questions": app.grounder().reader().is_some(),
        "kept_for_seconds": app.limits().session_ttl.as_secs(),
    })
}
