//! One statement of the truth beside what the system said of it: the unit of every box score.

use std::collections::BTreeMap;

use knowmvg::geometry::{Box2, Image};

use crate::heat::HeatOnTruth;
use crate::item::{Item, Target, Task};
use crate::phrases::matched;
use crate::prediction::{Found, Prediction};
use crate::region::{union_area, union_iou};
use crate::scores::Measure;

/// An item and the answer to it.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The item.
    pub item: &'a Item,
    /// `None` if the predictions have no line for it.
    pub prediction: Option<&'a Prediction>,
}

/// Puts every item beside its prediction, by id; the order of neither list matters afterwards.
pub fn answered<'a>(items: &'a [Item], predictions: &'a [Prediction]) -> Vec<Answered<'a>> {
    let by_item: BTreeMap<&str, &Prediction> = predictions.iter().map(|p| (p.item.as_str(), p)).collect();
    let with_answer = |item: &'a Item| Answered { item, prediction: by_item.get(item.id.as_str()).copied() };
    let mut all: Vec<Answered> = items.iter().map(with_answer).collect();
    all.sort_by(|a, b| a.item.id.cmp(&b.item.id));
    all
}

impl<'a> Answered<'a> {
    /// What was found; nothing if there is no prediction.
    pub fn findings(&self) -> &'a [Found] {
        self.prediction.map_or(&[], |prediction| &prediction.findings)
    }

    /// For each target the finding that answers it: the only one, or in a report the one that [`matched`] gives.
    pub fn matches(&self) -> Vec<Option<usize>> {
        match self.item.task {
            Task::Report => matched(&self.item.targets, self.findings()),
            _ => vec![(!self.findings().is_empty()).then_some(0); self.item.targets.len()],
        }
    }

    /// The statements of the truth, in their order.
    pub fn statements(&self) -> Vec<Statement<'a>> {
        let found = self.matches().into_iter().map(|index| index.map(|i| &self.findings()[i]));
        let statement =
            |(target, found)| Statement { item: self.item, target, found, is_asked: self.prediction.is_some() };
        self.item.targets.iter().zip(found).map(statement).collect()
    }
}

/// A statement of the truth and what was found of it.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// The item it belongs to.
    pub item: &'a Item,
    /// The statement.
    pub target: &'a Target,
    /// What the system said of it, if anything.
    pub found: Option<&'a Found>,
    /// Whether the system has a line for the item at all.
    pub is_asked: bool,
}

/// An IoU from which on a box counts as a hit.
pub const HIT: f64 = 0.5;

impl Statement<'_> {
    /// Whether the image shows it.
    pub fn is_present(&self) -> bool {
        !self.target.boxes.is_empty()
    }

    /// The true box, if there is exactly one.
    pub fn single_box(&self) -> Option<&Box2<Image>> {
        if let [one] = self.target.boxes.as_slice() { Some(one) } else { None }
    }

    /// IoU of the first box with the true one, 0 without a box; `None` unless there is exactly one true box.
    pub fn first_iou(&self) -> Option<f64> {
        let truth = self.single_box()?;
        let first = self.found.and_then(|found| found.boxes.first());
        Some(first.map_or(0.0, |b| b.bounds.iou(truth)))
    }

    /// Confidence of the first box; `None` without a box.
    pub fn confidence(&self) -> Option<f64> {
        Some(self.found?.boxes.first()?.confidence)
    }

    /// How present the system says it is: its presence, else the confidence of its first box, else 0. An item without a
    /// prediction is wrong either way.
    pub fn presence(&self) -> f64 {
        let unasked = if self.is_present() { f64::NEG_INFINITY } else { f64::INFINITY };
        let stated = self.found.and_then(|found| found.presence).or(self.confidence());
        if self.is_asked { stated.unwrap_or(0.0) } else { unasked }
    }

    /// The bin of its size: the share of the image that the true boxes cover.
    pub fn size_bin(&self) -> SizeBin {
        let [width, height] = self.item.size.map(f64::from);
        SizeBin::of(union_area(&self.target.boxes) / (width * height))
    }

    /// Its value of each box measure that is defined for it.
    pub fn box_measures(&self) -> BTreeMap<Measure, f64> {
        let predicted: Vec<Box2<Image>> = self.found.iter().flat_map(|f| f.boxes.iter().map(|b| b.bounds)).collect();
        let mut values = BTreeMap::from([(Measure::UnionIou, union_iou(&predicted, &self.target.boxes))]);
        if let Some(iou) = self.first_iou() {
            let reaches = |threshold: f64| f64::from(iou >= threshold);
            values.insert(Measure::MeanIou, iou);
            values.insert(Measure::Accuracy10, reaches(0.1));
            values.insert(Measure::Accuracy30, reaches(0.3));
            values.insert(Measure::Accuracy50, reaches(HIT));
        }
        values
    }

    /// Its value of each heat measure. Without a heat map it misses the point, has no energy inside and no contrast.
    pub fn heat_measures(&self) -> BTreeMap<Measure, f64> {
        let Some(heat) = self.found.and_then(|found| found.heat.as_ref()) else {
            return [Measure::Pointing, Measure::EnergyInside, Measure::Cnr].map(|measure| (measure, 0.0)).into();
        };
        let map = HeatOnTruth::new(heat, self.item.size, &self.target.boxes);
        let mut values = BTreeMap::from([
            (Measure::Pointing, map.pointing()),
            (Measure::EnergyInside, map.energy_inside()),
            (Measure::HeatEntropy, map.entropy()),
        ]);
        values.extend(map.cnr().map(|cnr| (Measure::Cnr, cnr)));
        values
    }
}

/// How much of the image the true boxes cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SizeBin {
    /// Below 2 %.
    Small,
    /// From 2 to 10 %, both included.
    Medium,
    /// Above 10 %.
    Large,
}

impl SizeBin {
    /// The bin of a share of the image.
    pub fn of(share: f64) -> Self {
        match share {
            share if share < 0.02 => Self::Small,
            share if share <= 0.10 => Self::Medium,
            _ => Self::Large,
        }
    }

    /// As it is written in scores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "<2 %",
            Self::Medium => "2-10 %",
            Self::Large => ">10 %",
        }
    }
}
