//! Words for boxes: phrases and reports with several levels of information, from templates and synonyms.

use rand::Rng;
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

use crate::grounding::Side;
use crate::knowledge::KnowledgeBase;
use crate::prior::Location;
use crate::report::{self, Phrase, Zone};

/// How much a text says about where a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextLevel {
    /// The finding alone.
    Class,
    /// And its side.
    Side,
    /// And its zone.
    Zone,
    /// A whole report with other sentences around it.
    Report,
}

impl TextLevel {
    /// What of a location a text of this level says.
    pub fn visible(self, location: Location) -> Location {
        match self {
            Self::Class => Location { side: None, zone: None },
            Self::Side => Location { zone: None, ..location },
            Self::Zone | Self::Report => location,
        }
    }
}

const SEVERITY: [&str; 8] = ["", "", "", "mild ", "moderate ", "severe ", "small ", "large "];
const OPENINGS: [&str; 5] = [
    "Frontal view of the chest.",
    "Findings:",
    "PA and lateral radiographs of the chest were obtained.",
    "Portable AP chest radiograph.",
    "Comparison: none.",
];
const CLOSINGS: [&str; 6] = [
    "Clinical correlation is recommended.",
    "Follow-up imaging may be considered.",
    "The osseous structures are unremarkable.",
    "The visualized soft tissues are normal.",
    "Further evaluation with CT is recommended if clinically indicated.",
    "Mediastinal contours are within normal limits.",
];

/// The words that name a finding without a place: the label, the preferred name or an English synonym.
fn name<'a>(finding: &str, label: &'a str, knowledge: &'a KnowledgeBase, rng: &mut impl Rng) -> &'a str {
    let Some(node) = knowledge.finding(finding) else { return label };
    let synonyms = node.synonyms.get("en").map(Vec::as_slice).unwrap_or_default();
    match rng.random_range(0..4) {
        0 => &node.name,
        1 => synonyms.choose(rng).map_or(label, String::as_str),
        _ => label,
    }
}

/// The canonical text of a label at a location, as the evaluation uses it: `left lower zone effusion`.
pub fn canonical(label: &str, location: Location) -> String {
    let side = location.side.map(|s| format!("{} ", side_word(s))).unwrap_or_default();
    let zone = location.zone.map(|z| format!("{} zone ", zone_word(z))).unwrap_or_default();
    format!("{side}{zone}{label}")
}

fn side_word(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
        Side::Midline => "midline",
        Side::Bilateral => "bilateral",
    }
}

fn zone_word(zone: Zone) -> &'static str {
    match zone {
        Zone::Upper => "upper",
        Zone::Mid => "mid",
        Zone::Lower => "lower",
    }
}

/// A phrase about a finding at a location.
pub fn phrase(finding: &str, label: &str, location: Location, knowledge: &KnowledgeBase, rng: &mut impl Rng) -> String {
    let severity = SEVERITY.choose(rng).expect("not empty");
    let name = name(finding, label, knowledge, rng);
    let side = location.side.map(side_word);
    let zone = location.zone.map(|z| {
        let words: &[&str] = match z {
            Zone::Upper => &["upper zone", "upper lung", "upper lung zone", "upper lobe"],
            Zone::Mid => &["mid zone", "mid lung", "mid lung zone", "middle zone"],
            Zone::Lower => &["lower zone", "lower lung", "lower lung zone", "lower lobe"],
        };
        *words.choose(rng).expect("not empty")
    });
    let place = match (side, zone) {
        (None, None) => return format!("{severity}{name}"),
        (Some(side), None) if rng.random_bool(0.5) => return format!("{severity}{side} {name}"),
        (Some("midline"), None) => "midline".to_owned(),
        (Some(side), None) => format!("{side} lung"),
        (None, Some(zone)) => zone.to_owned(),
        (Some(side), Some(zone)) => format!("{side} {zone}"),
    };
    match rng.random_range(0..4) {
        0 => format!("{severity}{name} in the {place}"),
        1 => format!("{place} {severity}{name}"),
        2 => format!("{severity}{place} {name}"),
        _ => format!("There is {severity}{name} in the {place}."),
    }
}

/// A noisy report around a phrase: other sentences, denials of findings that are not on the image, recommendations.
pub fn report(phrase: &str, absent: &[&str], rng: &mut impl Rng) -> String {
    let mut sentences: Vec<String> = vec![(*OPENINGS.choose(rng).expect("not empty")).to_owned()];
    let body = phrase.trim_end_matches('.');
    let observed = match rng.random_range(0..3) {
        _ if body.starts_with("There is") => format!("{body}."),
        0 => format!("There is {body}."),
        1 => format!("{}.", capitalised(body)),
        _ => format!("The radiograph demonstrates {body}."),
    };
    sentences.push(observed);
    for other in absent.iter().take(rng.random_range(0..3)) {
        let denial = ["No", "There is no evidence of", "Negative for"].choose(rng).expect("not empty");
        sentences.insert(rng.random_range(1..=sentences.len()), format!("{denial} {other}."));
    }
    sentences.push((*CLOSINGS.choose(rng).expect("not empty")).to_owned());
    sentences.join(" ")
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A parsed phrase about a finding at the wanted level of information.
///
/// A report is parsed as a user's would be; where the parser does not find the finding again, the phrase alone is used.
pub fn compose(
    finding: &str,
    label: &str,
    location: Location,
    level: TextLevel,
    absent: &[&str],
    knowledge: &KnowledgeBase,
    rng: &mut impl Rng,
) -> Phrase {
    let text = phrase(finding, label, level.visible(location), knowledge, rng);
    if level == TextLevel::Report {
        let found = report::phrases(&report(&text, absent, rng), knowledge);
        if let Some(phrase) = found.into_iter().find(|p| p.finding.as_deref() == Some(finding)) {
            return phrase;
        }
    }
    report::query(&text, knowledge)
}
