//! Reports from templates: every finding of the image once, some denials, and sentences that say nothing of it.

use knowmvg::knowledge::KnowledgeBase;
use knowmvg::train::compose::{self, TextLevel};
use knowmvg::train::dataset::Sample;
use knowmvg::train::drawn::Drawn;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::{Asking, Draft, Group, groups, level_name};
use crate::Target;

/// Most findings that one report denies.
const MOST_DENIED: usize = 3;

const OPENINGS: [&str; 4] = ["Frontal view of the chest.", "AP chest radiograph.", "Findings:", "Comparison: none."];
const CLOSINGS: [&str; 4] = [
    "Clinical correlation is recommended.",
    "The visualized soft tissues are normal.",
    "Further evaluation with CT may be considered.",
    "No other relevant change.",
];

/// The report of an image with findings; none if there is nothing to find.
pub fn drafts(sample: &Sample, drawn: &Drawn, asking: &Asking, random: &mut impl Rng) -> Vec<Draft> {
    // A whole report says where things are unless a lower level was asked for.
    let level = if asking.level == TextLevel::Report { TextLevel::Zone } else { asking.level };
    let groups = groups(sample, level);
    if groups.is_empty() {
        return Vec::new();
    }
    let denied: Vec<&str> = drawn.absent(sample, random).into_iter().take(MOST_DENIED).collect();
    let text = written(&groups, &denied, random);
    let targets = groups.into_iter().map(|group| Target {
        label: group.label.to_owned(),
        text: Some(compose::canonical(group.label, group.said)),
        boxes: group.boxes,
    });
    vec![Draft { text, level: Some(level_name(level)), answer: None, targets: targets.collect() }]
}

fn written(groups: &[Group], denied: &[&str], random: &mut impl Rng) -> String {
    let affirmed = groups.iter().map(|group| {
        let phrase = compose::phrase(group.finding, group.label, group.said, KnowledgeBase::chest(), random);
        sentence(&phrase)
    });
    let mut body: Vec<String> = affirmed.collect();
    body.extend(denied.iter().map(|label| format!("No {label}.")));
    body.shuffle(random);
    body.insert(0, pick(&OPENINGS, random));
    body.push(pick(&CLOSINGS, random));
    body.join(" ")
}

fn pick(choices: &[&str], random: &mut impl Rng) -> String {
    (*choices.choose(random).expect("not empty")).to_owned()
}

fn sentence(phrase: &str) -> String {
    let phrase = phrase.trim_end_matches('.');
    let mut letters = phrase.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}
