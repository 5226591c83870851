//! Damaged reports: one finding of the image in a clean template, and the same text at every severity of every kind asked for.
//!
//! The boxes stay what they are, whatever the text then says; a wrong side makes the text misleading, not the truth.

use knowmvg::train::dataset::Sample;
use knowmvg::train::drawn::Drawn;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::{Asking, Draft, Group, groups, seeded};
use crate::Target;
use crate::noise::template::{self, Statement};
use crate::noise::{Report, Severity};

/// The reports of an image; none if no words describe exactly one of its boxes.
pub fn drafts(sample: &Sample, drawn: &Drawn, asking: &Asking, random: &mut impl Rng) -> Vec<Draft> {
    let groups = groups(sample, asking.level);
    let single: Vec<&Group> = groups.iter().filter(|group| group.boxes.len() == 1).collect();
    let Some(chosen) = single.choose(random) else { return Vec::new() };
    let absent = drawn.absent(sample, random);
    let statement = Statement { label: chosen.label, location: chosen.said, absent: &absent };
    let Ok(clean) = template::write(&statement, &mut generator(asking, sample, "template")) else { return Vec::new() };
    let mut drafts = Vec::new();
    for kind in &asking.noise {
        for severity in Severity::ALL {
            // The same state for every severity, so that a higher one adds to what a lower one changed.
            let damaged = kind.apply(&clean, severity, &mut generator(asking, sample, kind.name()));
            drafts.push(draft(&damaged, kind.level(severity), chosen));
        }
    }
    drafts
}

fn generator(asking: &Asking, sample: &Sample, what: &str) -> ChaCha8Rng {
    seeded(asking.seed, &format!("{} {what}", sample.record.id))
}

fn draft(report: &Report, level: String, group: &Group) -> Draft {
    let target = Target { label: group.label.to_owned(), text: None, boxes: group.boxes.clone() };
    Draft { text: report.text(), level: Some(level), answer: None, targets: vec![target] }
}
