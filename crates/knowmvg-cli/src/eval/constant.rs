//! Answers that see no image: boxes of the training split and how often they would have been right.

use knowmvg::decoder::{ANATOMY, anatomy_key};
use knowmvg::eval::{ConstantBoxes, Example};
use knowmvg::geometry::{Box2, Model};
use knowmvg::prior::Location;
use knowmvg::train::dataset::Sample;

use super::asked::Asked;

/// Sides and zones that words may leave open.
const NOWHERE: Location = Location { side: None, zone: None };

/// What the training split says before any image.
pub struct Constant {
    boxes: ConstantBoxes,
    examples: Vec<Example>,
    /// Images that somebody looked for findings on.
    annotated: usize,
    /// Of each example, the number of its image.
    images: Vec<usize>,
}

impl Constant {
    /// Estimates a box for every finding, with and without its side and zone, and for lungs and heart.
    pub fn fit(train: &[Sample]) -> Self {
        let (mut examples, mut images) = (Vec::new(), Vec::new());
        for (number, sample) in train.iter().enumerate() {
            let found = of_findings(sample).into_iter().chain(of_structures(sample));
            for example in found {
                examples.push(example);
                images.push(number);
            }
        }
        let annotated = train.iter().filter(|sample| sample.record.findings_annotated).count();
        let boxes = ConstantBoxes::fit(&examples.iter().flat_map(at_every_level).collect::<Vec<_>>());
        Self { boxes, examples, annotated, images }
    }

    /// The best box for what was read; `None` without training boxes.
    pub fn best_box(&self, asked: &Asked) -> Option<Box2<Model>> {
        let location = Location { side: asked.phrase.side, zone: asked.phrase.zone };
        self.boxes.for_place(key(asked), location)
    }

    /// Share of the training boxes of a finding that a box overlaps by at least half; 0 if there are none.
    pub fn confidence(&self, asked: &Asked, bounds: &Box2<Model>) -> f64 {
        let same: Vec<&Example> = self.examples.iter().filter(|example| example.label == key(asked)).collect();
        let hits = same.iter().filter(|example| example.bounds.iou(bounds) >= 0.5).count();
        hits as f64 / same.len().max(1) as f64
    }

    /// Share of the annotated training images that show a finding.
    pub fn presence(&self, asked: &Asked) -> f64 {
        let shows = self.examples.iter().zip(&self.images).filter(|(example, _)| example.label == key(asked));
        let mut images: Vec<usize> = shows.map(|(_, image)| *image).collect();
        images.dedup();
        (images.len() as f64 / self.annotated.max(1) as f64).min(1.0)
    }
}

/// Id of the finding or of the structure; empty for anything else, which no example has.
fn key(asked: &Asked) -> &str {
    let structure = asked.linked.places.first().filter(|_| asked.is_structure);
    asked.phrase.finding.as_deref().or(structure.map(String::as_str)).unwrap_or_default()
}

fn of_findings(sample: &Sample) -> Vec<Example> {
    let example = |b: &knowmvg::train::dataset::FindingBox| Example {
        label: b.finding.clone(),
        location: b.location,
        bounds: b.bounds,
    };
    sample.findings.iter().map(example).collect()
}

fn of_structures(sample: &Sample) -> Vec<Example> {
    let known = sample.anatomy.iter().filter(|(name, _)| ANATOMY.contains(&name.as_str()));
    known.map(|(name, bounds)| Example { label: anatomy_key(name), location: NOWHERE, bounds: *bounds }).collect()
}

/// The example as words would describe it that leave out the zone, the side, or both.
fn at_every_level(example: &Example) -> Vec<Example> {
    let Location { side, zone } = example.location;
    let mut locations =
        vec![Location { side, zone }, Location { side, zone: None }, Location { side: None, zone }, NOWHERE];
    locations.dedup();
    locations.into_iter().map(|location| Example { location, ..example.clone() }).collect()
}
