//! Questions made from labels, with their answers in words and the boxes that show them.

use knowmvg::geometry::{Box2, Image};
use knowmvg::question::place::{common_side, side_word, words};
use knowmvg::question::{NO, Wanted, YES};
use knowmvg::train::compose::TextLevel;
use knowmvg::train::dataset::Sample;
use knowmvg::train::drawn::Drawn;
use rand::Rng;

use super::{Draft, by_label, groups, target};

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
