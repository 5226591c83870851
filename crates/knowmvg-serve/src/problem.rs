//! [`Problem`]: an error as RFC 9457 describes it, with a hint what to do.
//!
//! No detail repeats what was sent: a name, a report or a path may be in it. Details say what was expected, and where or
//! how much was found.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A kind of problem; `docs/serve.md` lists them all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The last part of `type`.
    pub slug: &'static str,
    pub status: StatusCode,
    pub title: &'static str,
    pub hint: &'static str,
}

macro_rules! kinds {
    ($($name:ident: $status:ident, $slug:literal, $title:literal, $hint:literal;)*) => {
        $(pub(crate) static $name: Kind =
            Kind { slug: $slug, status: StatusCode::$status, title: $title, hint: $hint };)*
        #[cfg(test)]
        static KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    BAD_REQUEST: BAD_REQUEST, "bad-request", "The request cannot be read",
        "send multipart/form-data with the fields image, report and phrase, or JSON with the keys image (base64), report and phrases; to ask, image and question";
    UNAUTHORIZED: UNAUTHORIZED, "unauthorized", "A token is needed",
        "send the header `Authorization: Bearer TOKEN` with the token of this server";
    INVALID_TOKEN: UNAUTHORIZED, "invalid-token", "The token is not valid",
        "send the token of this server, or get a new one from its issuer and for its audience";
    INSUFFICIENT_SCOPE: FORBIDDEN, "insufficient-scope", "The token does not allow this",
        "get a token from the issuer with the scopes that WWW-Authenticate names; who runs this server knows the claims";
    FOREIGN_ORIGIN: FORBIDDEN, "foreign-origin", "Another web site may not use this server",
        "open the page of this server itself, or start it with --allow-origin";
    NOT_FOUND: NOT_FOUND, "not-found", "There is nothing here",
        "paths are listed in /openapi.json; sessions and jobs end some time after their last use";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method-not-allowed", "This path has other methods",
        "the header Allow and /openapi.json list them";
    NOT_ACCEPTABLE: NOT_ACCEPTABLE, "not-acceptable", "No such form of the answer",
        "accept application/json, application/vnd.coco+json, image/png, image/svg+xml, application/dicom or application/fhir+json";
    NO_DICOM_FORM: NOT_ACCEPTABLE, "no-dicom-form", "This image has no DICOM result",
        "send the radiograph as a DICOM file with its patient, study and UIDs, or accept application/json";
    UPLOAD_TIMED_OUT: REQUEST_TIMEOUT, "upload-timed-out", "The request took too long to arrive",
        "send it again, or start the server with a longer --timeout";
    NOT_FINISHED: CONFLICT, "not-finished", "The job has no result yet",
        "wait for the event `done`, or ask again after Retry-After";
    TOO_LARGE: PAYLOAD_TOO_LARGE, "too-large", "The request is too large",
        "send a smaller image, or start the server with a larger --max-body";
    WRONG_TYPE: UNSUPPORTED_MEDIA_TYPE, "wrong-type", "The content type is not one that is read here",
        "send multipart/form-data or application/json";
    WRONG_HOST: MISDIRECTED_REQUEST, "wrong-host", "This server has another name",
        "without a token it answers to localhost, 127.0.0.1 and [::1] only";
    UNREADABLE_IMAGE: UNPROCESSABLE_ENTITY, "unreadable-image", "The image cannot be read",
        "send a frontal chest radiograph as DICOM, PNG or JPEG";
    NOT_DEIDENTIFIED: UNPROCESSABLE_ENTITY, "not-deidentified", "The image cannot be de-identified",
        "send an image of a standard class without text in its pixels, or as a picture; this server was started with --deidentify";
    UNREADABLE_TEXT: UNPROCESSABLE_ENTITY, "unreadable-text", "The report or a phrase cannot be read",
        "send UTF-8 within the limits that docs/serve.md states";
    NOTHING_ASKED: UNPROCESSABLE_ENTITY, "nothing-asked", "There is nothing to look for",
        "send a report, or at least one phrase";
    UNFIT_REVIEW: UNPROCESSABLE_ENTITY, "unfit-review", "The review does not fit",
        "send the JSON that the page downloads as reviewed, for the image of this session; /review.schema.json describes it";
    NO_LAYER: UNPROCESSABLE_ENTITY, "no-layer", "There is no such layer for this finding",
        "ask for another layer, or for a finding that the report does not deny and that has a place on the image";
    NO_BOXES: UNPROCESSABLE_ENTITY, "no-boxes", "There is no box to report",
        "accept application/json, which lists the phrases without a box too";
    UNDRAWABLE: UNPROCESSABLE_ENTITY, "undrawable", "The result cannot be drawn",
        "ask for application/json instead";
    NO_LANGUAGE_MODEL: NOT_IMPLEMENTED, "no-language-model", "This server answers no questions",
        "send phrases to ground, or start the server with --model and a folder that has a language model";
    INTERNAL: INTERNAL_SERVER_ERROR, "internal", "The server made a mistake",
        "report it with the header X-Request-Id, and without the image or the report";
    QUEUE_FULL: SERVICE_UNAVAILABLE, "queue-full", "The queue is full",
        "nothing was done; send the same request again after Retry-After";
    ISSUER_AWAY: SERVICE_UNAVAILABLE, "issuer-away", "Tokens cannot be checked now",
        "send the same request again after Retry-After; the log of the server says what is wrong with the issuer";
    TIMED_OUT: SERVICE_UNAVAILABLE, "timed-out", "The work took too long",
        "nothing was kept; send it again after Retry-After, as a job, or start the server with a longer --timeout";
}

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub kind: &'static Kind,
    /// What was expected and what was found, without quoting it.
    pub detail: String,
    /// Seconds.
    pub retry_after: Option<u64>,
    /// What a token would have to allow.
    pub scope: Option<String>,
}

