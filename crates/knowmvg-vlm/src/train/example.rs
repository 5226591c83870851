//! What an image is asked and what the answer should be, from its boxes.

use knowmvg::image::preprocess::model_from_image;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::prior::Location;
use knowmvg::question::{NO, Wanted, YES, place};
use knowmvg::report;
use knowmvg::train::compose::{self, TextLevel};
use knowmvg::train::corpus::Record;
use knowmvg::train::criterion::Target;
use knowmvg::train::dataset::{FindingBox, Question, Sample, Seen};
use knowmvg::train::weak::{self, Labels};
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

/// Share of questions that ask whether something is there; the others ask where.
const PRESENCE: f64 = 0.6;
/// Share of those, of images that show something, whose answer is yes: with the images that show nothing, half of all.
const PRESENT: f64 = 0.55;

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
        if weak::is_weak(&sample.record) {
            return Self::of_labels(&sample.record, rng);
        }
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
        let sample = subject.sample;
        if rng.random_bool(PRESENCE) || sample.findings.is_empty() {
            let is_there = rng.random_bool(PRESENT);
            return Self::presence(subject, is_there, rng)
                .or_else(|| Self::presence(subject, !is_there, rng))
                .unwrap_or_else(|| Self::report(subject, 1, rng));
        }
        let groups = groups(sample, TextLevel::Class);
        let group = groups.choose(rng).expect("an image with findings");
        let found: Vec<&FindingBox> = sample.findings.iter().filter(|b| b.finding == group.finding).collect();
        let said = subject.seen.location(found[0].location);
        let is_of_one_side = found.iter().all(|b| b.location.side == found[0].location.side);
        let (wanted, answer) = match () {
            () if found.len() == 1 && rng.random_bool(0.5) => (Wanted::Place, place::words(said)),
            () if is_of_one_side => (Wanted::Side, place::words(Location { zone: None, ..said })),
            () => (Wanted::Presence, YES.to_owned()),
        };
        Self::about(subject, group, wanted, answer, rng)
    }

    /// Whether the image shows something that it shows, or does not; `None` if nobody can say.
    pub fn presence(subject: &Subject, is_there: bool, rng: &mut impl Rng) -> Option<Self> {
        if !is_there {
            return subject.absent.choose(rng).map(|label| Self::denied(label));
        }
        let groups = groups(subject.sample, TextLevel::Class);
        groups.choose(rng).map(|group| Self::about(subject, group, Wanted::Presence, YES.to_owned(), rng))
    }

    fn denied(label: &str) -> Self {
        let words = Wanted::Presence.question(label);
        Self { kind: Kind::Question, words, lead: Some(NO.into()), named: vec![] }
    }

    fn about(subject: &Subject, group: &Group, wanted: Wanted, answer: String, rng: &mut impl Rng) -> Self {
        let named = Named { text: group.label.to_owned(), ..group.named(subject.sample, subject.seen, rng) };
        let words = wanted.question(group.label);
        Self { kind: Kind::Question, words, lead: Some(answer), named: vec![named] }
    }

    /// A question about an image that has labels as a whole alone: nobody said where anything is.
    fn of_labels(record: &Record, rng: &mut impl Rng) -> Self {
        let Labels { present, absent } = Labels::of(record, rng);
        let there = present.first().filter(|_| absent.is_empty() || rng.random_bool(PRESENT));
        let Some(label) = there else {
            return Self::denied(&weak::words(absent.first().expect("no image has every label")));
        };
        let label = weak::words(label);
        let finding = report::query(&label, KnowledgeBase::chest()).finding.expect("every label is a finding");
        let nowhere = Location { side: None, zone: None };
        let named = Named { text: label.clone(), ..Named::made_up(&finding, &label, nowhere, rng) };
        let words = Wanted::Presence.question(&label);
        Self { kind: Kind::Question, words, lead: Some(YES.into()), named: vec![named] }
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

#[cfg(test)]
mod tests {
    use knowmvg::train::dataset::LabelMap;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use serde_json::json;

    use super::*;

    fn sample(what: serde_json::Value) -> Sample {
        let mut record = json!({"id": "s/1", "source": "s", "image": "1.png", "tier": "open", "split": "train",
                                "width": 100, "height": 100});
        record.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        Sample::new(&serde_json::from_value(record).unwrap(), 448, &mut LabelMap::new(KnowledgeBase::chest())).unwrap()
    }

    /// Questions that ask whether something is there, with their answers.
    fn presence(sample: &Sample, absent: &[&str]) -> Vec<(String, String)> {
        let seen = sample.seen(0, 448);
        let made_up = MadeUp::default();
        let subject = Subject { sample, seen: &seen, absent, made_up: &made_up };
        let data = VlmData { reports: 0.0, phrases: 0.0, ..VlmData::default() };
        let drawn = (0..400).map(|seed| Example::draw(&subject, &data, &mut ChaCha8Rng::seed_from_u64(seed)));
        let asked = drawn.filter(|example| Wanted::of(&example.words) == Wanted::Presence);
        let pair = |example: Example| {
            assert_eq!(example.named.is_empty(), example.lead.as_deref() == Some(NO), "yes points, no does not");
            (example.words, example.lead.unwrap())
        };
        asked.map(pair).collect()
    }

    fn share_of_yes(asked: &[(String, String)]) -> f64 {
        asked.iter().filter(|(_, answer)| answer == YES).count() as f64 / asked.len() as f64
    }

    #[test]
    fn questions_are_asked_in_the_words_of_the_evaluation_and_often_answered_with_either() {
        let sample = sample(json!({"findings_annotated": true,
                                   "findings": [{"label": "effusion", "box": [0.1, 0.6, 0.3, 0.9]}]}));
        let asked = presence(&sample, &["mass"]);
        for (words, answer) in &asked {
            assert_eq!(words, if answer == YES { "Is there an effusion?" } else { "Is there a mass?" });
        }
        assert!((0.45..0.65).contains(&share_of_yes(&asked)));
    }

    #[test]
    fn labels_of_a_whole_image_are_asked_about_and_nobody_says_where() {
        let sample = sample(json!({"image_labels": ["Mass", "Pleural_Thickening"]}));
        let asked = presence(&sample, &[]);
        assert_eq!(asked.len(), 400, "it is asked nothing else");
        assert!(asked.iter().any(|(words, answer)| words == "Is there pleural thickening?" && answer == YES));
        assert!(asked.iter().all(|(words, answer)| answer == YES || !words.contains("mass")));
        assert!((0.45..0.65).contains(&share_of_yes(&asked)));
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let drawn = (0..50).map(|_| Example::of_labels(&sample.record, &mut rng));
        assert!(drawn.flat_map(|example| example.named).all(|named| !named.is_looked_for));
    }
}
