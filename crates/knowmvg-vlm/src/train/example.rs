//! What an image is asked and what the answer should be, from its boxes.

use knowmvg::grounding::Side;
use knowmvg::image::preprocess::model_from_image;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::prior::Location;
use knowmvg::report::{self, Zone};
use knowmvg::train::compose::{self, TextLevel};
use knowmvg::train::criterion::Target;
use knowmvg::train::dataset::{FindingBox, Question, Sample, Seen};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::config::VlmData;
use super::made_up::MadeUp;
use super::write::composed;
use crate::grounding::Words;
use crate::grounding::align::align;

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
    /// Whether somebody looked where it is; of a statement that was made up the words alone are learnt.
    pub is_looked_for: bool,
}

/// What is asked about: a view of an image, and what can be said of it.
pub struct Subject<'a> {
    /// The image.
    pub sample: &'a Sample,
    /// The view.
    pub seen: &'a Seen,
    /// Labels that the image certainly does not show.
    pub absent: &'a [&'a str],
    /// What a report may say beside what the image shows.
    pub made_up: &'a MadeUp,
}

/// How much statements say about where a finding is; a choice of them is a draw.
pub const LEVELS: [TextLevel; 4] = [TextLevel::Zone, TextLevel::Zone, TextLevel::Side, TextLevel::Class];

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

    /// Draws what is asked.
    pub fn draw(subject: &Subject, data: &VlmData, rng: &mut impl Rng) -> Self {
        let Subject { sample, absent, .. } = subject;
        let chance: f64 = rng.random();
        let is_labelled = !sample.findings.is_empty();
        let asks_phrase = chance < data.reports + data.phrases;
        match () {
            () if chance < data.reports => Self::report(subject, data.phrases_per_image, rng),
            () if asks_phrase && (is_labelled || !sample.record.phrases.is_empty()) => Self::phrase(subject, rng),
            () if is_labelled || !absent.is_empty() => Self::question(subject, rng),
            () => Self::report(subject, data.phrases_per_image, rng),
        }
    }

    /// A report of everything that the image shows and of what is made up, with denials and sentences that say nothing of it; the
    /// one that was written, where there is one.
    pub fn report(subject: &Subject, most: usize, rng: &mut impl Rng) -> Self {
        let Subject { sample, seen, absent, made_up } = subject;
        let mut named = all_named(sample, seen, *LEVELS.choose(rng).expect("not empty"), rng);
        if let Some(written) = sample.record.report.as_ref().filter(|_| !sample.record.phrases.is_empty()) {
            return Self::written(written, named);
        }
        named.shuffle(rng);
        named.truncate(most);
        let made_up = made_up.draw(sample, rng);
        let absent = not_said(absent, &made_up);
        named.extend(made_up);
        named.shuffle(rng);
        let (words, named) = composed(named, &absent, rng);
        let lead = named.is_empty().then(|| NOTHING.to_owned());
        Self { kind: Kind::Report, words, lead, named }
    }

    /// A report that somebody wrote, with its phrases in the order in which they stand there.
    fn written(report: &str, mut named: Vec<Named>) -> Self {
        let place = |named: &Named| align(&named.text, report, 0).map(|span| span.start);
        named.sort_by_key(|named| place(named).unwrap_or(usize::MAX));
        Self { kind: Kind::Report, words: report.to_owned(), lead: None, named }
    }

    fn phrase(&Subject { sample, seen, .. }: &Subject, rng: &mut impl Rng) -> Self {
        let level = *[TextLevel::Class, TextLevel::Side, TextLevel::Zone].choose(rng).expect("not empty");
        let mut all = all_named(sample, seen, level, rng);
        let named = all.swap_remove(rng.random_range(0..all.len()));
        Self { kind: Kind::Phrase, words: named.text.clone(), lead: None, named: vec![named] }
    }

    /// A question about presence, side or place, in the words in which the evaluation asks.
    fn question(subject: &Subject, rng: &mut impl Rng) -> Self {
        let &Subject { sample, seen, absent, .. } = subject;
        let asks_absent = sample.findings.is_empty() || rng.random_bool(0.4);
        if let Some(label) = absent.choose(rng).filter(|_| asks_absent) {
            let words = format!("Is there {label}?");
            return Self { kind: Kind::Question, words, lead: Some("no".into()), named: vec![] };
        }
        let groups = groups(sample, TextLevel::Class);
        let Some(group) = groups.choose(rng) else {
            return Self::report(subject, 1, rng);
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

/// Everything that is said of an image: statements that somebody wrote, else words for its boxes.
fn all_named(sample: &Sample, seen: &Seen, level: TextLevel, rng: &mut impl Rng) -> Vec<Named> {
    let record = &sample.record;
    if record.phrases.is_empty() {
        return groups(sample, level).iter().map(|group| group.named(sample, seen, rng)).collect();
    }
    let on_square = model_from_image(record.width, record.height, seen.side());
    let named = record.phrases.iter().map(|labelled| {
        let phrase = report::query(&labelled.text, KnowledgeBase::chest());
        let boxes = labelled.boxes.iter().map(|b| seen.bounds(&on_square.apply(&record.in_image(b)))).collect();
        let location = Location { side: phrase.side, zone: phrase.zone };
        let target = Target { boxes, is_unlocated: false, weight: 1.0 };
        let finding = phrase.finding.clone();
        let text = labelled.text.trim().trim_end_matches('.').to_owned();
        Named { text, question: Question { phrase, target, finding, location }, is_looked_for: true }
    });
    named.collect()
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
        let target = Target { boxes, is_unlocated: false, weight: 1.0 };
        Named::said(self.finding, self.label, location, target, rng)
    }
}

impl Named {
    /// A statement of a finding that nobody looked for.
    pub fn made_up(finding: &str, label: &str, location: Location, rng: &mut impl Rng) -> Self {
        let nowhere = Target { boxes: vec![], is_unlocated: false, weight: 0.0 };
        Self { is_looked_for: false, ..Self::said(finding, label, location, nowhere, rng) }
    }

    /// A finding in words.
    fn said(finding: &str, label: &str, location: Location, target: Target, rng: &mut impl Rng) -> Self {
        let knowledge = KnowledgeBase::chest();
        let text = compose::phrase(finding, label, location, knowledge, rng);
        let text = text.trim_start_matches("There is ").trim_end_matches('.').to_owned();
        let phrase = report::query(&text, knowledge);
        let finding = Some(finding.to_owned());
        Self { question: Question { phrase, target, finding, location }, is_looked_for: true, text }
    }
}

/// What can be denied beside these statements.
fn not_said<'a>(absent: &[&'a str], statements: &[Named]) -> Vec<&'a str> {
    let is_said = |label: &str| {
        let denied = report::query(label, KnowledgeBase::chest()).finding;
        statements.iter().any(|named| named.question.finding == denied)
    };
    absent.iter().copied().filter(|label| !is_said(label)).collect()
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
