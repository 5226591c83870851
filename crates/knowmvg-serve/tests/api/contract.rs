//! `openapi.json` says what the server does, no more and no less.

use std::collections::BTreeSet;

use knowmvg_serve::endpoints;
use serde_json::Value;

use crate::client::Answer;

/// What any path may answer besides what its documentation says; `info.description` tells it.
const EVERYWHERE: [u16; 3] = [403, 421, 500];

fn document() -> Value {
    serde_json::from_str(include_str!("../../src/openapi.json")).expect("the document is JSON")
}

/// Whether a path has this template.
fn is_like(path: &str, template: &str) -> bool {
    let (parts, names) = (path.split('/'), template.split('/'));
    parts.clone().count() == names.clone().count()
        && parts.zip(names).all(|(part, name)| part == name || (name.starts_with('{') && !part.is_empty()))
}

/// Fails if the answer has a status or a type that the document does not have for this path.
pub fn check(method: &str, path: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let Some(operations) = paths.iter().find(|(template, _)| is_like(path, template)).map(|(_, found)| found) else {
        return assert!(status == 404 || EVERYWHERE.contains(&status), "{path} is not documented: {answer:?}");
    };
    let operation = &operations[method.to_lowercase()];
    if EVERYWHERE.contains(&status) || (operation.is_null() && status == 405) {
        return;
    }
    let response = resolved(&document, &operation["responses"][status.to_string()]);
    assert!(response.is_object(), "{method} {path} answers {status}, which is not documented: {answer:?}");
    let media_type = answer.header("content-type").split(';').next().unwrap_or_default();
    match response["content"].as_object() {
        Some(content) => assert!(content.contains_key(media_type), "{method} {path} answers {media_type}"),
        None => assert!(answer.body.is_empty(), "{method} {path} has a body"),
    }
}

fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).expect("a reference into the document"),
        None => value,
    }
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let document = document();
    let mut documented = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for method in operations.as_object().expect("operations").keys() {
            documented.insert((method.to_uppercase(), path.clone()));
        }
    }
    let there: BTreeSet<_> =
        endpoints().into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(documented, there);
}

#[test]
fn every_reference_leads_somewhere_and_every_name_is_used_once() {
    let document = document();
    let schema: Value = serde_json::from_str(include_str!("../../../../schemas/grounding.schema.json")).unwrap();
    let review: Value = serde_json::from_str(include_str!("../../../../schemas/review.schema.json")).unwrap();
    let mut operations = BTreeSet::new();
    let mut rest = vec![&document];
    while let Some(value) = rest.pop() {
        if let Some(reference) = value["$ref"].as_str() {
            let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
            let target = match file {
                "" => &document,
                "/grounding.schema.json" => &schema,
                "/review.schema.json" => &review,
                other => panic!("{other}"),
            };
            assert!(target.pointer(pointer).is_some(), "{reference}");
        }
        if let Some(name) = value["operationId"].as_str() {
            assert!(operations.insert(name.to_owned()), "{name} twice");
        }
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(fields) => rest.extend(fields.values()),
            _ => {}
        }
    }
    assert_eq!(operations.len(), endpoints().len());
}

#[test]
fn templates_fit_their_paths_only() {
    assert!(is_like("/v1/jobs/7/events", "/v1/jobs/{id}/events"));
    assert!(!is_like("/v1/jobs/7", "/v1/jobs/{id}/events") && !is_like("/v1/jobs/", "/v1/jobs/{id}"));
}
