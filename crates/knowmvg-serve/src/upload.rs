//! Request bodies → [`Upload`]: an image, a report and phrases, or a question, as multipart or JSON.
//!
//! File names and what a client says about the type of a file are not looked at.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use knowmvg::report::MAX_REPORT_BYTES;
use serde::Deserialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::app::App;
use crate::config::Limits;
use crate::pool::Place;
use crate::problem::{
    BAD_REQUEST, INTERNAL, NOTHING_ASKED, Problem, TOO_LARGE, UNREADABLE_TEXT, UPLOAD_TIMED_OUT, WRONG_TYPE,
};

/// Longest phrase, and longest question.
///
/// # Units
/// Bytes.
pub const MAX_PHRASE_BYTES: usize = 1_000;

/// What was sent, before it is known to be enough.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    pub image: Option<Vec<u8>>,
    pub report: Option<String>,
    pub phrases: Vec<String>,
    pub question: Option<String>,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    pub report: Option<String>,
    pub phrases: Vec<String>,
}

/// How long the body of a request that is refused is read.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// A place for a request that has a body.
///
/// # Errors
/// When all are taken. The body is then read and dropped, up to the largest that is taken and for a short while: most clients send
/// it all before they listen, and one whose connection is closed meanwhile never learns why.
pub(crate) async fn enter(app: &App, request: Request) -> Result<(Place, Request), Problem> {
    match app.pool().enter() {
        Ok(place) => Ok((place, request)),
        Err(problem) => {
            // Whether it came to its end makes no difference to the answer.
            let _ = timeout(DRAIN_TIME, drain(request.into_body(), app.limits().body_bytes)).await;
            Err(problem)
        }
    }
}

async fn drain(body: Body, most: usize) {
    let mut read = 0;
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        read += chunk.len();
        if read > most {
            break;
        }
    }
}

/// Reads the body.
///
/// # Errors
/// When it is too large, too slow, of another type, or not what it should be.
pub(crate) async fn receive(request: Request, limits: &Limits) -> Result<Upload, Problem> {
    let read = async {
        match media_type(request.headers()).as_str() {
            "multipart/form-data" => read_multipart(request, limits).await,
            "application/json" => read_json(request, parse_json).await,
            _ => Err(Problem::new(&WRONG_TYPE, "expected multipart/form-data or application/json")),
        }
    };
    in_time(limits, read).await
}

/// Reads a body in another form of JSON, whatever type the client says it has.
///
/// # Errors
/// When it is too large, too slow, or cannot be parsed.
pub(crate) async fn receive_json<T: Send + 'static>(
    request: Request,
    limits: &Limits,
    parse: fn(&[u8]) -> Result<T, Problem>,
) -> Result<T, Problem> {
    in_time(limits, read_json(request, parse)).await
}

async fn in_time<T>(limits: &Limits, read: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let late = |_| Problem::new(&UPLOAD_TIMED_OUT, "expected the whole body within the time-out of the server");
    timeout(limits.timeout, read).await.map_err(late)?
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

async fn read_multipart(request: Request, limits: &Limits) -> Result<Upload, Problem> {
    let unreadable = |_| Problem::new(&BAD_REQUEST, "expected a multipart body with its boundary in the content type");
    let mut multipart = Multipart::from_request(request, &()).await.map_err(unreadable)?;
    let mut upload = Upload::default();
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        match field.name() {
            Some("image") if upload.image.is_none() => upload.image = Some(bytes(field).await?),
            Some("report") if upload.report.is_none() => upload.report = Some(text(field, "the report").await?),
            Some("phrase") if upload.phrases.len() <= limits.phrases => {
                upload.phrases.push(text(field, "a phrase").await?);
            }
            Some("phrase") => return Err(too_many_phrases(limits)),
            Some("question") if upload.question.is_none() => upload.question = Some(text(field, "the question").await?),
            Some("image" | "report" | "question") => {
                return Err(Problem::new(&BAD_REQUEST, "expected one image and one report, or one question"));
            }
            _ => {
                let expected = "expected the fields image, report, phrase and question, found another";
                return Err(Problem::new(&BAD_REQUEST, expected));
            }
        }
    }
    Ok(upload)
}

async fn bytes(field: Field<'_>) -> Result<Vec<u8>, Problem> {
    Ok(field.bytes().await.map_err(broken)?.into())
}

async fn text(field: Field<'_>, what: &str) -> Result<String, Problem> {
    String::from_utf8(bytes(field).await?).map_err(|e| {
        // The error itself holds the text.
        let place = e.utf8_error().valid_up_to();
        Problem::new(&UNREADABLE_TEXT, format!("expected {what} in UTF-8, found another byte at offset {place}"))
    })
}

/// The parser's own words may name a field, so they are not passed on.
fn broken(error: MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large();
    }
    Problem::new(&BAD_REQUEST, "expected a complete multipart body, found one that is cut or damaged")
}

fn too_large() -> Problem {
    Problem::new(&TOO_LARGE, "expected a body within the limit of the server")
}

