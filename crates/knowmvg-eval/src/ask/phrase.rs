//! Phrases with one box each, and phrases that are false.

use knowmvg::prior::Location;
use knowmvg::train::compose::{TextLevel, canonical};
use knowmvg::train::dataset::Sample;
use knowmvg::train::drawn::Drawn;
use rand::Rng;

use super::{Asking, Draft, groups, level_name, target};

/// A phrase for every group of boxes; then one about an absent finding, and one on the wrong side.
///
/// Only phrases that one box fits are asked, unless ambiguous ones are wanted too.
pub fn drafts(sample: &Sample, drawn: &Drawn, asking: &Asking, random: &mut impl Rng) -> Vec<Draft> {
    let groups = groups(sample, asking.level);
    let asked = groups.into_iter().filter(|group| asking.ambiguous || group.boxes.len() == 1);
    let mut drafts: Vec<Draft> = asked.map(|group| draft(group.label, group.said, asking.level, group.boxes)).collect();
    let anywhere = Location { side: None, zone: None };
    let absent = drawn.absent(sample, random);
    drafts.extend(absent.first().map(|label| draft(label, anywhere, asking.level, Vec::new())));
    if asking.level != TextLevel::Class {
        drafts.extend(wrong_side(sample, asking.level, random));
    }
    drafts
}

fn draft(
    label: &str,
    said: Location,
    level: TextLevel,
    boxes: Vec<knowmvg::geometry::Box2<knowmvg::geometry::Image>>,
) -> Draft {
    Draft {
        text: canonical(label, said),
        level: Some(level_name(level)),
        answer: None,
        targets: vec![target(label, boxes)],
    }
}

/// A finding of one lung, said of the other one, which does not have it.
fn wrong_side(sample: &Sample, level: TextLevel, random: &mut impl Rng) -> Option<Draft> {
    let candidates: Vec<(&str, Location)> =
        sample.wrong_sides().map(|(found, said)| (found.label.as_str(), level.visible(said))).collect();
    let (label, said) = candidates.get(random.random_range(0..candidates.len().max(1)))?;
    Some(draft(label, *said, level, Vec::new()))
}
