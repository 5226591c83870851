//! This project's corpus: a folder with `annotations.jsonl`, or such a file.
//!
//! # Units
//! Boxes are `[x0, y0, x1, y1]` in fractions of width and height.
//!
//! # Source
//! `README.md`, "Your own data"; `report`, `phrases` and `questions` are optional there. Keys beside those of
//! [`Line`] are not read.

use std::borrow::Cow;
use std::path::Path;

use knowmvg::train::corpus::Tier;
use serde::{Deserialize, Serialize};

use super::{Builder, Rows, Source, bounded, builder};
use crate::dataset::{Dataset, ImageEntry, Target, TargetKind, UNIT_FRAME};
use crate::error::{DataError, json_problem};

/// The name of the file in a corpus folder.
pub(crate) const FILE: &str = "annotations.jsonl";

/// A line of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Line {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    #[serde(default)]
    pub findings_annotated: bool,
    #[serde(default)]
    pub findings: Vec<Labelled>,
    #[serde(default)]
    pub anatomy: Vec<Labelled>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<Phrase>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// A box of a finding or a structure.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Labelled {
    pub label: String,
    #[serde(rename = "box")]
    pub bounds: [f64; 4],
}

/// Words of a report with their boxes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Phrase {
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub boxes: Vec<[f64; 4]>,
}

/// A question with the boxes of its answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    pub question: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub boxes: Vec<[f64; 4]>,
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let path = file_of(source.path);
    let mut builder = Builder::default();
    bounded::for_each_line(&path, |number, text| {
        rows.next(&path)?;
        let added = serde_json::from_str(text).map_err(|e| json_problem(&e)).and_then(|line| add(&mut builder, line));
        rows.check(&path, number, added).map(|_| ())
    })?;
    Ok(builder.finish())
}

fn file_of(path: &Path) -> Cow<'_, Path> {
    if path.is_dir() { path.join(FILE).into() } else { path.into() }
}

fn add(builder: &mut Builder, line: Line) -> Result<(), String> {
    let size = match (line.width, line.height) {
        (Some(width), Some(height)) if width > 0 && height > 0 => [width, height],
        (None, None) => UNIT_FRAME,
        _ => return Err("expected a width and a height above 0, or neither".into()),
    };
    if builder.has(&line.id) {
        return Err("expected an id of its own, found that of an earlier line".into());
    }
    let targets = targets(&line, size)?;
    let Line { id, image, source, tier, split, patient, findings_annotated, report, .. } = line;
    let key = id.clone();
    let entry = || ImageEntry {
        id,
        file: image,
        size: Some(size),
        patient,
        split,
        source,
        tier,
        report,
        findings_annotated,
        targets: vec![],
    };
    let image = builder.find_or_add(&key, entry);
    targets.into_iter().for_each(|target| builder.add(image, target));
    Ok(())
}

fn targets(line: &Line, size: [u32; 2]) -> Result<Vec<Target>, String> {
    let in_pixels = |fractions: &[f64; 4]| builder::scaled(&builder::xyxy(*fractions)?, builder::sides(size));
    let all_in_pixels = |boxes: &[[f64; 4]]| boxes.iter().map(in_pixels).collect::<Result<Vec<_>, String>>();
    let classes = line.findings.iter().map(|labelled| (TargetKind::Class, labelled));
    let anatomy = line.anatomy.iter().map(|labelled| (TargetKind::Anatomy, labelled));
    let mut targets = vec![];
    for (kind, Labelled { label, bounds }) in classes.chain(anatomy) {
        let boxes = vec![in_pixels(bounds)?];
        targets.push(Target { kind, text: label.clone(), label: None, answer: None, boxes });
    }
    for Phrase { text, label, boxes } in &line.phrases {
        let (text, label, boxes) = (text.clone(), label.clone(), all_in_pixels(boxes)?);
        targets.push(Target { kind: TargetKind::Phrase, text, label, answer: None, boxes });
    }
    for Question { question, answer, label, boxes } in &line.questions {
        let (label, answer, boxes) = (label.clone(), answer.clone(), all_in_pixels(boxes)?);
        targets.push(Target { kind: TargetKind::Question, text: question.clone(), label, answer, boxes });
    }
    Ok(targets)
}
