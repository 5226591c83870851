//! `/v2`: the same question in the Open Inference Protocol, for clients of KServe and Triton.
//!
//! | tensor | type | shape | holds |
//! |---|---|---|---|
//! | input `image` | BYTES | `[1]` | DICOM, PNG or JPEG in base64 |
//! | input `report` | BYTES | `[1]` | text; may be left out |
//! | input `phrases` | BYTES | `[p]` | texts; may be left out |
//! | output `grounding` | BYTES | `[1]` | the result as JSON |
//! | output `boxes` | FP64 | `[n, 4]` | every box, in the order of the findings |
//! | output `confidences` | FP64 | `[n]` | of each box |
//! | output `findings` | INT64 | `[n]` | the finding of each box, counted from 0 |
//!
//! # Source
//! Open Inference Protocol v2, REST.
//!
//! # Incomplete
//! Tensors are JSON; the extension for binary data is not there.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use knowmvg::grounding::{Grounding, NOTICE};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::app::App;
use crate::origin::Need;
use crate::pool::{Cancel, Seat, deadline};
use crate::problem::{BAD_REQUEST, INTERNAL, Problem};
use crate::upload::{Upload, decoded, enter, receive_json};

/// Name of the model in paths and answers.
const MODEL: &str = "knowmvg";
/// The protocol's word for strings of bytes.
const BYTES: &str = "BYTES";

/// A problem with the one member that clients of the protocol look for.
pub(crate) struct Refused(Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut json = self.0.json();
        json["error"] = format!("{}: {}", self.0.kind.title, self.0.detail).into();
        let (parts, _) = self.0.into_response().into_parts();
        (parts, json.to_string()).into_response()
    }
}

/// `GET /v2`
pub(crate) async fn server() -> Response {
    said(&json!({"name": MODEL, "version": env!("CARGO_PKG_VERSION"), "extensions": []}))
}

/// `GET /v2/models/knowmvg`
pub(crate) async fn model(State(app): State<App>) -> Response {
    let tensor = |name, datatype, shape: &[i64]| json!({"name": name, "datatype": datatype, "shape": shape});
    said(&json!({
        "name": MODEL,
        "versions": [app.grounder().info().version],
        "platform": app.grounder().info().name,
        "inputs": [tensor("image", BYTES, &[1]), tensor("report", BYTES, &[1]), tensor("phrases", BYTES, &[-1])],
        "outputs": [
            tensor("grounding", BYTES, &[1]),
            tensor("boxes", "FP64", &[-1, 4]),
            tensor("confidences", "FP64", &[-1]),
            tensor("findings", "INT64", &[-1]),
        ],
        "notice": NOTICE,
    }))
}

/// `POST /v2/models/knowmvg/infer`
pub(crate) async fn infer(State(app): State<App>, request: Request) -> Result<Response, Refused> {
    let (place, request) = enter(&app, request).await?;
    let limits = app.limits();
    let (bytes, words) = receive_json(request, limits, parse).await?.image_and_words(limits)?;
    let worker = app.clone();
    let work = move |seat: &Seat| {
        worker.origin(&bytes, Need::Nobody)?;
        worker.whole(bytes, &words, seat, &mut |_| ())
    };
    let (grounding, _) = app.pool().run(place, deadline(limits.timeout), Cancel::default(), work).await?;
    Ok(said(&answer(&grounding)?))
}

/// The request; what it asks of the outputs is not read, because all of them are small.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inference {
    inputs: Vec<Input>,
    #[serde(rename = "id")]
    _id: Option<IgnoredAny>,
    #[serde(rename = "outputs")]
    _outputs: Option<IgnoredAny>,
    #[serde(rename = "parameters")]
    _parameters: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    data: Vec<String>,
    #[serde(rename = "parameters")]
    _parameters: Option<IgnoredAny>,
}

