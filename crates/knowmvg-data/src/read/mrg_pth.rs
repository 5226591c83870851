//! MRG lists as published with uMedGround: PyTorch files that hold a dictionary of parallel lists.
//!
//! | key | element |
//! |---|---|
//! | `image_paths` | path below the images |
//! | `bboxes` | `(x0, y0, w, h)`, or a list of them |
//! | `phrases` | a phrase, or a list of them, one for each box |
//! | `all_reports`, `all_report_answer`, `all_report_class` | the text that is read, by itself or in a list: a report, a question with its answer, a description of a class |
//! | `class_all` | the class, may be empty |
//!
//! # Units
//! Pixels of the image scaled to a longer side of 640.
//!
//! # Source
//! <https://github.com/Cocofeat/uMedGround> (TPAMI 2025), files in `data/`; keys and shapes as its `utils/dataset.py` reads
//! them. `ChestXray8_*` is MRG-ChestX-ray8 (images of NIH ChestX-ray14), `MS_CXR_*` the three sets on MIMIC-CXR.

use std::path::Path;

use super::{Builder, Rows, Source, bounded, builder, torch_zip};
use crate::dataset::{Dataset, ImageEntry, Target, TargetKind};
use crate::error::DataError;
use crate::limits::{MAX_DOCUMENT_BYTES, MAX_PICKLE_TEXT_BYTES};
use crate::name;
use crate::pickle::{self, Id, Pickle, Value};

/// The longer side of the frame.
const LONG_SIDE: u32 = 640;
/// How PyTorch files of before 1.6 begin: three pickles come before the one that holds the object.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
/// Keys of the text that is read; the first one that is there counts.
const TEXT_KEYS: [&str; 3] = ["all_reports", "all_report_answer", "all_report_class"];

/// A row of an MRG list.
pub(crate) struct MrgRow {
    pub image: String,
    pub report: Option<String>,
    /// A phrase and a box of it; a phrase may come several times.
    pub phrases: Vec<(String, [f64; 4])>,
    pub class: Option<String>,
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let bytes = pickle_of(source.path)?;
    let pickle = load(source.path, &bytes)?;
    let lists = Lists::new(&pickle).map_err(|problem| DataError::file(source.path, problem))?;
    let split = name::split(source.path);
    let mut builder = Builder::default();
    let mut text_left = MAX_PICKLE_TEXT_BYTES;
    for index in 0..lists.images.len() {
        rows.next(source.path)?;
        let row = lists.row(index);
        let length = row.as_ref().map_or(0, MrgRow::length);
        text_left = text_left.checked_sub(length).ok_or_else(|| {
            DataError::file(source.path, format!("expected at most {MAX_PICKLE_TEXT_BYTES} bytes of text, found more"))
        })?;
        let added = row.and_then(|row| add_row(&mut builder, row, split.as_deref()));
        rows.check(source.path, index + 1, added)?;
    }
    Ok(builder.finish())
}

/// The pickle of a PyTorch file, or the file itself.
fn pickle_of(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = bounded::read(path, MAX_DOCUMENT_BYTES)?;
    if !bytes.starts_with(b"PK") {
        return Ok(bytes);
    }
    torch_zip::pickle(&bytes).map_err(|problem| DataError::file(path, problem))
}

fn load<'a>(path: &Path, bytes: &'a [u8]) -> Result<Pickle<'a>, DataError> {
    let problem = |e: pickle::PickleError| DataError::file(path, e.to_string());
    let Some(mut rest) = bytes.strip_prefix(LEGACY) else {
        return pickle::load(bytes).map_err(problem);
    };
    // The version of the protocol, and the sizes of the machine's integers.
    for _ in 0..2 {
        rest = &rest[pickle::load(rest).map_err(problem)?.length()..];
    }
    pickle::load(rest).map_err(problem)
}

/// The parallel lists.
struct Lists<'a> {
    pickle: &'a Pickle<'a>,
    images: &'a [Id],
    boxes: &'a [Id],
    phrases: &'a [Id],
    texts: Option<&'a [Id]>,
    classes: Option<&'a [Id]>,
}

impl<'a> Lists<'a> {
    fn new(pickle: &'a Pickle<'a>) -> Result<Self, String> {
        let root = pickle.root();
        if !matches!(root, Value::Dict(_)) {
            return Err(format!("expected a dictionary of lists, found {}", root.kind()));
        }
        let list = |key: &str| pickle.lookup(root, key).map(|value| value.sequence().ok_or(wrong(key, value)));
        let needed = |key: &str| list(key).unwrap_or_else(|| Err(format!("expected the key `{key}`, found none")));
        let images = needed("image_paths")?;
        let lists = Self {
            pickle,
            images,
            boxes: needed("bboxes")?,
            phrases: needed("phrases")?,
            texts: TEXT_KEYS.into_iter().find_map(list).transpose()?,
            classes: list("class_all").transpose()?,
        };
        let lengths = [Some(lists.boxes), Some(lists.phrases), lists.texts, lists.classes];
        match lengths.iter().flatten().find(|other| other.len() != images.len()) {
            Some(other) => Err(format!("expected lists of one length, found {} and {}", images.len(), other.len())),
            None => Ok(lists),
        }
    }

