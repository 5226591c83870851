//! What an image is asked and what the answer should be, from its boxes.

use knowmvg::grounding::Side;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::prior::Location;
use knowmvg::report::{self, Zone};
use knowmvg::train::compose::{self, TextLevel};
use knowmvg::train::criterion::Target;
use knowmvg::train::dataset::{FindingBox, Question, Sample, Seen};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::config::VlmData;
use crate::grounding::Words;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A report.
    Report,
    /// A phrase or the name of a class.
    Phrase,
    /// A question.
    Question,
}

/// One conversation about one image.
pub struct Example {
    /// What is asked.
    pub kind: Kind,
    /// The words.
    pub words: String,
    /// What the answer says before it names a phrase.
    pub lead: Option<String>,
    /// The phrases that the answer names, in order.
    pub named: Vec<Named>,
}

/// A phrase of the answer.
pub struct Named {
    /// As it is written, without a full stop.
    pub text: String,
    /// Its meaning and where it is.
    pub question: Question,
}

/// What an answer says where nothing is found.
pub const NOTHING: &str = "No finding";

impl Example {
    /// What the language model is asked.
    pub fn asked(&self) -> Words<'_> {
        match self.kind {
            Kind::Report => Words::Report(&self.words),
            Kind::Phrase => Words::Phrase(&self.words),
            Kind::Question => Words::Question(&self.words),
        }
    }

    /// Draws what is asked about a view; `absent` are labels that the image certainly does not show.
    pub fn draw(sample: &Sample, seen: &Seen, absent: &[&str], data: &VlmData, rng: &mut impl Rng) -> Self {
        let chance: f64 = rng.random();
        if chance < data.reports || sample.findings.is_empty() && absent.is_empty() {
            Self::report(sample, seen, absent, data.phrases_per_image, rng)
        } else if chance < data.reports + data.phrases && !sample.findings.is_empty() {
            Self::phrase(sample, seen, rng)
        } else {
            Self::question(sample, seen, absent, rng)
        }
    }

    /// A report of everything that the image shows, with denials and sentences that say nothing of it.
    pub fn report(sample: &Sample, seen: &Seen, absent: &[&str], most: usize, rng: &mut impl Rng) -> Self {
        let level = *[TextLevel::Zone, TextLevel::Zone, TextLevel::Side, TextLevel::Class].choose(rng).expect("not empty");
        let mut groups = groups(sample, level);
        groups.shuffle(rng);
        groups.truncate(most);
        let mut named = vec![];
        let mut sentences: Vec<(String, Option<Named>)> = groups
            .iter()
            .map(|group| {
                let named = group.named(sample, seen, rng);
                (affirmed(&named.text, rng), Some(named))
            })
            .collect();
        let most_denied = rng.random_range(0..4);
        let denials: Vec<&&str> = absent.choose_multiple(rng, most_denied).collect();
        sentences.extend(denials.into_iter().map(|label| (denied(label, rng), None)));
        sentences.extend((0..rng.random_range(0..3)).map(|_| (pick(&FILLERS, rng).to_owned(), None)));
        sentences.shuffle(rng);
        let mut words = vec![pick(&OPENINGS, rng).to_owned()];
        for (sentence, phrase) in sentences {
            words.push(sentence);
            named.extend(phrase);
        }
        words.push(pick(&CLOSINGS, rng).to_owned());
        words.retain(|sentence| !sentence.is_empty());
        let lead = named.is_empty().then(|| NOTHING.to_owned());
        Self { kind: Kind::Report, words: words.join(" "), lead, named }
    }

    fn phrase(sample: &Sample, seen: &Seen, rng: &mut impl Rng) -> Self {
        let level = *[TextLevel::Class, TextLevel::Side, TextLevel::Zone].choose(rng).expect("not empty");
        let groups = groups(sample, level);
        let named = groups.choose(rng).expect("the sample has findings").named(sample, seen, rng);
        Self { kind: Kind::Phrase, words: named.text.clone(), lead: None, named: vec![named] }
    }

    /// A question about presence, side or place, as [`knowmvg_eval`](https://docs.rs/) asks them.
    fn question(sample: &Sample, seen: &Seen, absent: &[&str], rng: &mut impl Rng) -> Self {
        let asks_absent = sample.findings.is_empty() || rng.random_bool(0.4);
        if let Some(label) = absent.choose(rng).filter(|_| asks_absent) {
            let words = format!("Is there {label}?");
            return Self { kind: Kind::Question, words, lead: Some("no".into()), named: vec![] };
        }
        let groups = groups(sample, TextLevel::Class);
        let Some(group) = groups.choose(rng) else {
            return Self::report(sample, seen, absent, 1, rng);
        };
        let found: Vec<&FindingBox> = sample.findings.iter().filter(|b| b.finding == group.finding).collect();
        let said = seen.location(found[0].location);
        let label = group.label;
        let (words, lead) = match rng.random_range(0..3) {
            0 if found.len() == 1 => (format!("Where is the {label}?"), place(said)),
            1 if found.iter().all(|b| b.location.side == found[0].location.side) => {
                (format!("On which side is the {label}?"), side(said))
            }
            _ => (format!("Is there {label}?"), "yes".into()),
        };
        let named = Named { text: label.to_owned(), ..group.named(sample, seen, rng) };
        Self { kind: Kind::Question, words, lead: Some(lead), named: vec![named] }
    }
}

