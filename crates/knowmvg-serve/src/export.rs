//! `POST /v1/sessions/{id}/export`: a reviewed grounding in, what is left of it out, in the form that `Accept` asks for.
//!
//! The file may come from anywhere. Its findings and decisions are checked one by one, it has to belong to the image of
//! the session and to this model, and everything else of the answer is the session's own.

use axum::extract::{Request, State};
use knowmvg::grounder::MAX_PHRASES;
use knowmvg::grounding::{GroundedPhrase, Grounding};
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::review::Reviewed;

use crate::accept::Format;
use crate::answer::Answer;
use crate::app::App;
use crate::id::Id;
use crate::pool::{Cancel, Seat, deadline};
use crate::problem::{BAD_REQUEST, Problem, TOO_LARGE, UNFIT_REVIEW};
use crate::sessions::find;
use crate::upload::{enter, receive_json};
use crate::work::check;

/// Largest file; one of 300 findings has about a tenth of it.
///
/// # Units
/// Bytes.
const MAX_REVIEW_BYTES: usize = 4 << 20;

pub(crate) async fn export(State(app): State<App>, Id(id): Id, request: Request) -> Result<Answer, Problem> {
    let format = Format::wanted(request.headers())?;
    let encoded = find(&app, &id)?;
    if format.is_about_a_patient() {
        encoded.origin.source()?;
    }
    let (place, request) = enter(&app, request).await?;
    let limits = app.limits();
    let reviewed = receive_json(request, limits, parse).await?;
    let most = MAX_PHRASES + limits.phrases;
    let worker = app.clone();
    let work = move |seat: &Seat| {
        check(seat)?;
        let grounding = worker.leaving(left(&reviewed, &encoded.empty, most)?);
        Answer::new(&grounding, &encoded.film, &encoded.origin, format)
    };
    app.pool().run(place, deadline(limits.timeout), Cancel::default(), work).await
}

fn parse(body: &[u8]) -> Result<Reviewed, Problem> {
    if body.len() > MAX_REVIEW_BYTES {
        let detail = format!("expected a review of at most {MAX_REVIEW_BYTES} bytes, found {}", body.len());
        return Err(Problem::new(&TOO_LARGE, detail));
    }
    // The parser's own words quote keys and values, so only the place is passed on.
    serde_json::from_slice(body).map_err(|e| {
        let place = format!("reading stopped at line {}, column {}", e.line(), e.column());
        Problem::new(&BAD_REQUEST, format!("expected a grounding with its review; {place}"))
    })
}

/// What the review leaves of its findings, on the image and with the words of this session.
fn left(reviewed: &Reviewed, session: &Grounding, most: usize) -> Result<Grounding, Problem> {
    let unfit = |detail: String| Problem::new(&UNFIT_REVIEW, detail);
    let sent = &reviewed.grounding;
    if sent.image != session.image {
        return Err(unfit("expected the image of this session, found another".into()));
    }
    if sent.model != session.model {
        return Err(unfit("expected findings of the model of this server, found another".into()));
    }
    if sent.findings.len() > most {
        return Err(unfit(format!("expected at most {most} findings, found {}", sent.findings.len())));
    }
    let knowledge = KnowledgeBase::chest();
    let is_known =
        |finding: &GroundedPhrase| finding.finding.as_deref().is_none_or(|id| knowledge.finding(id).is_some());
    if let Some(index) = sent.findings.iter().position(|finding| !is_known(finding)) {
        return Err(unfit(format!("expected findings of the knowledge base, found another at finding {index}")));
    }
    // These errors tell numbers and places.
    let result = reviewed.result().map_err(|e| unfit(e.to_string()))?;
    let mut grounding = Grounding { findings: result.findings, ..session.clone() };
    // Warnings that were sent are words of a client.
    grounding.warnings.extend(result.warnings.into_iter().skip(sent.warnings.len()));
    Ok(grounding)
}
