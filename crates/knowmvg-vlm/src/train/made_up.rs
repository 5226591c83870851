//! Statements that a report makes of findings that nobody looked for on the image.
//!
//! Most images that have boxes show one or two findings, and a model that reads nothing but such reports learns to stop after two
//! phrases. What a report says is to be found whether it is true or not, so the words are learnt without a box.

use std::collections::BTreeMap;

use knowmvg::grounding::Side;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::prior::Location;
use knowmvg::report::Zone;
use knowmvg::train::dataset::{FindingBox, Sample};
use rand::Rng;
use rand::seq::IndexedRandom;

use super::example::{LEVELS, Named};

/// What statements are made of.
#[derive(Debug, Clone, Default)]
pub struct MadeUp {
    /// Where images of the corpus show each label.
    drawn: BTreeMap<String, Vec<FindingBox>>,
    most: usize,
}

impl MadeUp {
    /// From the boxes of the training images; a report has at most so many.
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>, most: usize) -> Self {
        let mut drawn: BTreeMap<String, Vec<FindingBox>> = BTreeMap::new();
        for found in samples.into_iter().flat_map(|sample| &sample.findings) {
            drawn.entry(found.label.clone()).or_default().push(found.clone());
        }
        Self { drawn, most }
    }

    /// Statements for one report, each of another finding and none of what the image shows; often none.
    pub fn draw(&self, sample: &Sample, rng: &mut impl Rng) -> Vec<Named> {
        let count = if self.most == 0 || rng.random_bool(0.3) { 0 } else { rng.random_range(1..=self.most) };
        let mut said: Vec<String> = sample.findings.iter().map(|found| found.finding.clone()).collect();
        let mut statements = vec![];
        for _ in 0..count {
            let (finding, label, location) = self.statement(rng);
            if said.contains(&finding) {
                continue;
            }
            let level = *LEVELS.choose(rng).expect("not empty");
            statements.push(Named::made_up(&finding, &label, level.visible(location), rng));
            said.push(finding);
        }
        statements
    }

    /// A finding where the corpus has it, or any finding that is known, anywhere.
    fn statement(&self, rng: &mut impl Rng) -> (String, String, Location) {
        let labels: Vec<&Vec<FindingBox>> = self.drawn.values().collect();
        if let Some(boxes) = labels.choose(rng).filter(|_| rng.random_bool(0.5)) {
            let FindingBox { finding, label, location, .. } = boxes.choose(rng).expect("a label has a box");
            return (finding.clone(), label.clone(), *location);
        }
        let finding = KnowledgeBase::chest().findings().choose(rng).expect("the knowledge base has findings");
        (finding.id.clone(), finding.name.clone(), anywhere(rng))
    }
}

fn anywhere(rng: &mut impl Rng) -> Location {
    const SIDES: [Option<Side>; 6] =
        [None, Some(Side::Left), Some(Side::Left), Some(Side::Right), Some(Side::Right), Some(Side::Bilateral)];
    const ZONES: [Option<Zone>; 4] = [None, Some(Zone::Upper), Some(Zone::Mid), Some(Zone::Lower)];
    let side = *SIDES.choose(rng).expect("not empty");
    Location { side, zone: side.and(*ZONES.choose(rng).expect("not empty")) }
}

#[cfg(test)]
mod tests {
    use knowmvg::grounding::Assertion;
    use knowmvg::report;
    use knowmvg::train::dataset::LabelMap;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::example::{Example, Subject};
    use super::*;
    use crate::grounding::align::align;

    fn sample() -> Sample {
        let record = serde_json::from_value(serde_json::json!({
            "id": "s/1", "source": "s", "image": "1.png", "tier": "open", "split": "train", "width": 100, "height": 100,
            "findings_annotated": true, "findings": [{"label": "effusion", "box": [0.2, 0.6, 0.4, 0.9]}],
        }));
        Sample::new(&record.unwrap(), 448, &mut LabelMap::new(KnowledgeBase::chest())).unwrap()
    }

    #[test]
    fn a_report_says_them_word_for_word_and_denies_none_of_them() {
        let sample = sample();
        let seen = sample.seen(0, 448);
        let made_up = MadeUp::of([&sample], 5);
        let absent = ["pneumothorax", "nodule", "cardiomegaly", "mass", "fracture", "atelectasis"];
        let mut most = 0;
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let subject = Subject { sample: &sample, seen: &seen, absent: &absent, made_up: &made_up };
            let Example { words, named, .. } = Example::report(&subject, 4, &mut rng);
            assert_eq!(
                named.iter().filter(|named| named.is_looked_for).count(),
                1,
                "what the image shows is said once"
            );
            assert!(named.iter().all(|named| align(&named.text, &words, 0).is_some()), "{words}");
            let read = report::phrases(&words, KnowledgeBase::chest());
            let denied = read.iter().filter(|phrase| phrase.assertion == Assertion::Absent);
            let said: Vec<_> = named.iter().map(|named| &named.question.finding).collect();
            assert!(
                denied.clone().all(|phrase| phrase.finding.is_none() || !said.contains(&&phrase.finding)),
                "{words}"
            );
            most = most.max(named.len());
        }
        assert!(most > 4, "{most}");
    }

    #[test]
    fn none_is_drawn_where_none_is_wanted() {
        let sample = sample();
        let none = MadeUp::of([&sample], 0);
        assert!((0..50).all(|seed| none.draw(&sample, &mut ChaCha8Rng::seed_from_u64(seed)).is_empty()));
    }
}
