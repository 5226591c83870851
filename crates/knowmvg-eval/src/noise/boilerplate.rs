//! Sentences that stand in every report. One edit is one sentence.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Report, Severity};

/// Before the findings.
const BEFORE: [&str; 8] = [
    "TECHNIQUE: Single AP view acquired with the patient semi-upright.",
    "EXAMINATION: Chest, one view.",
    "HISTORY: Fever and productive cough for three days.",
    "INDICATION: Shortness of breath, rule out pneumonia.",
    "COMPARISON: Prior study of the same patient, not available at the time of dictation.",
    "Images were reviewed on a diagnostic workstation.",
    "Evaluation is limited by patient rotation and low lung volumes.",
    "The patient was transferred from an outside facility.",
];
/// Behind the findings.
const BEHIND: [&str; 8] = [
    "Please correlate with the clinical picture.",
    "RECOMMENDATION: Repeat radiograph in six weeks to document resolution.",
    "Computed tomography may be obtained if symptoms persist.",
    "Results were conveyed to the ordering provider by telephone.",
    "This report was generated with speech recognition software and may contain errors.",
    "Electronically signed by the attending radiologist.",
    "The remainder of the examination is within normal limits for age.",
    "Thank you for this referral.",
];

/// Adds 1, 3, 6 or 10 of them, technique and history before the text, recommendations behind it.
pub(super) fn add(report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
    let before = BEFORE.iter().map(|text| (true, *text));
    let mut pool: Vec<(bool, &str)> = before.chain(BEHIND.iter().map(|text| (false, *text))).collect();
    pool.shuffle(generator);
    for (is_before, text) in pool.into_iter().take(severity.pick([0, 1, 3, 6, 10])) {
        let at = if is_before { 0 } else { report.sentences.len() };
        report.insert(at, text.to_owned());
        if is_before {
            // A title holds until its paragraph ends: the findings must not become a part of the history.
            report.sentences[0].gap = "\n\n".into();
        }
        report.note(1, None);
    }
}
