//! Corpus to items: what a system is asked about an image, and what is true of it.
//!
//! | task | the text says | truth |
//! |---|---|---|
//! | [`phrase`] | a finding, with as much of its place as the level allows | its box; none if it is false of the image |
//! | [`class`] | the name of a class, or of a structure | all boxes of the class; none if it is absent |
//! | [`report`] | several findings and denials | one target for each finding |
//! | [`noisy`] | one finding in a report that is damaged on purpose | its box |
//! | [`vqa`] | a question | the answer, and the boxes that show it |
//!
//! The same seed asks the same questions, whatever other images there are.

pub mod class;
pub mod noisy;
pub mod phrase;
pub mod report;
pub mod vqa;

use std::collections::BTreeMap;

use knowmvg::geometry::{Box2, Image};
use knowmvg::prior::Location;
use knowmvg::train::compose::TextLevel;
use knowmvg::train::dataset::{FindingBox, Sample};
use knowmvg::train::drawn::Drawn;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::noise::Corruption;
use crate::{Item, Target, Task};

/// What to ask.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The task.
    pub task: Task,
    /// How much of the place the words say.
    pub level: TextLevel,
    /// Also phrases that fit several boxes, with all of them.
    pub ambiguous: bool,
    /// Lungs and heart too.
    pub anatomy: bool,
    /// Reports damaged in these ways, at every severity, instead of clean ones.
    pub noise: Vec<Corruption>,
    /// Of whatever is drawn.
    pub seed: u64,
}

/// The items of all samples, in their order; `drawn` tells what each source looks for.
pub fn items(samples: &[Sample], drawn: &Drawn, asking: &Asking) -> Vec<Item> {
    samples.iter().flat_map(|sample| of_sample(sample, drawn, asking)).collect()
}

fn of_sample(sample: &Sample, drawn: &Drawn, asking: &Asking) -> Vec<Item> {
    let mut random = seeded(asking.seed, &sample.record.id);
    let drafts = match asking.task {
        Task::Phrase => phrase::drafts(sample, drawn, asking, &mut random),
        Task::Class => class::drafts(sample, drawn, asking, &mut random),
        Task::Report if !asking.noise.is_empty() => noisy::drafts(sample, drawn, asking, &mut random),
        Task::Report => report::drafts(sample, drawn, asking, &mut random),
        Task::Vqa => vqa::drafts(sample, drawn, &mut random),
    };
    drafts.into_iter().enumerate().map(|(number, draft)| draft.item(sample, number, asking.task)).collect()
}

/// One stream of random numbers for each image.
fn seeded(seed: u64, image: &str) -> ChaCha8Rng {
    let digest = Sha256::digest(format!("{seed} {image}"));
    ChaCha8Rng::from_seed(digest.into())
}

/// An item without what it shares with the others of its image.
#[derive(Debug, Clone)]
pub struct Draft {
    text: String,
    level: Option<String>,
    answer: Option<String>,
    targets: Vec<Target>,
}

impl Draft {
    fn item(self, sample: &Sample, number: usize, task: Task) -> Item {
        let record = &sample.record;
        Item {
            id: format!("{}#{}-{number}", record.id, task_name(task)),
            image: record.id.clone(),
            patient: record.patient_key().to_owned(),
            source: record.source.clone(),
            size: [record.width, record.height],
            task,
            text: self.text,
            level: self.level,
            answer: self.answer,
            targets: self.targets,
        }
    }
}

/// What the items of a level of text are called.
fn level_name(level: TextLevel) -> String {
    format!("{level:?}").to_lowercase()
}

fn task_name(task: Task) -> &'static str {
    match task {
        Task::Report => "report",
        Task::Phrase => "phrase",
        Task::Class => "class",
        Task::Vqa => "vqa",
    }
}

/// Boxes that the same words describe, with what the words say of their place.
struct Group<'a> {
    finding: &'a str,
    label: &'a str,
    said: Location,
    boxes: Vec<Box2<Image>>,
}

/// The boxes of a sample by label and by what a level says of their place, in the order of their first box.
fn groups(sample: &Sample, level: TextLevel) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    for (found, bounds) in boxes_in_image(sample) {
        let said = level.visible(found.location);
        match groups.iter_mut().find(|group| group.label == found.label && group.said == said) {
            Some(group) => group.boxes.push(bounds),
            None => groups.push(Group { finding: &found.finding, label: &found.label, said, boxes: vec![bounds] }),
        }
    }
    groups
}

/// The findings of a sample with their boxes in pixels.
fn boxes_in_image(sample: &Sample) -> impl Iterator<Item = (&FindingBox, Box2<Image>)> {
    let record = &sample.record;
    sample.findings.iter().zip(&record.findings).map(|(found, labelled)| (found, clamped(record, labelled)))
}

/// Annotations may leave the image a little.
fn clamped(record: &knowmvg::train::corpus::Record, labelled: &knowmvg::train::corpus::LabelledBox) -> Box2<Image> {
    let [width, height] = [record.width, record.height].map(f64::from);
    let image = Box2::from_xyxy([0.0, 0.0, width, height]).expect("sides are not negative");
    record.box_in_image(labelled).clamped(&image)
}

/// All boxes by label, in the order of the labels.
fn by_label(sample: &Sample) -> BTreeMap<&str, Vec<(&FindingBox, Box2<Image>)>> {
    let mut labels: BTreeMap<&str, Vec<(&FindingBox, Box2<Image>)>> = BTreeMap::new();
    for (found, bounds) in boxes_in_image(sample) {
        labels.entry(&found.label).or_default().push((found, bounds));
    }
    labels
}

fn target(label: &str, boxes: Vec<Box2<Image>>) -> Target {
    Target { label: label.to_owned(), text: None, boxes }
}