/// Boxes that the same words describe.
struct Group<'a> {
    finding: &'a str,
    label: &'a str,
    said: Location,
}

fn groups(sample: &Sample, level: TextLevel) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = vec![];
    for found in &sample.findings {
        let said = level.visible(found.location);
        if !groups.iter().any(|group| group.finding == found.finding && group.said == said) {
            groups.push(Group { finding: &found.finding, label: &found.label, said });
        }
    }
    groups
}

impl Group<'_> {
    fn named(&self, sample: &Sample, seen: &Seen, rng: &mut impl Rng) -> Named {
        let fits = |b: &&FindingBox| {
            b.finding == self.finding
                && self.said.side.is_none_or(|side| b.location.side == Some(side))
                && self.said.zone.is_none_or(|zone| b.location.zone == Some(zone))
        };
        let boxes = sample.findings.iter().filter(fits).map(|b| seen.bounds(&b.bounds)).collect();
        let location = seen.location(self.said);
        let knowledge = KnowledgeBase::chest();
        let text = compose::phrase(self.finding, self.label, location, knowledge, rng);
        let text = text.trim_start_matches("There is ").trim_end_matches('.').to_owned();
        Named {
            question: Question {
                phrase: report::query(&text, knowledge),
                target: Target { boxes, is_unlocated: false, weight: 1.0 },
                finding: Some(self.finding.to_owned()),
                location,
            },
            text,
        }
    }
}

const OPENINGS: [&str; 6] =
    ["", "Chest radiograph, frontal view.", "FINDINGS:", "Single view of the chest.", "AP portable film.", "Indication: cough."];
const CLOSINGS: [&str; 6] = [
    "",
    "Please correlate clinically.",
    "Follow-up is advised.",
    "CT may help if symptoms persist.",
    "No prior image is available for comparison.",
    "The patient is slightly rotated.",
];
const FILLERS: [&str; 8] = [
    "The trachea is central.",
    "The bones are intact.",
    "The soft tissues are unremarkable.",
    "Lung volumes are adequate.",
    "The hila are of normal size.",
    "The diaphragm is smooth on both sides.",
    "The exposure is satisfactory.",
    "The mediastinum is not widened.",
];

fn pick<'a>(choices: &[&'a str], rng: &mut impl Rng) -> &'a str {
    choices.choose(rng).expect("not empty")
}

/// A sentence that says so, with the phrase word for word but for its first letter.
fn affirmed(phrase: &str, rng: &mut impl Rng) -> String {
    match rng.random_range(0..8) {
        0 => format!("There is {phrase}."),
        1 => format!("{} is seen.", capitalised(phrase)),
        2 => format!("{} is noted, as before.", capitalised(phrase)),
        3 => format!("The appearance suggests {phrase}."),
        4 => format!("The image shows {phrase}, measuring {}.{} cm.", rng.random_range(1..9), rng.random_range(0..10)),
        5 => format!("Findings in keeping with {phrase}."),
        _ => format!("{}.", capitalised(phrase)),
    }
}

fn denied(label: &str, rng: &mut impl Rng) -> String {
    match rng.random_range(0..5) {
        0 => format!("There is no evidence of {label}."),
        1 => format!("{} is not seen.", capitalised(label)),
        2 => format!("Negative for {label}."),
        3 => format!("Without {label}."),
        _ => format!("No {label}."),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn side(said: Location) -> String {
    match said.side {
        Some(Side::Left) => "left",
        Some(Side::Right) => "right",
        Some(Side::Midline) => "midline",
        Some(Side::Bilateral) => "bilateral",
        None => "unknown",
    }
    .to_owned()
}

fn place(said: Location) -> String {
    let zone = match said.zone {
        Some(Zone::Upper) => " upper zone",
        Some(Zone::Mid) => " mid zone",
        Some(Zone::Lower) => " lower zone",
        None => "",
    };
    side(said) + zone
}
