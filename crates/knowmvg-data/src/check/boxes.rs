//! Statements and boxes of one data set, without looking at images.

use knowmvg::geometry::{Box2, Image};

use super::{Input, ProblemKind, Problems};
use crate::dataset::{ImageEntry, Target, TargetKind};

/// How far a box may leave the image, as a fraction of its side: sources round coordinates.
const SLACK: f64 = 1e-3;

pub(super) fn check(input: &Input, problems: &mut Problems) {
    for entry in &input.dataset.images {
        for target in &entry.targets {
            check_target(input, entry, target, problems);
        }
    }
}

fn check_target(input: &Input, entry: &ImageEntry, target: &Target, problems: &mut Problems) {
    let mut add = |kind, detail: String| problems.add(kind, &input.name, Some(&entry.id), detail);
    if target.text.trim().is_empty() || target.label.as_deref().is_some_and(|label| label.trim().is_empty()) {
        add(ProblemKind::EmptyText, "expected words and a label that is not empty".into());
    }
    let is_class = matches!(target.kind, TargetKind::Class | TargetKind::Anatomy);
    if is_class && target.boxes.is_empty() {
        add(ProblemKind::ClassWithoutBox, "expected a box for each class that is listed".into());
    }
    for (at, bounds) in target.boxes.iter().enumerate() {
        if bounds.area() <= 0.0 {
            add(ProblemKind::DegenerateBox, format!("expected a box with an area, found {}", shown(bounds)));
        }
        if let Some(size) = entry.size.filter(|size| leaves(bounds, *size)) {
            let detail = format!("expected a box inside {} x {}, found {}", size[0], size[1], shown(bounds));
            add(ProblemKind::BoxOutside, detail);
        }
        if target.boxes[..at].contains(bounds) {
            add(ProblemKind::DuplicateBox, format!("expected each box once, found {} again", shown(bounds)));
        }
    }
}

fn leaves(bounds: &Box2<Image>, size: [u32; 2]) -> bool {
    let [x0, y0, x1, y1] = bounds.xyxy();
    let [width, height] = size.map(f64::from);
    let (dx, dy) = (width * SLACK, height * SLACK);
    x0 < -dx || y0 < -dy || x1 > width + dx || y1 > height + dy
}

fn shown(bounds: &Box2<Image>) -> String {
    let [x0, y0, x1, y1] = bounds.xyxy();
    format!("[{x0:.2}, {y0:.2}, {x1:.2}, {y1:.2}]")
}
