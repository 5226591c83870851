//! Questions made from labels, with their answers in words and the boxes that show them.

use knowmvg::geometry::{Box2, Image};
use knowmvg::train::compose::TextLevel;
use knowmvg::train::dataset::Sample;
use knowmvg::train::drawn::Drawn;
use rand::Rng;

use super::place::{common_side, side_word, words};
use super::{Draft, by_label, groups, target};

/// Answer to whether there is something that there is.
pub const YES: &str = "yes";
/// Answer to whether there is something that there is not.
pub const NO: &str = "no";

/// What a question wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// `Is there ...?`
    Presence,
    /// `Where is the ...?`
    Place,
    /// `On which side is the ...?`
    Side,
}

impl Wanted {
    /// From the first words of a question; a question of another kind is taken for one about presence.
    pub fn of(question: &str) -> Self {
        let question = question.trim_start().to_lowercase();
        if question.starts_with("where") {
            Self::Place
        } else if question.starts_with("on which side") || question.starts_with("which side") {
            Self::Side
        } else {
            Self::Presence
        }
    }

    /// The question about the class of a label.
    pub fn question(self, label: &str) -> String {
        match self {
            Self::Presence => format!("Is there {}{label}?", article(label)),
            Self::Place => format!("Where is the {label}?"),
            Self::Side => format!("On which side is the {label}?"),
        }
    }
}

/// Only of what can be counted is there one.
fn article(label: &str) -> &'static str {
    const COUNTED: [&str; 5] = ["mass", "nodule", "fracture", "effusion", "infiltrate"];
    match label.chars().next() {
        Some('a' | 'e' | 'i' | 'o') if COUNTED.contains(&label) => "an ",
        _ if COUNTED.contains(&label) => "a ",
        _ => "",
    }
}

/// Presence and side of every label, the place of those with one box, and the presence of as many absent ones.
pub fn drafts(sample: &Sample, drawn: &Drawn, random: &mut impl Rng) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let present = by_label(sample);
    for (label, boxes) in &present {
        let bounds: Vec<Box2<Image>> = boxes.iter().map(|(_, bounds)| *bounds).collect();
        drafts.push(draft(Wanted::Presence, label, YES.to_owned(), bounds.clone()));
        if let Some(side) = common_side(boxes.iter().filter_map(|(found, _)| found.location.side)) {
            drafts.push(draft(Wanted::Side, label, side_word(side).to_owned(), bounds));
        }
    }
    let single = groups(sample, TextLevel::Class).into_iter().filter(|group| group.boxes.len() == 1);
    for group in single {
        let location = sample.findings.iter().find(|found| found.label == group.label).map(|found| found.location);
        drafts.extend(location.map(|at| draft(Wanted::Place, group.label, words(at), group.boxes)));
    }
    let absent = drawn.absent(sample, random).into_iter().take(present.len().max(1));
    drafts.extend(absent.map(|label| draft(Wanted::Presence, label, NO.to_owned(), Vec::new())));
    drafts
}

fn draft(wanted: Wanted, label: &str, answer: String, boxes: Vec<Box2<Image>>) -> Draft {
    Draft { text: wanted.question(label), level: None, answer: Some(answer), targets: vec![target(label, boxes)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_understood_as_it_was_meant() {
        for wanted in [Wanted::Presence, Wanted::Place, Wanted::Side] {
            assert_eq!(Wanted::of(&wanted.question("mass")), wanted);
        }
        assert_eq!(Wanted::Presence.question("mass"), "Is there a mass?");
        assert_eq!(Wanted::Presence.question("effusion"), "Is there an effusion?");
        assert_eq!(Wanted::Presence.question("emphysema"), "Is there emphysema?");
    }
}
