//! Report to features: what our reader makes of it, and its words.

use std::collections::BTreeSet;

use knowmvg::grounding::Assertion;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::report::{self, Phrase, main_finding};

/// Most different features of one report; the first in the order of their names are kept.
pub const MAX_FEATURES: usize = 2_048;

/// A property of a report, e.g. the side of its chief finding or a word in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feature {
    /// Where it is from.
    pub kind: FeatureKind,
    /// An id of the knowledge base, or a word.
    pub value: String,
}

/// Where a feature is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeatureKind {
    /// The chief finding.
    Finding,
    /// Side, zone and both together, of the chief finding's first phrase with a side.
    Location,
    /// Sides, zones and places of all its phrases.
    Place,
    /// Severity and size of all its phrases.
    Degree,
    /// A word anywhere in the report.
    Word,
}

impl Feature {
    fn new(kind: FeatureKind, value: impl Into<String>) -> Self {
        Self { kind, value: value.into() }
    }

    /// What it would be if the patient's sides were swapped.
    pub fn mirrored(&self) -> Self {
        let swapped = [("left", "right"), ("right", "left")].iter().find_map(|(from, to)| {
            let rest = self.value.strip_prefix(from)?;
            (rest.is_empty() || rest.starts_with('_')).then(|| format!("{to}{rest}"))
        });
        Self { kind: self.kind, value: swapped.unwrap_or_else(|| self.value.clone()) }
    }
}

/// What was read of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Id of the chief finding; `None` if the report affirms none.
    pub finding: Option<String>,
    /// The words that name it.
    pub text: Option<String>,
    /// In order, each once.
    pub features: BTreeSet<Feature>,
}

/// Reads a report.
pub fn read(report: &str) -> Reading {
    let phrases = report::phrases(report, KnowledgeBase::chest());
    let chief = main_finding(&phrases);
    let about_it =
        phrases.iter().filter(|p| p.assertion != Assertion::Absent && chief.is_some_and(|c| c.finding == p.finding));
    let said = about_it.flat_map(of_phrase);
    let all = chief.into_iter().flat_map(of_chief).chain(said).chain(words(report));
    Reading {
        finding: chief.and_then(|phrase| phrase.finding.clone()),
        text: chief.map(|phrase| phrase.text.clone()),
        features: all.take(MAX_FEATURES).collect(),
    }
}

fn of_chief(phrase: &Phrase) -> Vec<Feature> {
    let (side, zone) = (side(phrase), zone(phrase));
    let finding = phrase.finding.clone().unwrap_or_default();
    vec![
        Feature::new(FeatureKind::Finding, finding),
        Feature::new(FeatureKind::Location, format!("{side}_{zone}")),
        Feature::new(FeatureKind::Location, side),
        Feature::new(FeatureKind::Location, format!("zone_{zone}")),
    ]
}

fn of_phrase(phrase: &Phrase) -> Vec<Feature> {
    let location = [side(phrase), format!("zone_{}", zone(phrase))];
    let places = location.into_iter().chain(phrase.places.iter().cloned()).map(|v| Feature::new(FeatureKind::Place, v));
    let degrees = phrase.severity.iter().chain(phrase.size.iter().filter(|size| !size.contains(' ')));
    places.chain(degrees.map(|v| Feature::new(FeatureKind::Degree, v.clone()))).collect()
}

fn side(phrase: &Phrase) -> String {
    phrase.side.map_or("no_side".into(), |side| format!("{side:?}").to_lowercase())
}

fn zone(phrase: &Phrase) -> String {
    phrase.zone.map_or("none".into(), |zone| format!("{zone:?}").to_lowercase())
}

fn words(report: &str) -> impl Iterator<Item = Feature> {
    let readable = &report[..report.floor_char_boundary(report::MAX_REPORT_BYTES)];
    let words = readable.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    words.map(|word| Feature::new(FeatureKind::Word, word.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirrored_report_reads_like_the_report_of_the_mirrored_patient() {
        let left = read("There is a large effusion at the left base. The right lung is clear.");
        let right = read("There is a large effusion at the right base. The left lung is clear.");
        assert_eq!(left.finding.as_deref(), Some("pleural_effusion"));
        assert_ne!(left.features, right.features);
        assert_eq!(left.features.iter().map(Feature::mirrored).collect::<BTreeSet<_>>(), right.features);
        assert_eq!(left.features.iter().map(|f| f.mirrored().mirrored()).collect::<BTreeSet<_>>(), left.features);
    }

    #[test]
    fn what_is_denied_is_not_the_chief_finding() {
        let reading = read("No pneumothorax. Cardiomegaly.");
        assert_eq!(reading.finding.as_deref(), Some("cardiomegaly"));
        assert_eq!(read("").finding, None);
    }
}
