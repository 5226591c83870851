//! The chief finding of a report.

use std::collections::HashMap;

use super::Phrase;
use crate::grounding::Assertion;
use crate::knowledge::KnowledgeBase;

/// Findings that describe what is seen and give way to a finding that says what it is.
const DESCRIPTIVE: [&str; 12] = [
    "lung_abnormality",
    "lung_opacity",
    "airspace_opacity",
    "ground_glass_opacity",
    "linear_opacity",
    "perihilar_opacity",
    "consolidation",
    "air_bronchogram",
    "volume_loss",
    "lung_lucency",
    "blunted_costophrenic_angle",
    "pleural_abnormality",
];

/// The finding that the report is about: the one it affirms most often and earliest, descriptions such as `opacity`
/// or devices only if nothing else is affirmed or suspected.
///
/// Of the phrases about that finding, the first that says a side is returned, else the first.
pub fn main_finding(phrases: &[Phrase]) -> Option<&Phrase> {
    let mut weights: HashMap<&str, f64> = HashMap::new();
    for (i, phrase) in phrases.iter().enumerate() {
        if let Some(finding) = phrase.finding.as_deref() {
            *weights.entry(finding).or_default() += weight(phrase, i);
        }
    }
    let of = |phrase: &&Phrase| phrase.finding.as_deref().and_then(|f| weights.get(f)).copied().unwrap_or(0.0);
    let affirmed = || phrases.iter().filter(|p| p.assertion != Assertion::Absent);
    // `rev` lets the first of equals win.
    let best = affirmed().rev().max_by(|a, b| of(a).total_cmp(&of(b)))?;
    let same = || affirmed().filter(|p| p.finding == best.finding);
    same().find(|p| p.side.is_some()).or_else(|| same().next())
}

/// Mentions count, affirmed ones fully, and what comes first counts once more.
fn weight(phrase: &Phrase, position: usize) -> f64 {
    let certainty = match phrase.assertion {
        Assertion::Present => 1.0,
        Assertion::Uncertain => 0.75,
        Assertion::Absent => return 0.0,
    };
    let mentions = phrase.mentions.iter().filter(|m| m.kind == "finding").count() as f64;
    let is_secondary = phrase.finding.as_deref().is_some_and(|f| DESCRIPTIVE.contains(&f) || is_artificial(f));
    let specificity = if is_secondary { 0.1 } else { 1.0 };
    certainty * specificity * (mentions + 2.0 / (1.0 + position as f64))
}

/// Tubes, lines and traces of surgery, which every report of a ward lists.
fn is_artificial(finding: &str) -> bool {
    const GROUPS: [&str; 2] = ["support_device", "postoperative_change"];
    GROUPS.contains(&finding) || KnowledgeBase::chest().ancestors(finding).iter().any(|above| GROUPS.contains(above))
}
