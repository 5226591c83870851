//! What a user gives → [`Asked`]: a report and typed phrases become the phrases to ground.

use crate::grounder::Asked;
use crate::grounding::Grounding;
use crate::knowledge::KnowledgeBase;
use crate::report::{self, MAX_REPORT_BYTES};

/// The observations of a report, then the phrases that the user gave.
pub fn asked(report: Option<&str>, phrases: &[String]) -> Vec<Asked> {
    let knowledge = KnowledgeBase::chest();
    let from_report = report.into_iter().flat_map(|text| report::phrases(text, knowledge)).map(Asked::from_report);
    from_report.chain(phrases.iter().map(|text| Asked::from_user(report::query(text, knowledge)))).collect()
}

/// What was not read of a report; belongs among the warnings of its grounding.
pub fn report_warnings(report: Option<&str>, grounding: &Grounding) -> Vec<String> {
    let Some(report) = report else { return Vec::new() };
    let mut warnings = Vec::new();
    if report.len() > MAX_REPORT_BYTES {
        let found = report.len();
        warnings.push(format!("only the first {MAX_REPORT_BYTES} of {found} bytes of the report were read"));
    }
    if !grounding.findings.iter().any(|phrase| phrase.phrase.span.is_some()) {
        warnings.push("the report names no finding that the knowledge base has".to_owned());
    }
    warnings
}
