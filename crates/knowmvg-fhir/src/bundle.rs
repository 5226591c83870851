//! [`bundle`]: all resources of a grounding.

use knowmvg::grounding::{Assertion, GroundedPhrase, Grounding};
use knowmvg_dicom::Identifiers;
use serde_json::{Value, json};

use crate::device::device;
use crate::id::Names;
use crate::image::{extension, media, selection};
use crate::observation::{Context, observation};
use crate::report::{report, study, subject};
use crate::version::Version;

/// Why there is no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FhirError {
    /// The time is no instant of FHIR.
    Time,
}

impl std::fmt::Display for FhirError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expected a time like 2026-11-25T12:00:00Z")
    }
}

impl std::error::Error for FhirError {}

/// Writes a grounding as a transaction; a server that has it already adds nothing when it comes again.
///
/// `source` says which DICOM image it is of, `issued` when it was made (RFC 3339).
///
/// # Errors
/// When the time is none.
///
/// # Source
/// FHIR R5 (5.0.0) and R4 (4.0.1): Bundle, Device, DiagnosticReport, Observation, ImagingSelection, Media.
pub fn bundle(grounding: &Grounding, source: &Identifiers, issued: &str, version: Version) -> Result<Value, FhirError> {
    if !is_instant(issued) {
        return Err(FhirError::Time);
    }
    let shown: Vec<&GroundedPhrase> = grounding.findings.iter().filter(|phrase| is_shown(phrase)).collect();
    // The same findings on the same image by the same weights are the same result.
    let findings = json!(shown).to_string();
    let names = Names::new(&[&source.sop_instance_uid, &grounding.model.sha256, &grounding.model.version, &findings]);
    let device_urn = Names::new(&[&grounding.model.sha256, &grounding.model.version]).urn("device");
    let subject = subject(source);
    let subject = subject.as_ref();
    let study = study(source);
    let context = Context { subject, study: &study, device: &device_urn };

    let mut entries = vec![entry(&device_urn, device(&grounding.model, &device_urn, version))];
    let mut results = Vec::new();
    for (index, phrase) in shown.iter().enumerate() {
        let [place_urn, urn] = ["place", "observation"].map(|kind| names.urn(&format!("{kind} {index}")));
        let mut observation = observation(phrase, &urn, &place_urn, &context);
        let place = match version {
            Version::R5 => selection(phrase, source, &place_urn, subject),
            Version::R4 => {
                observation["extension"] = extension(phrase, source);
                media(phrase, &grounding.image, &place_urn, subject)
            }
        };
        entries.push(entry(&place_urn, place));
        entries.push(entry(&urn, observation));
        results.push(urn);
    }
    let report_urn = names.urn("report");
    entries.push(entry(&report_urn, report(source, &report_urn, &results, issued, subject, version)));
    Ok(json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
}

fn is_shown(phrase: &GroundedPhrase) -> bool {
    phrase.assertion != Assertion::Absent && !phrase.boxes.is_empty()
}

/// Made once: a server that has a resource of this identifier keeps that one.
fn entry(urn: &str, resource: Value) -> Value {
    let kind = resource["resourceType"].clone();
    let once = format!("identifier=urn:ietf:rfc:3986|{urn}");
    json!({"fullUrl": urn, "resource": resource, "request": {"method": "POST", "url": kind, "ifNoneExist": once}})
}

/// An instant: date, time to the second and an offset.
fn is_instant(text: &str) -> bool {
    let shape = |pattern: &str, text: &str| {
        pattern.len() == text.len()
            && pattern.bytes().zip(text.bytes()).all(|(p, t)| if p == b'0' { t.is_ascii_digit() } else { p == t })
    };
    let Some((moment, offset)) = text.split_at_checked(19) else { return false };
    shape("0000-00-00T00:00:00", moment) && (offset == "Z" || shape("+00:00", offset) || shape("-00:00", offset))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TIME: &str = "2026-11-25T12:00:00Z";

    fn grounding() -> Grounding {
        let evidence = json!({"knowledge": [], "prior_box": null, "prior_source": null, "support": "image",
                              "attention_in_box": null, "knowledge_gate": null});
        let phrase = |text: &str, assertion: &str, boxes: Value| {
            json!({"phrase": {"text": text, "span": null}, "assertion": assertion, "finding": "pleural_effusion",
                   "side": "left", "boxes": boxes, "evidence": evidence})
        };
        let scored = |xyxy: [f64; 4]| json!({"box": xyxy, "confidence": 0.8765, "spread": [1.0, 1.0, 1.0, 1.0]});
        serde_json::from_value(json!({
            "schema_version": "1.1", "notice": "n",
            "image": {"width": 200, "height": 100, "sha256": "0", "format": "PNG", "grey_mapping": "none"},
            "anatomy": [],
            "findings": [
                phrase("left effusion", "present", json!([scored([10.0, 20.0, 30.5, 40.0]), scored([1.0, 2.0, 3.0, 4.0])])),
                phrase("no effusion", "absent", json!([])),
                phrase("possible effusion", "uncertain", json!([scored([0.0, 0.0, 200.0, 100.0])])),
            ],
            "model": {"name": "m", "version": "0", "sha256": "ab", "knowledge": "1"},
        }))
        .unwrap()
    }

    fn source() -> Identifiers {
        Identifiers {
            sop_class_uid: "1.2.840.10008.5.1.4.1.1.1.1".into(),
            sop_instance_uid: "1.2.3.4".into(),
            study_instance_uid: "1.2.3".into(),
            series_instance_uid: "1.2.3.1".into(),
            accession_number: "ACC-1".into(),
            patient_id: "MRN-1".into(),
        }
    }

    fn resources(bundle: &Value, kind: &str) -> Vec<Value> {
        let all = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
        all.filter(|resource| resource["resourceType"] == kind).collect()
    }

    #[test]
    fn boxes_are_closed_lines_on_the_instance() {
        let bundle = bundle(&grounding(), &source(), TIME, Version::R5).unwrap();
        let selections = resources(&bundle, "ImagingSelection");
        assert_eq!(selections.len(), 2, "what is denied is left out");
        let instance = &selections[0]["instance"][0];
        assert_eq!(instance["uid"], "1.2.3.4");
        let line = [10.0, 20.0, 30.5, 20.0, 30.5, 40.0, 10.0, 40.0, 10.0, 20.0];
        assert_eq!(instance["imageRegion2D"][0], json!({"regionType": "polyline", "coordinate": line}));
        assert_eq!(instance["imageRegion2D"].as_array().unwrap().len(), 2);
        let observations = resources(&bundle, "Observation");
        assert_eq!(observations[0]["component"][0]["valueQuantity"]["value"], 87.65);
        assert_eq!(observations[0]["code"]["coding"][0]["code"], "60046008");
        assert_eq!(observations[1]["valueCodeableConcept"]["coding"][0]["display"], "Equivocal");
    }

    #[test]
    fn every_reference_is_in_the_bundle_and_every_name_is_there_once() {
        for version in [Version::R5, Version::R4] {
            let bundle = bundle(&grounding(), &source(), TIME, version).unwrap();
            let entries = bundle["entry"].as_array().unwrap();
            let names: BTreeSet<&str> = entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
            assert_eq!(names.len(), entries.len());
            let mut references = Vec::new();
            entries.iter().for_each(|entry| collect(entry, &mut references));
            assert!(references.len() >= 6);
            assert!(references.iter().all(|name| names.contains(name.as_str())), "{references:?}");
        }
    }

    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("reference").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_same_result_has_the_same_names_whenever_it_is_made() {
        let made = |time: &str| bundle(&grounding(), &source(), time, Version::R4).unwrap();
        let names = |bundle: &Value| -> Vec<Value> {
            bundle["entry"].as_array().unwrap().iter().map(|entry| entry["fullUrl"].clone()).collect()
        };
        assert_eq!(names(&made(TIME)), names(&made("2027-01-01T00:00:00+01:00")));
        let mut other = grounding();
        other.findings.pop();
        assert_ne!(names(&made(TIME)), names(&bundle(&other, &source(), TIME, Version::R4).unwrap()));
    }

    #[test]
    fn without_a_patient_or_an_order_none_is_named() {
        let anonymous = Identifiers { accession_number: String::new(), patient_id: String::new(), ..source() };
        let text = bundle(&grounding(), &anonymous, TIME, Version::R5).unwrap().to_string();
        assert!(!text.contains("Patient") && !text.contains("ServiceRequest"));
    }

    #[test]
    fn only_an_instant_is_a_time() {
        for wrong in ["", "2026-11-25", "2026-11-25T12:00:00", "2026-11-25 12:00:00Z", "2026-11-25T12:00:00\u{e9}"] {
            assert_eq!(bundle(&grounding(), &source(), wrong, Version::R5).err(), Some(FhirError::Time), "{wrong}");
        }
    }
}
