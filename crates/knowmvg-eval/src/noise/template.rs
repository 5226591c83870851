//! Clean reports for sources that have none: one finding, perhaps its side and zone, and what is absent.
//!
//! The sentences are other ones than those of [`knowmvg::train::compose`], from which the model learned: with the same
//! templates a score would measure how well those were memorised. Both are English templates all the same, and easier than
//! what radiologists write.

use knowmvg::grounding::Side;
use knowmvg::prior::Location;
use knowmvg::report::Zone;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::words::{as_noun_phrase, capitalised};
use super::{Report, ReportError, Surroundings};

/// At most so many absent findings are told.
pub const MAX_DENIALS: usize = 6;

/// What a report is written about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Name of the finding.
    pub label: &'a str,
    /// What the text tells of its place.
    pub location: Location,
    /// Findings that the image does not show; the first [`MAX_DENIALS`] are denied.
    pub absent: &'a [&'a str],
}

/// `{x}` is the finding, `{place}` begins with a preposition.
const PLACED: [&str; 5] = [
    "The image reveals {x} {place}.",
    "Radiographic features of {x} are evident {place}.",
    "An area of {x} is visualized {place}.",
    "Appearances are those of {x} {place}.",
    "{X} is identified {place}.",
];
const UNPLACED: [&str; 4] = [
    "The image reveals {x}.",
    "Radiographic features of {x} are evident.",
    "Appearances are those of {x}.",
    "{X} is identified on this study.",
];
const OPENINGS: [&str; 4] = [
    "EXAM: Chest radiography.",
    "A single projection of the thorax was reviewed.",
    "Chest, one projection.",
    "The examination was interpreted without prior studies.",
];
const DENIALS: [&str; 3] = ["{X} is not identified.", "The examination is without {x}.", "No features of {x}."];
const ENDINGS: [&str; 4] = [
    "Visualized skeletal structures appear intact.",
    "The upper abdomen is unremarkable.",
    "Positioning and exposure are adequate.",
    "No other abnormality is described.",
];

/// Writes a report; its target is the sentence about the finding.
///
/// # Errors
/// When the names are so long that the text exceeds [`MAX_REPORT_BYTES`](super::MAX_REPORT_BYTES).
pub fn write(statement: &Statement<'_>, generator: &mut ChaCha8Rng) -> Result<Report, ReportError> {
    let target = sentence(statement, generator);
    let opening = pick(&OPENINGS, generator);
    let place = opening.len() + 1..opening.len() + 1 + target.len();
    let mut text = format!("{opening} {target}");
    for name in statement.absent.iter().take(MAX_DENIALS) {
        text = format!("{text} {}", filled(pick(&DENIALS, generator), name));
    }
    text = format!("{text} {}", pick(&ENDINGS, generator));
    let absent = statement.absent.iter().map(|name| (*name).to_owned()).collect();
    let surroundings = Surroundings { target: vec![statement.label.to_owned()], elsewhere: Vec::new(), absent };
    Ok(Report::new(&text, std::slice::from_ref(&place))?.with_surroundings(surroundings))
}

fn sentence(statement: &Statement<'_>, generator: &mut ChaCha8Rng) -> String {
    match place(statement.location, generator) {
        Some(place) => filled(&pick(&PLACED, generator).replace("{place}", &place), statement.label),
        None => filled(pick(&UNPLACED, generator), statement.label),
    }
}

fn filled(frame: &str, name: &str) -> String {
    let name = as_noun_phrase(name);
    frame.replace("{x}", &name).replace("{X}", &capitalised(&name))
}

fn place(location: Location, generator: &mut ChaCha8Rng) -> Option<String> {
    let side = location.side.map(|side| match side {
        Side::Left => "on the left",
        Side::Right => "on the right",
        Side::Midline => "in the midline",
        Side::Bilateral => "bilaterally",
    });
    let height = location.zone.map(|zone| match zone {
        Zone::Upper => pick(&["superiorly", "in the upper part of the lung"], generator),
        Zone::Mid => pick(&["at mid height", "in the middle part of the lung"], generator),
        Zone::Lower => pick(&["inferiorly", "in the lower part of the lung"], generator),
    });
    match (side, height) {
        (Some(side), Some(height)) => Some(format!("{side}, {height}")),
        (side, height) => side.or(height).map(str::to_owned),
    }
}

fn pick<'a>(list: &[&'a str], generator: &mut ChaCha8Rng) -> &'a str {
    list.choose(generator).expect("the lists are not empty")
}
