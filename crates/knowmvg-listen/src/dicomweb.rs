//! [`DicomWeb`]: QIDO-RS, WADO-RS and STOW-RS of one server.
//!
//! # Source
//! PS3.18 §10.4 to §10.6, annex F for JSON.

use knowmvg_dicom::is_uid;
use serde_json::Value;

use crate::http::{Client, HttpProblem};

/// JSON of DICOM.
const JSON: &str = "application/dicom+json";

/// Ask for the object as it is stored.
const OBJECT: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";

/// Between the parts of what we send; a UUID, so that it stands in no object.
const BOUNDARY: &str = "3c8b6f0e-5a51-4c0b-9d8e-6f2f4b7f7a11";

/// Series that are returned at most by one question.
const MAX_SERIES: &str = "1000";

/// A series and how many objects it has.
pub(crate) struct Series {
    /// Study Instance UID.
    pub study: String,
    /// Series Instance UID.
    pub series: String,
    /// Number of Series Related Instances, as the server says it; empty if it does not.
    pub size: String,
}

/// A DICOMweb server.
#[derive(Clone)]
pub(crate) struct DicomWeb {
    client: Client,
    max_object: u64,
}

impl DicomWeb {
    /// Reached by a client; objects have at most so many bytes.
    pub fn new(client: Client, max_object: u64) -> Self {
        Self { client, max_object }
    }

    /// Series of a modality whose study is from a day or later.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn series(&self, modality: &str, since: &str) -> Result<Vec<Series>, HttpProblem> {
        let dates = format!("{since}-");
        let query = [
            ("Modality", modality),
            ("StudyDate", dates.as_str()),
            ("includefield", "00201209"),
            ("limit", MAX_SERIES),
        ];
        let found = self.client.json("/series", &query, JSON)?;
        Ok(items(&found)
            .filter_map(|item| {
                let (study, series) = (text(item, "0020000D")?, text(item, "0020000E")?);
                Some(Series { study, series, size: text(item, "00201209").unwrap_or_default() })
            })
            .collect())
    }

    /// SOP Instance UIDs of a series.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn instances(&self, series: &Series) -> Result<Vec<String>, HttpProblem> {
        let path = format!("/studies/{}/series/{}/instances", uid(&series.study)?, uid(&series.series)?);
        let found = self.client.json(&path, &[], JSON)?;
        Ok(items(&found).filter_map(|item| text(item, "00080018")).collect())
    }

    /// An object as a file.
    ///
    /// # Errors
    /// When the server does not have it, or it is too large.
    pub fn object(&self, series: &Series, instance: &str) -> Result<Vec<u8>, HttpProblem> {
        let (study, series) = (uid(&series.study)?, uid(&series.series)?);
        let path = format!("/studies/{study}/series/{series}/instances/{}", uid(instance)?);
        let (kind, body) = self.client.bytes(&path, OBJECT, self.max_object)?;
        if kind.starts_with("application/dicom") && !kind.starts_with(JSON) {
            return Ok(body);
        }
        let boundary = boundary(&kind).ok_or(HttpProblem::Answer)?;
        first_part(&body, boundary).map(<[u8]>::to_vec).ok_or(HttpProblem::Answer)
    }

    /// Whether the server has an object.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn has(&self, study: &str, instance: &str) -> Result<bool, HttpProblem> {
        let path = format!("/studies/{}/instances", uid(study)?);
        match self.client.json(&path, &[("SOPInstanceUID", instance)], JSON) {
            Ok(found) => Ok(items(&found).any(|item| text(item, "00080018").as_deref() == Some(instance))),
            Err(HttpProblem::Status(404)) => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    /// Stores a file; returns the status.
    ///
    /// # Errors
    /// When the server can't be reached or the connection breaks.
    pub fn store(&self, study: &str, file: &[u8]) -> Result<u16, HttpProblem> {
        let head = format!("--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n");
        let body = [head.as_bytes(), file, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
        let kind = format!("multipart/related; type=\"application/dicom\"; boundary={BOUNDARY}");
        let (status, _) = self.client.post(&format!("/studies/{}", uid(study)?), &kind, JSON, &body)?;
        Ok(status)
    }
}

/// A UID of a server or a file that is about to stand in a path.
fn uid(text: &str) -> Result<&str, HttpProblem> {
    if is_uid(text) { Ok(text) } else { Err(HttpProblem::Answer) }
}

fn items(found: &Value) -> impl Iterator<Item = &Value> {
    found.as_array().into_iter().flatten()
}

/// The first value of an attribute.
fn text(item: &Value, tag: &str) -> Option<String> {
    match &item[tag]["Value"][0] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn boundary(kind: &str) -> Option<&str> {
    let is_multipart = kind.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
    let after = kind.split(';').map(str::trim).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    let boundary = after.trim_matches('"');
    (is_multipart && !boundary.is_empty()).then_some(boundary)
}

/// The content of the first part of a multipart body (RFC 2046, §5.1.1).
fn first_part<'a>(body: &'a [u8], boundary: &str) -> Option<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let start = find(body, delimiter.as_bytes())? + delimiter.len();
    let head = find(&body[start..], b"\r\n\r\n")? + start + 4;
    let end = format!("\r\n--{boundary}");
    let length = find(&body[head..], end.as_bytes())?;
    Some(&body[head..head + length])
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_is_taken_out() {
        let body =
            b"preamble\r\n--b\r\nContent-Type: application/dicom\r\n\r\nab\r\ncd\r\n--b\r\nX: y\r\n\r\nz\r\n--b--";
        assert_eq!(first_part(body, "b"), Some(&b"ab\r\ncd"[..]));
        assert_eq!(first_part(&body[..40], "b"), None);
        assert_eq!(first_part(b"", "b"), None);
    }

    #[test]
    fn the_boundary_stands_in_the_type() {
        let kind = "multipart/related; type=\"application/dicom\"; boundary=\"a-b\"";
        assert_eq!(boundary(kind), Some("a-b"));
        assert_eq!(boundary("Multipart/Related;boundary=x"), Some("x"));
        assert_eq!(boundary("application/dicom; boundary=x"), None);
    }

    #[test]
    fn only_uids_get_into_paths() {
        assert!(uid("1.2.840").is_ok());
        for hostile in ["", "1/../2", "1?x", "a", &"1".repeat(65)] {
            assert!(uid(hostile).is_err(), "{hostile}");
        }
    }
}
