//! [`Grounding`] → a response in the form that was asked for.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use knowmvg::grounding::Grounding;
use knowmvg::render::{self, OverlayOptions};
use knowmvg_dicom::{WriteError, sr};
use knowmvg_fhir::Version;
use serde::Serialize;

use crate::accept::Format;
use crate::coco;
use crate::film::Film;
use crate::origin::Origin;
use crate::pool::Seat;
use crate::problem::{INTERNAL, NO_BOXES, Problem};

/// A result, ready to be sent.
pub(crate) struct Answer {
    media_type: &'static str,
    body: Vec<u8>,
}

impl Answer {
    /// The same as [`new`](Self::new), of work that may have given its worker away: a picture is drawn by a worker again.
    pub fn at(
        seat: &Seat,
        grounding: &Grounding,
        film: &Film,
        origin: &Origin,
        format: Format,
    ) -> Result<Self, Problem> {
        if format.is_drawn() {
            seat.resume();
        }
        Self::new(grounding, film, origin, format)
    }

    /// Writes or draws the result.
    ///
    /// # Errors
    /// When it cannot be drawn, or has no such form.
    pub fn new(grounding: &Grounding, film: &Film, origin: &Origin, format: Format) -> Result<Self, Problem> {
        let body = match format {
            Format::Json => json(grounding)?,
            Format::Coco => json(&coco::document(grounding))?,
            Format::Png => {
                let options = OverlayOptions::default();
                film.draw(|view| render::overlay(view, grounding, &options).and_then(|picture| render::png(&picture)))?
            }
            Format::Svg => film.draw(|view| render::svg_with_image(view, grounding))?.into_bytes(),
            Format::Dicom => report(grounding, origin)?,
            Format::Fhir(version) => bundle(grounding, origin, version)?,
        };
        Ok(Self { media_type: format.media_type(), body })
    }
}

fn report(grounding: &Grounding, origin: &Origin) -> Result<Vec<u8>, Problem> {
    let options = sr::Options { class: sr::Class::default(), time: origin.content_time() };
    sr::write(origin.source()?, grounding, &options).map_err(|error| match error {
        WriteError::NoBoxes => Problem::new(&NO_BOXES, error.to_string()),
        _ => Problem::new(&INTERNAL, "the result could not be written as DICOM"),
    })
}

fn bundle(grounding: &Grounding, origin: &Origin, version: Version) -> Result<Vec<u8>, Problem> {
    let issued = origin.content_time().to_rfc3339();
    let bundle = knowmvg_fhir::bundle(grounding, origin.source()?.identifiers(), &issued, version);
    json(&bundle.map_err(|error| Problem::new(&INTERNAL, error.to_string()))?)
}

/// A result as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|_| Problem::new(&INTERNAL, "the result could not be written as JSON"))
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, self.media_type), (header::VARY, "accept")], self.body).into_response()
    }
}