/// A request in JSON; its documentation is in `openapi.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    image: Option<String>,
    report: Option<String>,
    #[serde(default)]
    phrases: Vec<String>,
    question: Option<String>,
}

async fn read_json<T: Send + 'static>(request: Request, parse: fn(&[u8]) -> Result<T, Problem>) -> Result<T, Problem> {
    let body = Bytes::from_request(request, &()).await.map_err(|rejection| {
        let is_large = axum::response::IntoResponse::into_response(rejection).status() == StatusCode::PAYLOAD_TOO_LARGE;
        if is_large { too_large() } else { Problem::new(&BAD_REQUEST, "expected a complete body") }
    })?;
    // A large body takes a while; others are served meanwhile.
    let parsed = spawn_blocking(move || parse(&body)).await;
    parsed.unwrap_or_else(|_| Err(Problem::new(&INTERNAL, "the body could not be read")))
}

fn parse_json(body: &[u8]) -> Result<Upload, Problem> {
    // The parser's own words quote keys and values, so only the place is passed on.
    let json: Json = serde_json::from_slice(body).map_err(|e| {
        let place = format!("reading stopped at line {}, column {}", e.line(), e.column());
        let expected = "expected an object with at most the keys image, report, phrases and question";
        Problem::new(&BAD_REQUEST, format!("{expected}; {place}"))
    })?;
    let image = json.image.map(|text| decoded(&text)).transpose()?;
    Ok(Upload { image, report: json.report, phrases: json.phrases, question: json.question })
}

/// An image that was sent as text.
pub(crate) fn decoded(text: &str) -> Result<Vec<u8>, Problem> {
    STANDARD.decode(text).map_err(|_| {
        Problem::new(&BAD_REQUEST, "expected the image in base64 (RFC 4648, §4, with padding and without line breaks)")
    })
}

impl Upload {
    /// An image, and what to look for on it.
    pub fn image_and_words(mut self, limits: &Limits) -> Result<(Vec<u8>, Words), Problem> {
        Ok((self.take_image()?, self.words(limits)?))
    }

    /// An image, and a question about it.
    pub fn image_and_question(mut self) -> Result<(Vec<u8>, String), Problem> {
        Ok((self.take_image()?, self.question()?))
    }

    /// An image without words.
    pub fn image(mut self) -> Result<Vec<u8>, Problem> {
        if self.has_words() || self.question.is_some() {
            return Err(Problem::new(&BAD_REQUEST, "expected an image alone; words are asked for in its session"));
        }
        self.take_image()
    }

    fn take_image(&mut self) -> Result<Vec<u8>, Problem> {
        self.image.take().ok_or_else(|| Problem::new(&BAD_REQUEST, "expected an image, found none"))
    }

    fn has_words(&self) -> bool {
        self.report.is_some() || !self.phrases.is_empty()
    }

    /// A question without an image.
    pub fn question(self) -> Result<String, Problem> {
        if self.image.is_some() || self.has_words() {
            return Err(Problem::new(&BAD_REQUEST, "expected a question alone, found something else beside it"));
        }
        let question = self.question.filter(|text| !text.trim().is_empty());
        let question = question.ok_or_else(|| Problem::new(&NOTHING_ASKED, "expected a question, found none"))?;
        if question.len() > MAX_PHRASE_BYTES {
            let found = question.len();
            let detail = format!("expected a question of at most {MAX_PHRASE_BYTES} bytes, found {found}");
            return Err(Problem::new(&UNREADABLE_TEXT, detail));
        }
        Ok(question)
    }

    /// Words without an image.
    pub fn words(self, limits: &Limits) -> Result<Words, Problem> {
        if self.image.is_some() {
            return Err(Problem::new(&BAD_REQUEST, "expected words alone; a session has its image already"));
        }
        if self.question.is_some() {
            return Err(Problem::new(
                &BAD_REQUEST,
                "expected a report and phrases; questions have a path that ends in ask",
            ));
        }
        let report = self.report.filter(|text| !text.trim().is_empty());
        if report.is_none() && self.phrases.is_empty() {
            return Err(Problem::new(&NOTHING_ASKED, "expected a report or a phrase, found neither"));
        }
        let words = Words { report, phrases: self.phrases };
        words.check(limits)?;
        Ok(words)
    }
}

impl Words {
    fn check(&self, limits: &Limits) -> Result<(), Problem> {
        let report_bytes = self.report.as_ref().map_or(0, String::len);
        if report_bytes > MAX_REPORT_BYTES {
            let detail = format!("expected a report of at most {MAX_REPORT_BYTES} bytes, found {report_bytes}");
            return Err(Problem::new(&UNREADABLE_TEXT, detail));
        }
        if self.phrases.len() > limits.phrases {
            return Err(too_many_phrases(limits));
        }
        if self.phrases.iter().any(|text| text.trim().is_empty()) {
            return Err(Problem::new(&UNREADABLE_TEXT, "expected words in every phrase, found an empty one"));
        }
        if let Some(long) = self.phrases.iter().map(String::len).find(|len| *len > MAX_PHRASE_BYTES) {
            let detail = format!("expected phrases of at most {MAX_PHRASE_BYTES} bytes, found {long}");
            return Err(Problem::new(&UNREADABLE_TEXT, detail));
        }
        Ok(())
    }
}

