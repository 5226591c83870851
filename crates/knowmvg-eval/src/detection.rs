//! Items as images of a detection task: which boxes belong to which class.

use std::collections::BTreeMap;

use knowmvg::geometry::{Box2, Image};

use crate::ap::{average_precision, mean_over_classes};
use crate::ap_match::Scene;
use crate::item::Task;
use crate::prediction::ScoredBox;
use crate::scores::{AveragePrecision, Detection};
use crate::statement::Answered;
use crate::words::words;

/// The boxes of one class in one item.
#[derive(Debug, Clone, Default)]
struct Boxes {
    detections: Vec<ScoredBox>,
    truths: Vec<Box2<Image>>,
}

impl Boxes {
    fn scene(&self) -> Scene {
        Scene::new(&self.detections, &self.truths)
    }
}

/// Average precision of each class, of their mean, and of all boxes as one class; `None` without true boxes.
///
/// Where one class was asked for, all boxes are of that class. A finding of a report belongs to the class that it names, else to
/// that of the target it answers, else to none.
pub fn detection(answered: &[Answered]) -> Option<Detection> {
    let mut by_label: BTreeMap<Vec<String>, (&str, Vec<Scene>)> = BTreeMap::new();
    let (mut pooled, mut unlabelled_boxes) = (Vec::new(), 0);
    for item in answered {
        let (of_item, nameless) = by_class(item);
        unlabelled_boxes += nameless.len();
        let mut all = Boxes { detections: nameless, truths: Vec::new() };
        for (label, (name, boxes)) in of_item {
            let class = by_label.entry(label).or_insert((name, Vec::new()));
            // Of several spellings of a class, the first in alphabetical order names it.
            class.0 = class.0.min(name);
            class.1.push(boxes.scene());
            all.detections.extend(boxes.detections);
            all.truths.extend(boxes.truths);
        }
        pooled.push(all.scene());
    }
    let of_class = |(name, scenes): (&str, Vec<Scene>)| Some((name.to_owned(), average_precision(&scenes)?));
    let labels: BTreeMap<String, AveragePrecision> = by_label.into_values().filter_map(of_class).collect();
    let mean = mean_over_classes(&labels.values().copied().collect::<Vec<_>>())?;
    Some(Detection { mean, pooled: average_precision(&pooled)?, labels, unlabelled_boxes })
}

/// Classes are the same if their words are; the name is kept as it was first written.
type ByClass<'a> = BTreeMap<Vec<String>, (&'a str, Boxes)>;

/// The boxes of an item by class, and those of no class.
fn by_class<'a>(answered: &Answered<'a>) -> (ByClass<'a>, Vec<ScoredBox>) {
    let mut classes: ByClass = BTreeMap::new();
    let mut label_of: Vec<Option<&str>> = answered.findings().iter().map(|found| found.label.as_deref()).collect();
    for (target, found) in answered.item.targets.iter().zip(answered.matches()) {
        let class = classes.entry(words(&target.label)).or_insert((&target.label, Boxes::default()));
        class.1.truths.extend(&target.boxes);
        if let Some(found) = found {
            let named = label_of[found].filter(|_| answered.item.task == Task::Report);
            label_of[found] = named.or(Some(&target.label));
        }
    }
    let mut nameless = Vec::new();
    for (found, label) in answered.findings().iter().zip(label_of) {
        match label {
            Some(label) => {
                let class = classes.entry(words(label)).or_insert((label, Boxes::default()));
                class.1.detections.extend(&found.boxes);
            }
            None => nameless.extend(&found.boxes),
        }
    }
    (classes, nameless)
}
