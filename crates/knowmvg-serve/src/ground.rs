//! `POST /v1/ground`: an image and its words in, a result out; nothing is kept.

use axum::extract::{Request, State};

use crate::accept::Format;
use crate::answer::Answer;
use crate::app::App;
use crate::origin::{Need, Origin};
use crate::pool::{Cancel, Seat, deadline};
use crate::problem::Problem;
use crate::upload::{enter, receive};

pub(crate) async fn ground(State(app): State<App>, request: Request) -> Result<Answer, Problem> {
    let format = Format::wanted(request.headers())?;
    let (place, request) = enter(&app, request).await?;
    let limits = app.limits();
    let (bytes, words) = receive(request, limits).await?.image_and_words(limits)?;
    let worker = app.clone();
    let work = move |seat: &Seat| {
        let origin = worker.origin_for(&bytes, format)?;
        let (grounding, film) = worker.whole(bytes, &words, seat, &mut |_| ())?;
        Answer::new(&grounding, &film, &origin, format)
    };
    app.pool().run(place, deadline(limits.timeout), Cancel::default(), work).await
}

impl App {
    /// Only what is asked for is read, and what cannot be had is told before the work.
    fn origin_for(&self, bytes: &[u8], format: Format) -> Result<Origin, Problem> {
        if !format.is_about_a_patient() {
            return self.origin(bytes, Need::Nobody);
        }
        let origin = self.origin(bytes, Need::Later)?;
        origin.source()?;
        Ok(origin)
    }
}
