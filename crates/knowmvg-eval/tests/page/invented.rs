//! Invented items and answers with everything that a page shows: classes, sources, absent statements, damaged reports.

use knowmvg::eval::Resampling;
use knowmvg::geometry::{Box2, Image};
use knowmvg::grounding::ModelInfo;
use knowmvg::image::{GreyImage, ImageSource};
use knowmvg_eval::noise::{Corruption, Severity};
use knowmvg_eval::page::{About, Answers, Page};
use knowmvg_eval::{Comparison, Found, Item, Prediction, ScoredBox, Scores, System, Target, Task, compare, score};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A label and a source that try to leave their cell.
pub const HOSTILE: &str = "</th><script>alert(\"1\")</script>";
const LABELS: [&str; 6] = ["Effusion", "Nodule", "Cardiomegaly", "Atelectasis", "Pneumothorax", HOSTILE];
const SOURCES: [&str; 3] = ["invented-a", "invented-b", HOSTILE];
/// Names of the systems, how far their boxes lie off, in pixels, and whether they are floors.
pub const SYSTEMS: [(&str, f64, bool); 4] =
    [("model", 40.0, false), ("blind prior", 110.0, true), ("constant", 200.0, true), (HOSTILE, 300.0, true)];

/// Everything that a page is made of.
pub struct Run {
    pub about: About,
    pub items: Vec<Item>,
    pub predictions: Vec<Vec<Prediction>>,
    pub scores: Vec<Scores>,
    pub comparisons: Vec<Comparison>,
}

impl Run {
    pub fn new(images: usize, seed: u64) -> Self {
        let resampling = Resampling { resamples: 200, seed };
        let items = items(images, seed);
        let predictions: Vec<Vec<Prediction>> =
            SYSTEMS.iter().enumerate().map(|(nth, system)| answers(&items, system.1, seed + nth as u64)).collect();
        let scored = |(system, answers): (&(&str, f64, bool), &Vec<Prediction>)| {
            score(system.0, &items, answers, resampling).unwrap()
        };
        let scores: Vec<Scores> = SYSTEMS.iter().zip(&predictions).map(scored).collect();
        let comparisons = (1..SYSTEMS.len()).map(|other| compared(&items, &predictions, other, resampling)).collect();
        Self { about: about(), items, predictions, scores, comparisons }
    }

    pub fn answers(&self) -> Vec<Answers<'_>> {
        let one = |nth: usize| Answers {
            scores: &self.scores[nth],
            is_floor: SYSTEMS[nth].2,
            predictions: &self.predictions[nth],
        };
        (0..SYSTEMS.len()).map(one).collect()
    }

    pub fn html(&self, with_pictures: bool) -> String {
        let pictures = |_: &str| Some(picture());
        let page = Page {
            about: &self.about,
            systems: &self.answers(),
            comparisons: &self.comparisons,
            items: &self.items,
            cases: 4,
            pictures: with_pictures.then_some(&pictures),
        };
        page.html()
    }
}

fn compared(items: &[Item], predictions: &[Vec<Prediction>], other: usize, resampling: Resampling) -> Comparison {
    let run = |nth: usize| [predictions[nth].as_slice()];
    let (subject, floor) = (run(0), run(other));
    let a = System { name: SYSTEMS[0].0, runs: &subject };
    let b = System { name: SYSTEMS[other].0, runs: &floor };
    compare(items, a, b, resampling).unwrap()
}

fn about() -> About {
    let model = ModelInfo {
        name: "knowmvg-compact".into(),
        version: "0.1.0".into(),
        sha256: "0".repeat(64),
        knowledge: "chest 1.4.0".into(),
    };
    About {
        title: format!("Invented results {HOSTILE}"),
        date: "2026-01-01".into(),
        model: Some(model),
        data_set: "invented".into(),
        split: "test".into(),
        seeds: "items 0, resampling 0".into(),
    }
}

fn items(images: usize, seed: u64) -> Vec<Item> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut items = Vec::new();
    for image in 0..images {
        let is_present = random.random_bool(0.7);
        let truth = is_present.then(|| truth(&mut random));
        items.push(item(image, Task::Phrase, Some("zone".into()), truth));
    }
    for kind in [Corruption::WrongSide, Corruption::Typos, Corruption::All] {
        for severity in Severity::ALL {
            for image in 0..images / 2 {
                items.push(item(image, Task::Report, Some(kind.level(severity)), Some(truth(&mut random))));
            }
        }
    }
    items
}

fn truth(random: &mut ChaCha8Rng) -> Box2<Image> {
    let (width, height) = (random.random_range(40.0..400.0), random.random_range(40.0..400.0));
    Box2::from_xywh([random.random_range(0.0..500.0), random.random_range(0.0..600.0), width, height]).unwrap()
}

fn item(image: usize, task: Task, level: Option<String>, truth: Option<Box2<Image>>) -> Item {
    let label = LABELS[image % LABELS.len()].to_owned();
    let target = Target {
        label: label.clone(),
        text: Some(format!("{label} in the lower zone")),
        boxes: truth.into_iter().collect(),
    };
    Item {
        id: format!("{task:?}-{level:?}-{image}"),
        image: format!("image-{image}"),
        patient: format!("secret-patient-{}", image / 2),
        source: SOURCES[image % SOURCES.len()].to_owned(),
        size: [1000, 1100],
        task,
        text: format!("A report that names {label}."),
        level,
        answer: None,
        targets: vec![target],
    }
}

/// Boxes near the true ones, farther off on worse reports and for worse systems, with a confidence that knows about it.
fn answers(items: &[Item], off: f64, seed: u64) -> Vec<Prediction> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    items.iter().map(|item| answer(item, off, &mut random)).collect()
}

fn answer(item: &Item, off: f64, random: &mut ChaCha8Rng) -> Prediction {
    let severity = item.level.as_deref().and_then(Corruption::from_level).map_or(0, |(_, severity)| severity.get());
    let target = &item.targets[0];
    let distance = random.random_range(0.0..1.0) * (off + 60.0 * f64::from(severity));
    let bounds = match target.boxes.first() {
        Some(truth) => truth.xyxy().map(|edge| edge + distance / 2.0),
        None => [300.0, 300.0, 500.0, 500.0],
    };
    let presence = if target.boxes.is_empty() { random.random_range(0.0..0.6) } else { random.random_range(0.3..1.0) };
    let confidence = (1.0 - distance / 200.0 + random.random_range(-0.2..0.2)).clamp(0.0, 1.0);
    let found = Found {
        text: target.text.clone(),
        label: Some(target.label.clone()),
        boxes: vec![ScoredBox { bounds: Box2::from_xyxy(bounds).unwrap(), confidence }],
        presence: Some(presence),
        heat: None,
    };
    Prediction { item: item.id.clone(), findings: vec![found], answer: None }
}

/// A bright spot on grey.
fn picture() -> GreyImage {
    let level = |x: u32, y: u32| {
        let distance = f64::from(x).sub_squared(500.0) + f64::from(y).sub_squared(550.0);
        (0.25 + 0.5 * (-distance / 90_000.0).exp()) as f32
    };
    let pixels = (0..1100).flat_map(|y| (0..1000).map(move |x| level(x, y))).collect();
    GreyImage::new(1000, 1100, pixels, ImageSource::default()).unwrap()
}

trait SubSquared {
    fn sub_squared(self, other: f64) -> f64;
}

impl SubSquared for f64 {
    fn sub_squared(self, other: f64) -> f64 {
        (self - other) * (self - other)
    }
}
