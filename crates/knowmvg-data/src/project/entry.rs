//! What a format holds of one image.

use knowmvg::geometry::{Box2, Image};

use super::holds::{Annotated, Holds, Names, Sizes};
use super::loss::{LossKind, Losses};
use super::unwritable;
use crate::dataset::{ImageEntry, Target, TargetKind, UNIT_FRAME};
use crate::error::DataError;
use crate::format::Format;
use crate::name;
use crate::read::yolo;

pub(super) fn project(
    entry: &ImageEntry,
    format: Format,
    holds: &Holds,
    losses: &mut Losses,
) -> Result<ImageEntry, DataError> {
    let mut entry = entry.clone();
    rename(&mut entry, format, holds, losses)?;
    entry.targets = targets(&entry.targets, holds, losses);
    if !holds.kinds && entry.targets.iter().any(|target| target.text.is_empty()) {
        return Err(unwritable(format, "needs a name for every class, and one is empty"));
    }
    resize(&mut entry, format, holds.sizes, losses)?;
    facts(&mut entry, format, holds, losses);
    Ok(entry)
}

/// Names the image as the format does.
fn rename(entry: &mut ImageEntry, format: Format, holds: &Holds, losses: &mut Losses) -> Result<(), DataError> {
    if format == Format::LabelStudio {
        entry.file.get_or_insert_with(|| entry.id.clone());
    }
    if holds.names == Names::Both {
        return Ok(());
    }
    let named = entry.file.clone().unwrap_or_else(|| entry.id.clone());
    let mut id = if format == Format::Coco { named.clone() } else { portable(&named, format)? };
    if holds.one_line {
        id = one_line(&id, losses);
    }
    if holds.names == Names::Stem {
        id = name::without_extension(&id).to_owned();
        losses.replace(&mut entry.file, None, LossKind::Files);
    } else {
        entry.file = Some(id.clone());
    }
    if entry.id != id {
        losses.add(LossKind::Ids);
    }
    entry.id = id;
    Ok(())
}

