//! [`Grounding`] → a response in the form that was asked for.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use knowmvg::grounding::Grounding;
use knowmvg::render::{self, OverlayOptions};
use serde::Serialize;

use crate::accept::Format;
use crate::coco;
use crate::film::Film;
use crate::problem::{INTERNAL, Problem};

/// A result, ready to be sent.
pub(crate) struct Answer {
    media_type: &'static str,
    body: Vec<u8>,
}

impl Answer {
    /// Writes or draws the result.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn new(grounding: &Grounding, film: &Film, format: Format) -> Result<Self, Problem> {
        let body = match format {
            Format::Json => json(grounding)?,
            Format::Coco => json(&coco::document(grounding))?,
            Format::Png => {
                let options = OverlayOptions::default();
                film.draw(|view| render::overlay(view, grounding, &options).and_then(|picture| render::png(&picture)))?
            }
            Format::Svg => film.draw(|view| render::svg_with_image(view, grounding))?.into_bytes(),
        };
        Ok(Self { media_type: format.media_type(), body })
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|_| Problem::new(&INTERNAL, "the result could not be written as JSON"))
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, self.media_type), (header::VARY, "accept")], self.body).into_response()
    }
}
