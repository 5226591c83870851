//! FHIR resources with reports: DiagnosticReport → [`NewReport`].
//!
//! # Source
//! FHIR R4 and R5, DiagnosticReport; accession numbers by the code ACSN of `v2-0203`, studies by `urn:dicom:uid`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::queue::NewReport;

/// Statuses of reports that have words which count.
const STATUSES: [&str; 6] = ["partial", "preliminary", "final", "amended", "corrected", "appended"];

/// Reads a resource; `None` if it is no report in words, or was withdrawn.
pub(crate) fn report(resource: &Value) -> Option<NewReport> {
    if resource["resourceType"] != "DiagnosticReport" || !STATUSES.contains(&resource["status"].as_str()?) {
        return None;
    }
    let words = words(resource)?;
    let studies = ["study", "imagingStudy"].into_iter().flat_map(|name| items(&resource[name]));
    let study = studies.map(|study| &study["identifier"]).chain(items(&resource["identifier"])).find_map(study_uid);
    let orders = items(&resource["basedOn"]).map(|order| &order["identifier"]);
    let accession = items(&resource["identifier"]).chain(orders).find_map(accession);
    Some(NewReport {
        study_instance_uid: study.unwrap_or_default(),
        accession_number: accession.unwrap_or_default(),
        patient_id: resource["subject"]["identifier"]["value"].as_str().unwrap_or_default().to_owned(),
        words,
    })
}

/// The text as it was presented, else the conclusion.
fn words(resource: &Value) -> Option<String> {
    let presented = items(&resource["presentedForm"]).find_map(|form| {
        let is_text = form["contentType"].as_str()?.to_ascii_lowercase().starts_with("text/plain");
        let bytes = STANDARD.decode(form["data"].as_str()?).ok()?;
        String::from_utf8(bytes).ok().filter(|_| is_text)
    });
    let words = presented.or_else(|| resource["conclusion"].as_str().map(str::to_owned))?;
    (!words.trim().is_empty()).then_some(words)
}

fn accession(identifier: &Value) -> Option<String> {
    let is_accession = items(&identifier["type"]["coding"]).any(|coding| coding["code"] == "ACSN");
    identifier["value"].as_str().filter(|_| is_accession).map(str::to_owned)
}

fn study_uid(identifier: &Value) -> Option<String> {
    let value = identifier["value"].as_str().filter(|_| identifier["system"] == "urn:dicom:uid")?;
    Some(value.strip_prefix("urn:oid:").unwrap_or(value).to_owned())
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource() -> Value {
        json!({
            "resourceType": "DiagnosticReport",
            "status": "final",
            "identifier": [{"type": {"coding": [{"code": "ACSN"}]}, "value": "ACC-42"}],
            "subject": {"reference": "Patient/1", "identifier": {"value": "MRN-9"}},
            "imagingStudy": [{"identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}}],
            "conclusion": "Effusion.",
            "presentedForm": [
                {"contentType": "application/pdf", "data": "AAAA"},
                {"contentType": "text/plain; charset=utf-8", "data": STANDARD.encode("Small left pleural effusion.")},
            ],
        })
    }

    #[test]
    fn the_presented_text_comes_before_the_conclusion() {
        let report = super::report(&resource()).unwrap();
        assert_eq!(report.words, "Small left pleural effusion.");
        let keys = (report.accession_number.as_str(), report.study_instance_uid.as_str(), report.patient_id.as_str());
        assert_eq!(keys, ("ACC-42", "1.2.3", "MRN-9"));
    }

    #[test]
    fn without_a_text_the_conclusion_counts_and_orders_name_the_accession() {
        let mut resource = resource();
        resource["presentedForm"] = json!([]);
        resource["basedOn"] = json!([{"identifier": resource["identifier"][0]}]);
        resource["identifier"] = json!([]);
        let report = super::report(&resource).unwrap();
        assert_eq!((report.words.as_str(), report.accession_number.as_str()), ("Effusion.", "ACC-42"));
    }

    #[test]
    fn what_was_withdrawn_or_is_something_else_is_left() {
        for (name, value) in [("status", "entered-in-error"), ("status", "registered"), ("resourceType", "Patient")] {
            let mut resource = resource();
            resource[name] = json!(value);
            assert!(super::report(&resource).is_none(), "{name} {value}");
        }
        assert!(super::report(&json!([1, 2])).is_none());
    }
}