fn portable(named: &str, format: Format) -> Result<String, DataError> {
    if format == Format::NihCsv {
        return Ok(named.to_owned());
    }
    let path = name::portable(named).ok_or_else(|| unwritable(format, "needs a file name for every image"))?;
    Ok(path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
}

/// The statements that the format holds, as it holds them.
fn targets(targets: &[Target], holds: &Holds, losses: &mut Losses) -> Vec<Target> {
    let mut held: Vec<Target> = targets.iter().filter_map(|target| one_target(target, holds, losses)).collect();
    if holds.kinds {
        held.sort_by_key(|target| match target.kind {
            TargetKind::Class => 0,
            TargetKind::Anatomy => 1,
            TargetKind::Phrase => 2,
            TargetKind::Question => 3,
        });
    }
    held
}

fn one_target(target: &Target, holds: &Holds, losses: &mut Losses) -> Option<Target> {
    let is_class = matches!(target.kind, TargetKind::Class | TargetKind::Anatomy);
    if target.boxes.is_empty() && (is_class || !holds.kinds) {
        losses.add(LossKind::StatementsWithoutBox);
        return None;
    }
    let mut held = target.clone();
    if holds.kinds {
        let label = held.label.clone().filter(|_| !is_class);
        losses.replace(&mut held.label, label, LossKind::Labels);
        let answer = held.answer.clone().filter(|_| held.kind == TargetKind::Question);
        losses.replace(&mut held.answer, answer, LossKind::Answers);
        return Some(held);
    }
    losses.replace(&mut held.answer, None, LossKind::Answers);
    let label = held.label.take();
    match (held.kind, label) {
        (TargetKind::Class, None) => {}
        (TargetKind::Class, Some(_)) => losses.add(LossKind::Labels),
        (TargetKind::Anatomy, _) => losses.add(LossKind::Anatomy),
        (_, None) => losses.add(LossKind::Phrases),
        (_, Some(label)) => {
            losses.add(LossKind::Words);
            held.text = label;
        }
    }
    held.kind = TargetKind::Class;
    if holds.one_line {
        held.text = one_line(&held.text, losses);
    }
    Some(held)
}

/// The text without control characters, and with single blanks.
fn one_line(text: &str, losses: &mut Losses) -> String {
    let text_without_controls = text.replace(|c: char| c.is_control() || c == '\u{fffe}' || c == '\u{ffff}', " ");
    let line = text_without_controls.split_whitespace().collect::<Vec<_>>().join(" ");
    if line != text {
        losses.add(LossKind::LineBreaks);
    }
    line
}

/// Puts the boxes into the frame of the format.
fn resize(entry: &mut ImageEntry, format: Format, sizes: Sizes, losses: &mut Losses) -> Result<(), DataError> {
    let has_boxes = entry.targets.iter().any(|target| !target.boxes.is_empty());
    let needs_size = || unwritable(format, "needs the sizes of the images, and some are unknown: give the images");
    match (sizes, entry.size) {
        (Sizes::WithFractions | Sizes::FractionsOnly, None) if has_boxes => return Err(needs_size()),
        (Sizes::WithPixels | Sizes::PixelsOnly, Some(UNIT_FRAME)) if has_boxes => return Err(needs_size()),
        (Sizes::WithFractions, None) => entry.size = Some(UNIT_FRAME),
        (Sizes::WithPixels, Some(UNIT_FRAME)) => entry.size = None,
        (Sizes::WithFractions | Sizes::WithPixels, _) => {}
        (Sizes::PixelsOnly, _) => losses.replace(&mut entry.size, None, LossKind::Sizes),
        (Sizes::FractionsOnly, size) => {
            scale(entry, size.unwrap_or(UNIT_FRAME), UNIT_FRAME);
            losses.replace(&mut entry.size, Some(UNIT_FRAME), LossKind::Sizes);
        }
        (Sizes::Nih, size) if name::is_nih(&entry.id) => {
            let full = crate::read::NIH_SIZE;
            scale(entry, size.unwrap_or(full), full);
            losses.replace(&mut entry.size, Some(full), LossKind::Sizes);
        }
        (Sizes::Nih, Some(UNIT_FRAME)) if has_boxes => return Err(needs_size()),
        (Sizes::Nih, _) => losses.replace(&mut entry.size, None, LossKind::Sizes),
    }
    Ok(())
}

fn scale(entry: &mut ImageEntry, from: [u32; 2], to: [u32; 2]) {
    let factor = |axis: usize| f64::from(to[axis]) / f64::from(from[axis]);
    let (sx, sy) = (factor(0), factor(1));
    for bounds in entry.targets.iter_mut().flat_map(|target| &mut target.boxes) {
        let [x0, y0, x1, y1] = bounds.xyxy();
        // Only an overflow could not be a box, and none can come of dividing by a size.
        *bounds = Box2::<Image>::from_xyxy([x0 * sx, y0 * sy, x1 * sx, y1 * sy]).unwrap_or(*bounds);
    }
}

/// What is said of the image as a whole.
fn facts(entry: &mut ImageEntry, format: Format, holds: &Holds, losses: &mut Losses) {
    let is_nih_list = format == Format::NihCsv;
    if !holds.reports {
        losses.replace(&mut entry.report, None, LossKind::Reports);
    }
    if !holds.patients {
        let told = if is_nih_list { name::nih_patient(&entry.id) } else { None };
        losses.replace(&mut entry.patient, told, LossKind::Patients);
    }
    if !holds.splits {
        let told = if format == Format::Yolo { yolo::split(&entry.id) } else { None };
        losses.replace(&mut entry.split, told, LossKind::Splits);
    }
    if !holds.sources {
        let told = (is_nih_list && name::is_nih(&entry.id)).then(|| "nih".to_owned());
        losses.replace(&mut entry.source, told, LossKind::Sources);
    }
    if !holds.tiers {
        losses.replace(&mut entry.tier, None, LossKind::Tiers);
    }
    let annotated = match holds.annotated {
        Annotated::AsGiven => entry.findings_annotated,
        Annotated::NotIfEmpty => entry.findings_annotated || !entry.targets.is_empty(),
        Annotated::Always => true,
        Annotated::Never => false,
    };
    if annotated != entry.findings_annotated {
        losses.add(LossKind::Annotated);
    }
    entry.findings_annotated = annotated;
}
