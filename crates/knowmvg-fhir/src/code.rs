//! Codes as FHIR writes them.

use knowmvg_dicom::Code;
use serde_json::{Value, json};

/// Observation categories (`observation-category`).
const CATEGORIES: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
pub(crate) const LOINC: &str = "http://loinc.org";
pub(crate) const SNOMED: &str = "http://snomed.info/sct";
pub(crate) const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";

/// A concept; one of the program's own has words and no code, since nobody else could look it up.
pub(crate) fn concept(code: &Code) -> Value {
    let system = match code.scheme.as_str() {
        "SCT" => SNOMED,
        "RADLEX" => "http://radlex.org",
        "DCM" => DCM,
        _ => return json!({"text": code.meaning}),
    };
    json!({"coding": [coding(system, &code.value, &code.meaning)], "text": code.meaning})
}

/// A coding.
pub(crate) fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({"system": system, "code": code, "display": display})
}

/// Category of everything here.
pub(crate) fn imaging() -> Value {
    json!([{"coding": [coding(CATEGORIES, "imaging", "Imaging")]}])
}
