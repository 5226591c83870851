//! This project's corpus; see [`crate::read`]. A path that ends in `.jsonl` becomes a file, another one a folder.

use std::io::Write;
use std::path::Path;

use knowmvg::geometry::{Box2, Image};

use super::{create, create_folder, finish};
use crate::dataset::{Dataset, ImageEntry, Target, TargetKind, UNIT_FRAME};
use crate::error::DataError;
use crate::read::corpus::{FILE, Labelled, Line, Phrase, Question};

pub(super) fn write(dataset: &Dataset, path: &Path) -> Result<(), DataError> {
    let is_file = path.extension().is_some_and(|extension| extension == "jsonl");
    let path = if is_file { path.to_owned() } else { path.join(FILE) };
    if !is_file {
        create_folder(path.parent().expect("a file in a folder"))?;
    }
    let mut file = create(&path)?;
    for entry in &dataset.images {
        let line = serde_json::to_string(&line(entry)).expect("plain data is JSON");
        writeln!(file, "{line}").map_err(DataError::io(&path))?;
    }
    finish(file, &path, b"")
}

fn line(entry: &ImageEntry) -> Line {
    let size = entry.size.unwrap_or(UNIT_FRAME);
    let [width, height] = size.map(|side| (size != UNIT_FRAME).then_some(side));
    let of_kind = |kind| entry.targets.iter().filter(move |target| target.kind == kind);
    Line {
        id: entry.id.clone(),
        image: entry.file.clone(),
        source: entry.source.clone(),
        tier: entry.tier,
        split: entry.split.clone(),
        width,
        height,
        patient: entry.patient.clone(),
        findings_annotated: entry.findings_annotated,
        findings: of_kind(TargetKind::Class).flat_map(|target| labelled(target, size)).collect(),
        anatomy: of_kind(TargetKind::Anatomy).flat_map(|target| labelled(target, size)).collect(),
        report: entry.report.clone(),
        phrases: of_kind(TargetKind::Phrase).map(|target| phrase(target, size)).collect(),
        questions: of_kind(TargetKind::Question).map(|target| question(target, size)).collect(),
    }
}

fn fractions(bounds: &Box2<Image>, [width, height]: [u32; 2]) -> [f64; 4] {
    let [x0, y0, x1, y1] = bounds.xyxy();
    let (width, height) = (f64::from(width), f64::from(height));
    [x0 / width, y0 / height, x1 / width, y1 / height]
}

fn labelled(target: &Target, size: [u32; 2]) -> impl Iterator<Item = Labelled> {
    let labelled = move |bounds| Labelled { label: target.text.clone(), bounds: fractions(bounds, size) };
    target.boxes.iter().map(labelled)
}

fn boxes(target: &Target, size: [u32; 2]) -> Vec<[f64; 4]> {
    target.boxes.iter().map(|bounds| fractions(bounds, size)).collect()
}

fn phrase(target: &Target, size: [u32; 2]) -> Phrase {
    Phrase { text: target.text.clone(), label: target.label.clone(), boxes: boxes(target, size) }
}

fn question(target: &Target, size: [u32; 2]) -> Question {
    Question {
        question: target.text.clone(),
        answer: target.answer.clone(),
        label: target.label.clone(),
        boxes: boxes(target, size),
    }
}
