//! `POST /v1/sessions/{id}/layers/{layer}/{finding}`: where the decoder looked for a phrase, or the knowledge expects it.
//!
//! Words go into the body and not into the path: paths are kept by browsers and proxies.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use knowmvg::layer::{Layer, map_shape};
use knowmvg::render;

use crate::app::App;
use crate::pool::{Cancel, Seat, deadline};
use crate::problem::{NO_LAYER, NOT_FOUND, Problem, UNDRAWABLE};
use crate::sessions::{Encoded, find};
use crate::upload::{Words, enter, receive};
use crate::work::check;

type Named = Result<Path<(String, String, String)>, PathRejection>;

pub(crate) async fn layer(State(app): State<App>, named: Named, request: Request) -> Result<Response, Problem> {
    let Path((id, layer, finding)) = named.map_err(|_| no_such_layer())?;
    let layer = Layer::named(&layer).ok_or_else(no_such_layer)?;
    let finding: usize = finding.parse().map_err(|_| no_such_layer())?;
    let encoded = find(&app, &id)?;
    let (place, request) = enter(&app, request).await?;
    let limits = app.limits();
    let words = receive(request, limits).await?.words(limits)?;
    let worker = app.clone();
    let work = move |seat: &Seat| {
        check(seat)?;
        worker.layer(&encoded, &words, finding, layer, seat)
    };
    let png = app.pool().run(place, deadline(limits.timeout), Cancel::default(), work).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

impl App {
    /// Draws one layer of one of the findings that the words have, counted from 0.
    fn layer(
        &self,
        encoded: &Encoded,
        words: &Words,
        finding: usize,
        layer: Layer,
        seat: &Seat,
    ) -> Result<Vec<u8>, Problem> {
        let explanation = self.explain(&encoded.session, words, finding)?;
        check(seat)?;
        let (width, height) = (encoded.empty.image.width, encoded.empty.image.height);
        let shape = map_shape(width, height);
        let [cols, rows] = shape;
        let map = layer.map(&encoded.session, &explanation, shape);
        let map = map.ok_or_else(|| Problem::new(&NO_LAYER, "expected a layer that this model makes"))?;
        // These errors tell sizes and counts.
        render::layer_png((width, height), &map, rows, cols).map_err(|e| Problem::new(&UNDRAWABLE, e.to_string()))
    }
}

fn no_such_layer() -> Problem {
    Problem::new(&NOT_FOUND, "expected one of the layers prior, global and local, and the number of a finding")
}
