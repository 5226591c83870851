//! `/v1/ask`, `/v1/sessions/{id}/ask`: a question in, an answer and what it points at out.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use knowmvg::ask::GroundedAnswer;

use crate::answer::json;
use crate::app::App;
use crate::id::Id;
use crate::origin::Need;
use crate::pool::{Cancel, Place, Seat, deadline};
use crate::problem::{NO_LANGUAGE_MODEL, Problem};
use crate::sessions::find;
use crate::upload::{enter, receive};
use crate::work::check;

/// `POST /v1/ask`: nothing is kept.
pub(crate) async fn ask(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (place, request) = enter(&app, request).await?;
    let upload = receive(request, app.limits()).await?;
    app.can_answer()?;
    let (bytes, question) = upload.image_and_question()?;
    let worker = app.clone();
    let work = move |seat: &Seat| {
        worker.origin(&bytes, Need::Nobody)?;
        let (session, _) = worker.seen(bytes, seat, &mut |_| ())?;
        check(seat)?;
        worker.answered(&session, &question, seat)
    };
    app.answer_by(place, work).await
}

/// `POST /v1/sessions/{id}/ask`
pub(crate) async fn ask_in_session(State(app): State<App>, Id(id): Id, request: Request) -> Result<Response, Problem> {
    let encoded = find(&app, &id)?;
    let (place, request) = enter(&app, request).await?;
    let upload = receive(request, app.limits()).await?;
    app.can_answer()?;
    let question = upload.question()?;
    let worker = app.clone();
    let work = move |seat: &Seat| {
        check(seat)?;
        worker.answered(&encoded.session, &question, seat)
    };
    app.answer_by(place, work).await
}

impl App {
    async fn answer_by(
        &self,
        place: Place,
        work: impl FnOnce(&Seat) -> Result<GroundedAnswer, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        let encoded = move |seat: &Seat| json(&work(seat)?);
        let body = self.pool().run(place, deadline(self.limits().timeout), Cancel::default(), encoded).await?;
        Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
    }

    /// Rules read, and only a language model answers.
    fn can_answer(&self) -> Result<(), Problem> {
        let answers = self.grounder().reader().is_some();
        if answers { Ok(()) } else { Err(Problem::new(&NO_LANGUAGE_MODEL, "expected a language model, found rules")) }
    }
}
