//! The DiagnosticReport that holds everything together.

use knowmvg::grounding::NOTICE;
use knowmvg_dicom::Identifiers;
use serde_json::{Value, json};

use crate::code::{LOINC, coding};
use crate::id::{identifier, uid};
use crate::version::Version;

/// Diagnostic service sections (`v2-0074`).
const SECTIONS: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";
/// Identifier types (`v2-0203`).
const IDENTIFIER_TYPES: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// The resource; `results` are URNs of the observations.
pub(crate) fn report(
    source: &Identifiers,
    urn: &str,
    results: &[String],
    issued: &str,
    subject: Option<&Value>,
    version: Version,
) -> Value {
    let mut report = json!({
        "resourceType": "DiagnosticReport",
        "identifier": [identifier(urn)],
        "status": "preliminary",
        "category": [{"coding": [coding(SECTIONS, "RAD", "Radiology")]}],
        "code": {"coding": [coding(LOINC, "18748-4", "Diagnostic imaging study")]},
        "issued": issued,
        "result": results.iter().map(|urn| json!({"reference": urn})).collect::<Vec<_>>(),
        "conclusion": NOTICE,
    });
    let studies = match version {
        Version::R5 => "study",
        Version::R4 => "imagingStudy",
    };
    report[studies] = json!([study(source)]);
    if !source.accession_number.is_empty() {
        let kind = json!({"coding": [coding(IDENTIFIER_TYPES, "ACSN", "Accession ID")]});
        let accession = json!({"type": kind, "value": source.accession_number});
        report["basedOn"] = json!([{"type": "ServiceRequest", "identifier": accession}]);
    }
    if let Some(subject) = subject {
        report["subject"] = subject.clone();
    }
    report
}

/// Logical reference to the DICOM study: whether the server has a resource for it is not known here.
pub(crate) fn study(source: &Identifiers) -> Value {
    json!({"type": "ImagingStudy", "identifier": uid(&source.study_instance_uid)})
}

/// Logical reference to the patient; none if the image does not name one.
pub(crate) fn subject(source: &Identifiers) -> Option<Value> {
    let value = &source.patient_id;
    (!value.is_empty()).then(|| json!({"type": "Patient", "identifier": {"value": value}}))
}