impl Problem {
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None, scope: None }
    }

    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The body of the answer.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "type": format!("urn:knowmvg:problem:{}", self.kind.slug),
            "title": self.kind.title,
            "status": self.kind.status.as_u16(),
            "detail": self.detail,
            "hint": self.kind.hint,
        })
    }

    /// What the client is told of tokens (RFC 6750 §3); nothing unless the problem is one of them.
    fn challenge(&self) -> Option<HeaderValue> {
        let error = match self.kind.slug {
            // Who has sent no token is told no error.
            "unauthorized" => return Some(HeaderValue::from_static("Bearer")),
            "invalid-token" => "invalid_token",
            "insufficient-scope" => "insufficient_scope",
            _ => return None,
        };
        let mut challenge = format!("Bearer error=\"{error}\", error_description=\"{}\"", self.detail);
        if let Some(scope) = &self.scope {
            challenge.push_str(&format!(", scope=\"{scope}\""));
        }
        HeaderValue::try_from(challenge).ok()
    }
}

/// The kind of problem that a response tells, for the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told(pub &'static str);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status, self.json().to_string()).into_response();
        let challenge = self.challenge();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(Told(self.kind.slug));
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_documentation_lists_every_kind_once_with_its_status() {
        let page = include_str!("../../../docs/serve.md");
        for kind in KINDS {
            let row = format!("| `{}` | {} |", kind.slug, kind.status.as_u16());
            assert_eq!(page.matches(&row).count(), 1, "{row}");
        }
        assert_eq!(KINDS.iter().map(|kind| kind.slug).collect::<BTreeSet<_>>().len(), KINDS.len());
    }

    #[test]
    fn a_problem_says_when_to_come_back_and_how_to_get_in() {
        let full = Problem::new(&QUEUE_FULL, "x").retry_after(3).into_response();
        assert_eq!((full.status().as_u16(), &full.headers()["retry-after"]), (503, &"3".parse().unwrap()));
        let closed = Problem::new(&UNAUTHORIZED, "x").into_response();
        assert_eq!(closed.headers()["www-authenticate"], "Bearer");
        assert_eq!(closed.headers()["content-type"], "application/problem+json");
        let wrong = Problem { scope: Some("a b".into()), ..Problem::new(&INSUFFICIENT_SCOPE, "expected x") };
        let challenge = "Bearer error=\"insufficient_scope\", error_description=\"expected x\", scope=\"a b\"";
        assert_eq!(wrong.into_response().headers()["www-authenticate"], challenge);
    }
}