fn too_many_phrases(limits: &Limits) -> Problem {
    Problem::new(&UNREADABLE_TEXT, format!("expected at most {} phrases, found more", limits.phrases))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Kind;

    fn refusal<T: std::fmt::Debug>(result: Result<T, Problem>) -> &'static Kind {
        result.unwrap_err().kind
    }

    #[test]
    fn json_is_strict_and_its_errors_quote_nothing() {
        let upload = parse_json(br#"{"image": "AAEC", "report": "r", "phrases": ["p"]}"#).unwrap();
        let (image, words) = upload.image_and_words(&Limits::default()).unwrap();
        assert_eq!((image, words.report.as_deref(), words.phrases), (vec![0, 1, 2], Some("r"), vec!["p".to_owned()]));
        let deep = format!("{{\"report\": {}", "[".repeat(100_000));
        let wrong = [
            r#"{"CANARY": 1}"#,
            r#"{"report": ["CANARY"]}"#,
            r#"{"image": "CANARY!"}"#,
            r#"{"image": "CANARY"#,
            r#"{"report": "a", "report": "CANARY"}"#,
            r#"["CANARY"]"#,
            "CANARY",
            "",
            &deep,
        ];
        for body in wrong {
            let problem = parse_json(body.as_bytes()).unwrap_err();
            assert_eq!(problem.kind, &BAD_REQUEST);
            assert!(!problem.json().to_string().contains("CANARY"), "{problem:?}");
        }
    }

    #[test]
    fn each_question_has_its_parts_and_no_others() {
        let limits = Limits::default();
        let image = || Upload { image: Some(vec![1]), ..Upload::default() };
        let words = || Upload { report: Some("mass".into()), ..Upload::default() };
        let both = || Upload { image: Some(vec![1]), ..words() };
        assert!(image().image().is_ok() && words().words(&limits).is_ok() && both().image_and_words(&limits).is_ok());
        assert_eq!(refusal(both().image()), &BAD_REQUEST);
        assert_eq!(refusal(both().words(&limits)), &BAD_REQUEST);
        assert_eq!(refusal(words().image()), &BAD_REQUEST);
        assert_eq!(refusal(words().image_and_words(&limits)), &BAD_REQUEST);
        assert_eq!(refusal(image().image_and_words(&limits)), &NOTHING_ASKED);
        assert_eq!(refusal(Upload { report: Some(" \n".into()), ..Upload::default() }.words(&limits)), &NOTHING_ASKED);
    }

    #[test]
    fn a_question_stands_alone_or_beside_an_image() {
        let asked = || Upload { question: Some("Is there a mass?".into()), ..Upload::default() };
        let seen = || Upload { image: Some(vec![1]), ..asked() };
        assert_eq!(asked().question().unwrap(), "Is there a mass?");
        assert_eq!(seen().image_and_question().unwrap(), (vec![1], "Is there a mass?".to_owned()));
        assert_eq!(refusal(asked().image_and_question()), &BAD_REQUEST);
        assert_eq!(refusal(seen().question()), &BAD_REQUEST);
        assert_eq!(refusal(seen().image()), &BAD_REQUEST);
        assert_eq!(refusal(asked().words(&Limits::default())), &BAD_REQUEST);
        assert_eq!(refusal(Upload { report: Some("mass".into()), ..asked() }.question()), &BAD_REQUEST);
        assert_eq!(refusal(Upload { question: Some(" ".into()), ..Upload::default() }.question()), &NOTHING_ASKED);
        let long = Upload { question: Some("a".repeat(MAX_PHRASE_BYTES + 1)), ..Upload::default() };
        assert_eq!(refusal(long.question()), &UNREADABLE_TEXT);
    }

    #[test]
    fn text_stays_within_its_limits() {
        let limits = Limits { phrases: 2, ..Limits::default() };
        let phrases = |texts: &[&str]| {
            let phrases = texts.iter().map(|text| (*text).to_owned()).collect();
            Upload { phrases, ..Upload::default() }.words(&limits)
        };
        assert!(phrases(&["a", "b"]).is_ok());
        assert_eq!(refusal(phrases(&["a", "b", "c"])), &UNREADABLE_TEXT);
        assert_eq!(refusal(phrases(&["a", " "])), &UNREADABLE_TEXT);
        assert!(phrases(&[&"a".repeat(MAX_PHRASE_BYTES)]).is_ok());
        assert_eq!(refusal(phrases(&[&"a".repeat(MAX_PHRASE_BYTES + 1)])), &UNREADABLE_TEXT);
        let report = |len| Upload { report: Some("a".repeat(len)), ..Upload::default() }.words(&limits);
        assert!(report(MAX_REPORT_BYTES).is_ok());
        assert_eq!(refusal(report(MAX_REPORT_BYTES + 1)), &UNREADABLE_TEXT);
    }
}
