//! `grounded_reports_*.json` of PadChest-GR.
//!
//! # Source
//! Castro et al., 2024, arXiv 2411.05085: a list of `{StudyID, ImageID, findings}`; a finding has `sentence_en`,
//! `sentence_es`, `abnormal`, and where it can be shown `boxes` `[x0, y0, x1, y1]` in fractions of the image, and `labels`.
//! `extra_boxes` belong to a second reader and are not read. Patients and splits are in `master_table.csv`, not here.

use serde::Deserialize;

use super::coco::RawBox;
use super::{Builder, Rows, Source, bounded, builder};
use crate::dataset::{Dataset, ImageEntry, Target, TargetKind, UNIT_FRAME};
use crate::error::DataError;

#[derive(Deserialize)]
struct Study {
    #[serde(rename = "ImageID")]
    image: String,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    #[serde(default)]
    sentence_en: Option<String>,
    #[serde(default)]
    sentence_es: Option<String>,
    #[serde(default)]
    boxes: Vec<RawBox>,
    #[serde(default)]
    labels: Vec<String>,
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let studies: Vec<Study> = bounded::read_json(source.path)?;
    let mut builder = Builder::default();
    for (index, study) in studies.into_iter().enumerate() {
        rows.next(source.path)?;
        let added = add(&mut builder, study);
        rows.check(source.path, index + 1, added)?;
    }
    Ok(builder.finish())
}

fn add(builder: &mut Builder, study: Study) -> Result<(), String> {
    let targets: Vec<Target> = study.findings.into_iter().map(phrase).collect::<Result<_, _>>()?;
    if builder.has(&study.image) {
        return Err("expected one study an image, found another of the same image".into());
    }
    let report = targets.iter().map(|target| target.text.as_str()).collect::<Vec<_>>().join(" ");
    let entry = || ImageEntry {
        id: study.image.clone(),
        file: Some(study.image.clone()),
        size: Some(UNIT_FRAME),
        source: Some("padchest-gr".into()),
        report: (!report.is_empty()).then_some(report),
        findings_annotated: true,
        ..ImageEntry::default()
    };
    let image = builder.find_or_add(&study.image, entry);
    targets.into_iter().for_each(|target| builder.add(image, target));
    Ok(())
}

/// A sentence; without boxes if nothing can be shown, or if it says that there is nothing.
fn phrase(finding: Finding) -> Result<Target, String> {
    let text = finding.sentence_en.or(finding.sentence_es).ok_or("expected a sentence, found none")?;
    let boxes = finding.boxes.iter().map(|raw| builder::xyxy(raw.numbers()?)).collect::<Result<_, String>>()?;
    Ok(Target { kind: TargetKind::Phrase, text, label: finding.labels.into_iter().next(), answer: None, boxes })
}