fn parse(body: &[u8]) -> Result<Upload, Problem> {
    // The parser's own words quote names and values, so only the place is passed on.
    let inference: Inference = serde_json::from_slice(body).map_err(|e| {
        let place = format!("reading stopped at line {}, column {}", e.line(), e.column());
        wrong(format!("expected a request with inputs whose data are flat lists of strings; {place}"))
    })?;
    let mut upload = Upload::default();
    for input in inference.inputs {
        let count: usize = input.shape.iter().fold(1, |product: usize, side| product.saturating_mul(*side));
        if input.datatype != BYTES || count != input.data.len() {
            return Err(wrong("expected inputs of the type BYTES with as many values as their shape says"));
        }
        match (input.name.as_str(), input.data) {
            ("image", data) if upload.image.is_none() => upload.image = Some(decoded(&single(data)?)?),
            ("report", data) if upload.report.is_none() => upload.report = Some(single(data)?),
            ("phrases", data) if upload.phrases.is_empty() => upload.phrases = data,
            _ => return Err(wrong("expected the inputs image, report and phrases once each, found another")),
        }
    }
    Ok(upload)
}

fn single(data: Vec<String>) -> Result<String, Problem> {
    let [value]: [String; 1] = data.try_into().map_err(|_| wrong("expected one image and one report"))?;
    Ok(value)
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new(&BAD_REQUEST, detail)
}

fn answer(grounding: &Grounding) -> Result<Value, Problem> {
    let text = serde_json::to_string(grounding);
    let text = text.map_err(|_| Problem::new(&INTERNAL, "the result could not be written as JSON"))?;
    let boxes = || grounding.findings.iter().enumerate().flat_map(|(i, f)| f.boxes.iter().map(move |found| (i, found)));
    let count = boxes().count();
    let corners: Vec<f64> = boxes().flat_map(|(_, found)| found.box_in_image.xyxy()).collect();
    let confidences: Vec<f64> = boxes().map(|(_, found)| found.confidence).collect();
    let findings: Vec<usize> = boxes().map(|(index, _)| index).collect();
    Ok(json!({
        "model_name": MODEL,
        "model_version": grounding.model.version,
        "outputs": [
            {"name": "grounding", "datatype": BYTES, "shape": [1], "data": [text]},
            {"name": "boxes", "datatype": "FP64", "shape": [count, 4], "data": corners},
            {"name": "confidences", "datatype": "FP64", "shape": [count], "data": confidences},
            {"name": "findings", "datatype": "INT64", "shape": [count], "data": findings},
        ],
    }))
}

fn said(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(inputs: Value) -> Result<Upload, Problem> {
        parse(json!({"id": "7", "inputs": inputs}).to_string().as_bytes())
    }

    #[test]
    fn tensors_are_read_strictly_and_errors_quote_nothing() {
        let bytes =
            |name: &str, data: &[&str]| json!({"name": name, "datatype": "BYTES", "shape": [data.len()], "data": data});
        let upload = request(json!([bytes("image", &["AAEC"]), bytes("phrases", &["a", "b"])])).unwrap();
        assert_eq!((upload.image.unwrap(), upload.phrases), (vec![0, 1, 2], vec!["a".to_owned(), "b".to_owned()]));
        let wrong = [
            json!([bytes("CANARY", &["a"])]),
            json!([bytes("image", &["CANARY!"])]),
            json!([bytes("report", &["CANARY", "b"])]),
            json!([bytes("report", &["CANARY"]), bytes("report", &["b"])]),
            json!([{"name": "report", "datatype": "FP32", "shape": [1], "data": ["CANARY"]}]),
            json!([{"name": "report", "datatype": "BYTES", "shape": [2], "data": ["CANARY"]}]),
            json!([{"name": "report", "datatype": "BYTES", "shape": [1], "data": [7], "CANARY": 1}]),
        ];
        for inputs in wrong {
            let problem = request(inputs).unwrap_err();
            assert_eq!(problem.kind, &BAD_REQUEST);
            assert!(!problem.json().to_string().contains("CANARY"));
        }
    }
}
