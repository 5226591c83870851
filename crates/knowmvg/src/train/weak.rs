//! Images that only have labels as a whole: they show something, nobody said where.
//!
//! The labels of NIH ChestX-ray14 were read from reports by a program and are wrong now and then, so they weigh less.

use rand::Rng;
use rand::seq::SliceRandom;

use super::compose::{TextLevel, compose};
use super::corpus::Record;
use super::criterion::Target;
use super::dataset::Question;
use crate::knowledge::KnowledgeBase;
use crate::prior::Location;
use crate::report;

/// Weight of a phrase that only such a label speaks for.
const WEIGHT: f32 = 0.4;
/// Most labels of one image that are asked for, and as many that it does not have.
const ASKED: usize = 3;
/// What a label of the image as a whole can be, in the words of NIH ChestX-ray14.
const LABELS: [&str; 14] = [
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
];
/// Labels that different readers use for the same opacity: none of them is surely absent where another is present.
const OPACITIES: [&str; 5] = ["Atelectasis", "Consolidation", "Edema", "Infiltration", "Pneumonia"];

/// Whether a record has such labels and nothing better.
pub fn is_weak(record: &Record) -> bool {
    !record.findings_annotated
        && record.findings.is_empty()
        && record.anatomy.is_empty()
        && record.image_labels.iter().any(|label| label == "No Finding" || LABELS.contains(&label.as_str()))
}

/// What such a record says, in random order.
pub struct Labels {
    /// Findings that the image shows.
    pub present: Vec<&'static str>,
    /// Findings that it does not show.
    pub absent: Vec<&'static str>,
}

impl Labels {
    /// Of one record.
    pub fn of(record: &Record, rng: &mut impl Rng) -> Self {
        let has = |label: &&str| record.image_labels.iter().any(|own| own == label);
        let (mut present, mut absent): (Vec<&str>, Vec<&str>) = LABELS.iter().partition(|label| has(label));
        if present.iter().any(|label| OPACITIES.contains(label)) {
            absent.retain(|label| !OPACITIES.contains(label));
        }
        present.shuffle(rng);
        absent.shuffle(rng);
        Self { present, absent }
    }
}

/// A label in words.
pub fn words(label: &str) -> String {
    label.replace('_', " ").to_lowercase()
}

/// Draws questions about the image as a whole: what it has, and what it does not have.
pub fn questions(record: &Record, knowledge: &'static KnowledgeBase, rng: &mut impl Rng) -> Vec<Question> {
    let Labels { present, absent } = Labels::of(record, rng);
    let asked = present.into_iter().take(ASKED).map(|label| (label, true));
    let asked: Vec<_> = asked.chain(absent.into_iter().take(ASKED).map(|label| (label, false))).collect();
    asked.into_iter().filter_map(|(label, is_there)| question(label, is_there, knowledge, rng)).collect()
}

fn question(label: &str, is_there: bool, knowledge: &'static KnowledgeBase, rng: &mut impl Rng) -> Option<Question> {
    let name = words(label);
    let finding = report::query(&name, knowledge).finding?;
    let nowhere = Location { side: None, zone: None };
    let phrase = compose(&finding, &name, nowhere, TextLevel::Class, &[], knowledge, rng);
    let target = Target { boxes: vec![], is_unlocated: is_there, weight: WEIGHT };
    Some(Question { phrase, target, finding: Some(finding), location: nowhere })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn record(labels: &[&str]) -> Record {
        let record = serde_json::json!({"id": "s/1", "image": "1.png", "source": "s", "tier": "open", "split": "train",
                                        "width": 10, "height": 10, "image_labels": labels});
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn every_label_is_a_finding_of_the_knowledge_base() {
        let mut rng = StdRng::seed_from_u64(0);
        let knowledge = KnowledgeBase::chest();
        assert!(LABELS.iter().all(|label| question(label, true, knowledge, &mut rng).is_some()));
    }

    #[test]
    fn what_the_image_has_is_never_asked_as_absent() {
        let knowledge = KnowledgeBase::chest();
        for seed in 0..50 {
            let asked = questions(&record(&["Infiltration", "Mass"]), knowledge, &mut StdRng::seed_from_u64(seed));
            assert_eq!(asked.iter().filter(|q| q.target.is_unlocated).count(), 2);
            let absent = asked.iter().filter(|q| !q.target.is_unlocated).map(|q| q.finding.clone().unwrap());
            assert!(absent.into_iter().all(|f| f != "pulmonary_mass" && f != "consolidation" && f != "pneumonia"));
        }
    }

    #[test]
    fn boxes_make_an_image_strong_and_no_finding_makes_it_weak() {
        assert!(is_weak(&record(&["No Finding"])) && !is_weak(&record(&[])) && !is_weak(&record(&["Lung Opacity"])));
        assert!(!is_weak(&Record { findings_annotated: true, ..record(&["Mass"]) }));
    }
}
