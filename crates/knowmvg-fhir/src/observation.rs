//! A phrase with its boxes as an Observation.

use knowmvg::grounding::{Assertion, GroundedPhrase, NOTICE};
use knowmvg_dicom::{coded_finding, coded_site};
use serde_json::{Value, json};

use crate::code::{self, SNOMED, UCUM, coding};
use crate::id::identifier;

/// References that observations share.
pub(crate) struct Context<'a> {
    /// Logical reference to the patient.
    pub subject: Option<&'a Value>,
    /// Logical reference to the study.
    pub study: &'a Value,
    /// URN of the device.
    pub device: &'a str,
}

/// The resource; `place` is the URN of what says where it is.
pub(crate) fn observation(phrase: &GroundedPhrase, urn: &str, place: &str, context: &Context) -> Value {
    let mut observation = json!({
        "resourceType": "Observation",
        "identifier": [identifier(urn)],
        "status": "preliminary",
        "category": code::imaging(),
        "code": code::concept(&coded_finding(phrase)),
        "valueCodeableConcept": {"coding": [assertion(phrase.assertion)]},
        "device": {"reference": context.device},
        "derivedFrom": [context.study, {"reference": place}],
        "note": [{"text": phrase.phrase.text}, {"text": NOTICE}],
        "component": phrase.boxes.iter().map(|scored| percent("Confidence of the box", scored.confidence)).collect::<Vec<_>>(),
    });
    if let Some(site) = coded_site(phrase) {
        observation["bodySite"] = code::concept(&site.place);
        if let Some(side) = &site.laterality {
            // Observation has no laterality of its own; the text says both.
            let place = site.place.meaning.to_lowercase();
            observation["bodySite"]["text"] = json!(format!("{} {place}", side.meaning));
        }
    }
    if let Some(subject) = context.subject {
        observation["subject"] = subject.clone();
    }
    observation
}

/// What the report says of it, as qualifier values of SNOMED CT.
fn assertion(assertion: Assertion) -> Value {
    let (code, display) = match assertion {
        Assertion::Present => ("52101004", "Present"),
        Assertion::Absent => ("2667000", "Absent"),
        Assertion::Uncertain => ("42425007", "Equivocal"),
    };
    coding(SNOMED, code, display)
}

fn percent(what: &str, share: f64) -> Value {
    let value = (share * 1e4).round() / 1e2;
    json!({"code": {"text": what}, "valueQuantity": {"value": value, "unit": "%", "system": UCUM, "code": "%"}})
}
