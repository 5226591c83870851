//! Names of classes, with all boxes of the class.

use knowmvg::decoder::ANATOMY;
use knowmvg::train::compose::TextLevel;
use knowmvg::train::dataset::Sample;
use knowmvg::train::drawn::Drawn;
use rand::Rng;

use super::{Asking, Draft, by_label, clamped, level_name, target};

/// Most absent classes of one image.
const MOST_ABSENT: usize = 4;

/// A class for every label on the image, some that are absent, and lungs and heart if they are wanted.
pub fn drafts(sample: &Sample, drawn: &Drawn, asking: &Asking, random: &mut impl Rng) -> Vec<Draft> {
    let present = by_label(sample).into_iter();
    let present = present.map(|(label, boxes)| (label, boxes.into_iter().map(|(_, bounds)| bounds).collect()));
    let absent = drawn.absent(sample, random).into_iter().take(MOST_ABSENT).map(|label| (label, Vec::new()));
    let structures = sample.record.anatomy.iter().filter(|b| asking.anatomy && ANATOMY.contains(&b.label.as_str()));
    let structures = structures.map(|b| (b.label.as_str(), vec![clamped(&sample.record, b)]));
    let all = present.chain(absent).chain(structures);
    all.map(|(label, boxes)| Draft {
        text: label.to_owned(),
        level: Some(level_name(TextLevel::Class)),
        answer: None,
        targets: vec![target(label, boxes)],
    })
    .collect()
}