    fn row(&self, index: usize) -> Result<MrgRow, String> {
        let get = |list: &[Id]| self.pickle.get(list[index]);
        let Value::Str(image) = get(self.images) else {
            return Err(format!("expected a path, found {}", get(self.images).kind()));
        };
        let boxes = self.boxes_of(get(self.boxes))?;
        let phrases = self.strings(get(self.phrases))?;
        let text = self.texts.map(|texts| self.strings(get(texts))).transpose()?.unwrap_or_default();
        let class = self.classes.map(|classes| self.strings(get(classes))).transpose()?.unwrap_or_default();
        let given = |text: Option<&&str>| text.filter(|text| !text.is_empty()).map(|text| (*text).to_owned());
        let (report, class) = (given(text.first()), given(class.first()));
        Ok(MrgRow { image: (*image).to_owned(), report, phrases: paired(&phrases, &boxes)?, class })
    }

    /// A string by itself, or those of a list.
    fn strings(&self, value: &Value<'a>) -> Result<Vec<&'a str>, String> {
        let string = |value: &Value<'a>| match value {
            Value::Str(text) => Ok(*text),
            other => Err(format!("expected a string, found {}", other.kind())),
        };
        match value.sequence() {
            Some(items) => items.iter().map(|&id| string(self.pickle.get(id))).collect(),
            None => string(value).map(|text| vec![text]),
        }
    }

    /// Four numbers, or those of a list.
    fn boxes_of(&self, value: &Value) -> Result<Vec<[f64; 4]>, String> {
        let items = value.sequence().ok_or_else(|| format!("expected a box, found {}", value.kind()))?;
        let is_nested = items.first().is_some_and(|&id| self.pickle.get(id).sequence().is_some());
        match is_nested {
            true => items.iter().map(|&id| self.numbers(self.pickle.get(id))).collect(),
            false => self.numbers(value).map(|numbers| vec![numbers]),
        }
    }

    fn numbers(&self, value: &Value) -> Result<[f64; 4], String> {
        let items = value.sequence().unwrap_or_default();
        let numbers: Vec<f64> = items.iter().filter_map(|&id| self.pickle.get(id).number()).collect();
        let wrong = |_| format!("expected a box of 4 numbers, found {} values", items.len());
        if numbers.len() == items.len() { numbers.try_into().map_err(wrong) } else { Err(wrong(vec![])) }
    }
}

fn wrong(key: &str, value: &Value) -> String {
    format!("expected a list for `{key}`, found {}", value.kind())
}

/// Each box with its phrase: one for each, or the same for all.
fn paired(phrases: &[&str], boxes: &[[f64; 4]]) -> Result<Vec<(String, [f64; 4])>, String> {
    if phrases.len() != boxes.len() && phrases.len() != 1 {
        return Err(format!("expected a phrase for each of {} boxes, found {}", boxes.len(), phrases.len()));
    }
    let phrases = phrases.iter().cycle();
    Ok(phrases.zip(boxes).map(|(phrase, numbers)| ((*phrase).to_owned(), *numbers)).collect())
}

impl MrgRow {
    fn length(&self) -> usize {
        let phrases: usize = self.phrases.iter().map(|(text, _)| text.len()).sum();
        self.image.len() + self.report.as_deref().map_or(0, str::len) + phrases
    }
}

/// Adds a row: an entry for each image and report, since a report belongs to the box that it was written for.
pub(crate) fn add_row(builder: &mut Builder, row: MrgRow, split: Option<&str>) -> Result<(), String> {
    let boxes: Vec<_> = row.phrases.iter().map(|(_, numbers)| builder::xywh(*numbers)).collect::<Result<_, _>>()?;
    let is_nih = name::is_nih(&row.image);
    let key = format!("{}\n{}", row.image, row.report.as_deref().unwrap_or_default());
    let entry = || ImageEntry {
        id: row.image.rsplit('/').next().unwrap_or(&row.image).to_owned(),
        file: Some(row.image.clone()),
        // Only images of NIH are known to be square.
        size: is_nih.then_some([LONG_SIDE; 2]),
        patient: name::nih_patient(&row.image).or_else(|| name::mimic_patient(&row.image)),
        split: split.map(str::to_owned),
        source: Some(if is_nih { "mrg-chestx-ray8" } else { "mrg-mimic" }.into()),
        report: row.report.clone(),
        ..ImageEntry::default()
    };
    let image = builder.find_or_add(&key, entry);
    for ((text, _), bounds) in row.phrases.iter().zip(boxes) {
        let label = row.class.clone().or_else(|| is_nih.then(|| class_of(text)));
        builder.add(
            image,
            Target { kind: TargetKind::Phrase, text: text.clone(), label, answer: None, boxes: vec![bounds] },
        );
    }
    Ok(())
}

/// The class of `<class>, position: <words>`, which is how phrases of MRG-ChestX-ray8 are made.
fn class_of(phrase: &str) -> String {
    phrase.split(", position:").next().unwrap_or(phrase).trim().to_owned()
}
