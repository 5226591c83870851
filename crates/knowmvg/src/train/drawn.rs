//! Findings that an image certainly does not show.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::seq::SliceRandom;

use super::dataset::Sample;

/// Names of shadows that one reader calls this and another that.
const VAGUE: [&str; 5] = ["infiltrate", "lung opacity", "pneumonia", "consolidation", "atelectasis"];

/// The labels that each source draws: a source says nothing of others.
#[derive(Debug, Clone, Default)]
pub struct Drawn(BTreeMap<String, BTreeSet<String>>);

impl Drawn {
    /// From every image of a corpus, whatever part of it is asked about.
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let mut drawn: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for sample in samples {
            let labels = sample.findings.iter().map(|found| found.label.clone());
            drawn.entry(sample.record.source.clone()).or_default().extend(labels);
        }
        Self(drawn)
    }

    /// Labels that somebody looked for on this image and did not draw, in random order.
    ///
    /// A vague shadow leaves open whether the image shows the other names for it.
    pub fn absent(&self, sample: &Sample, random: &mut impl Rng) -> Vec<&str> {
        if !sample.record.findings_annotated {
            return Vec::new();
        }
        let is_there = |label: &str| sample.findings.iter().any(|found| found.label == label);
        let is_shadowed =
            sample.has_made_up_lesions() || sample.findings.iter().any(|found| VAGUE.contains(&found.label.as_str()));
        let labels = self.0.get(&sample.record.source).into_iter().flatten().map(String::as_str);
        let may_be_there = |label: &str| is_there(label) || (is_shadowed && VAGUE.contains(&label));
        let mut absent: Vec<&str> = labels.filter(|label| !may_be_there(label)).collect();
        absent.shuffle(random);
        absent
    }
}
