//! [`Source`]: what a derived object repeats from the image.

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::charset::Charset;
use super::identifiers::Identifiers;
use super::object::Object;
use crate::error::Error;
use crate::facts::{known_body_part, known_modality};
use crate::file;
use crate::guard::guarded;
use crate::read::MAX_FILE_BYTES;
use crate::tree::Item;

/// Most bytes of a repeated value; the longest that the standard allows has 1,024 characters.
const MAX_VALUE_BYTES: usize = 4_096;
/// Most bytes of a value within a sequence; a lookup table has at most 65,536 entries of two bytes.
const MAX_NESTED_BYTES: usize = 1 << 17;

/// Whose image it is, which one, and how it wants to be displayed.
///
/// The reader of images keeps no patient data, so that none can leak from there. This is the other way round: it is read only
/// where an object is to be written that belongs to the same patient and study, and only for as long. Its `Debug` shows the
/// size of the image and nothing else.
pub struct Source {
    pub(super) patient: Object,
    pub(super) study: Object,
    /// Rescaling or Modality LUT, if the image has one.
    pub(super) modality_lut: Object,
    /// VOI LUT or window, if the image has one.
    pub(super) voi_lut: Option<Object>,
    pub(super) identifiers: Identifiers,
    pub(super) image: ImageFacts,
    /// Timezone Offset From UTC.
    pub(super) timezone: Option<String>,
}

/// What the image library and the display say.
pub(super) struct ImageFacts {
    pub columns: u16,
    pub rows: u16,
    pub frames: u32,
    /// One of the standard's defined terms.
    pub modality: Option<String>,
    /// One of the standard's terms.
    pub body_part: Option<String>,
    pub laterality: Option<ImageLaterality>,
    /// Millimetres between rows and between columns.
    pub spacing: Option<[f64; 2]>,
    /// As written; vertical and horizontal size of a pixel in proportion.
    pub aspect: Option<String>,
    /// Whether the display turns black into white: MONOCHROME1, or Presentation LUT Shape INVERSE.
    pub is_inverted: bool,
    pub is_lossy: bool,
}

/// Image Laterality (0020,0062), or the one of the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageLaterality {
    Left,
    Right,
}

// PS3.3 tables C.7-1 (Patient) and C.7-4a (Patient Study); those of type 2 are written empty where the image has none.
const PATIENT: [Tag; 8] = [
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_AGE,
    tags::PATIENT_IDENTITY_REMOVED,
    tags::DEIDENTIFICATION_METHOD,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
];
const PATIENT_TYPE_2: [Tag; 4] = [tags::PATIENT_NAME, tags::PATIENT_ID, tags::PATIENT_BIRTH_DATE, tags::PATIENT_SEX];
const PATIENT_SEQUENCES: [Tag; 1] = [tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE];

// PS3.3 table C.7-3 (General Study).
const STUDY: [Tag; 7] = [
    tags::STUDY_DESCRIPTION,
    tags::STUDY_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::STUDY_ID,
    tags::ACCESSION_NUMBER,
];
const STUDY_TYPE_2: [Tag; 5] =
    [tags::STUDY_DATE, tags::STUDY_TIME, tags::REFERRING_PHYSICIAN_NAME, tags::STUDY_ID, tags::ACCESSION_NUMBER];
const STUDY_SEQUENCES: [Tag; 1] = [tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE];

// PS3.3 tables C.11-1 (Modality LUT) and C.11-2 (VOI LUT).
const RESCALE: [Tag; 3] = [tags::RESCALE_INTERCEPT, tags::RESCALE_SLOPE, tags::RESCALE_TYPE];
const WINDOW: [Tag; 3] = [tags::WINDOW_CENTER, tags::WINDOW_WIDTH, tags::VOILUT_FUNCTION];
const DISPLAY_SEQUENCES: [Tag; 2] = [tags::MODALITY_LUT_SEQUENCE, tags::VOILUT_SEQUENCE];

/// What is read besides.
const FACTS: [Tag; 18] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::MODALITY,
    tags::BODY_PART_EXAMINED,
    tags::LATERALITY,
    tags::IMAGE_LATERALITY,
    tags::ROWS,
    tags::COLUMNS,
    tags::NUMBER_OF_FRAMES,
    tags::PIXEL_SPACING,
    tags::IMAGER_PIXEL_SPACING,
    tags::PIXEL_ASPECT_RATIO,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::PRESENTATION_LUT_SHAPE,
    tags::LOSSY_IMAGE_COMPRESSION,
];

fn is_wanted(tag: Tag) -> bool {
    let values = [&PATIENT[..], &STUDY, &RESCALE, &WINDOW, &FACTS];
    let sequences = [&PATIENT_SEQUENCES[..], &STUDY_SEQUENCES, &DISPLAY_SEQUENCES];
    values.iter().chain(&sequences).any(|tags| tags.contains(&tag))
}

impl Source {
    /// Reads it from the bytes of a DICOM image, up to its pixels.
    ///
    /// # Errors
    /// When the file is not DICOM, is damaged, lacks the UIDs or the size that every image has, holds a value longer than
    /// the standard allows any, or text that its character set does not explain. No error quotes a value.
    ///
    /// # Departures
    /// As [`read`](crate::read): a file without preamble or file meta information will do.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        guarded(bytes, MAX_FILE_BYTES, Self::parse)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let file = file::open(bytes)?;
        let item = Item::read(&file.dataset, file.encoding, is_wanted)?;
        check_lengths(&item)?;
        let charset = Charset::new(item.term(tags::SPECIFIC_CHARACTER_SET).as_deref())?;
        let part = |tags: &[Tag], sequences: &[Tag], type_2: &[Tag]| {
            let empty = type_2.iter().fold(Object::new(), |object, tag| object.empty(*tag));
            Object::copied(&item.only(tags, sequences), &charset).map(|found| empty.and(found))
        };
        Ok(Self {
            patient: part(&PATIENT, &PATIENT_SEQUENCES, &PATIENT_TYPE_2)?,
            study: part(&STUDY, &STUDY_SEQUENCES, &STUDY_TYPE_2)?,
            modality_lut: modality_lut(&item, &charset)?,
            voi_lut: voi_lut(&item, &charset)?,
            identifiers: Identifiers::of(&item, &charset)?,
            image: ImageFacts::read(&item)?,
            timezone: item.term(tags::TIMEZONE_OFFSET_FROM_UTC).filter(|text| is_offset(text)),
        })
    }

    /// Which image it is, and of whom.
    pub fn identifiers(&self) -> &Identifiers {
        &self.identifiers
    }

    /// Columns of the stored image.
    ///
    /// # Units
    /// Pixels.
    pub fn columns(&self) -> u32 {
        self.image.columns.into()
    }

    /// Rows of the stored image.
    ///
    /// # Units
    /// Pixels.
    pub fn rows(&self) -> u32 {
        self.image.rows.into()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("columns", &self.image.columns)
            .field("rows", &self.image.rows)
            .finish_non_exhaustive()
    }
}

/// A table, or a rescaling; both together are not allowed (PS3.3 §C.11.1).
fn modality_lut(item: &Item, charset: &Charset) -> Result<Object, Error> {
    if !item.items(tags::MODALITY_LUT_SEQUENCE).is_empty() {
        return Object::copied(&item.only(&[], &[tags::MODALITY_LUT_SEQUENCE]), charset);
    }
    let numbers = item.decimal(tags::RESCALE_INTERCEPT).zip(item.decimal(tags::RESCALE_SLOPE));
    if numbers.is_none() {
        return Ok(Object::new());
    }
    // A presentation state has to name the unit; US is "unspecified".
    Ok(Object::new().text(tags::RESCALE_TYPE, "US").and(Object::copied(&item.only(&RESCALE, &[]), charset)?))
}

/// The item of a Softcopy VOI LUT Sequence: the image's table, which comes first as in our own display, or its window.
///
/// Of several, each is the first: they are alternatives, and that is the one that was displayed.
fn voi_lut(item: &Item, charset: &Charset) -> Result<Option<Object>, Error> {
    if let Some(table) = item.items(tags::VOILUT_SEQUENCE).first() {
        return Ok(Some(Object::new().item(tags::VOILUT_SEQUENCE, Object::copied(table, charset)?)));
    }
    if item.decimal(tags::WINDOW_CENTER).zip(item.decimal(tags::WINDOW_WIDTH)).is_none() {
        return Ok(None);
    }
    let first = |object: Object, tag: Tag| match item.term(tag).as_deref().and_then(|text| text.split('\\').next()) {
        Some(text) => object.text(tag, text.trim()),
        None => object,
    };
    Ok(Some(WINDOW.into_iter().fold(Object::new(), first)))
}

fn check_lengths(item: &Item) -> Result<(), Error> {
    let longest = longest(item);
    if longest > MAX_VALUE_BYTES {
        let found = format!("{longest} bytes");
        return Err(Error::Invalid {
            name: "a value about patient or study",
            expected: "of at most 4096 bytes",
            found,
        });
    }
    let nested = item.sequences().flat_map(|(_, items)| items).map(longest_below).max().unwrap_or(0);
    if nested > MAX_NESTED_BYTES {
        let found = format!("{nested} bytes");
        return Err(Error::Invalid { name: "a value in a sequence", expected: "of at most 131072 bytes", found });
    }
    Ok(())
}

fn longest(item: &Item) -> usize {
    item.values().map(|(_, element)| element.bytes.len()).max().unwrap_or(0)
}

/// Of an item and of all below it, whose depth is bounded.
fn longest_below(item: &Item) -> usize {
    let below = item.sequences().flat_map(|(_, items)| items).map(longest_below).max().unwrap_or(0);
    below.max(longest(item))
}

fn is_offset(text: &str) -> bool {
    matches!(text.as_bytes(), [b'+' | b'-', digits @ ..] if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit))
}

impl ImageFacts {
    fn read(item: &Item) -> Result<Self, Error> {
        let size = |tag: Tag, name: &'static str| match item.word(tag) {
            None => Err(Error::Missing { name, tag: tag.to_string() }),
            Some(0) => Err(Error::Invalid { name, expected: "above 0", found: "0".to_owned() }),
            Some(size) => Ok(size),
        };
        let positive = |tag: Tag| match *item.decimals(tag) {
            [first, second] if first > 0.0 && second > 0.0 => Some([first, second]),
            _ => None,
        };
        let is = |tag: Tag, term: &str| item.term(tag).as_deref() == Some(term);
        let laterality = item.term(tags::IMAGE_LATERALITY).or_else(|| item.term(tags::LATERALITY));
        Ok(Self {
            columns: size(tags::COLUMNS, "Columns")?,
            rows: size(tags::ROWS, "Rows")?,
            frames: item.decimal(tags::NUMBER_OF_FRAMES).map_or(1, |frames| frames as u32),
            modality: item.term(tags::MODALITY).and_then(|text| known_modality(&text)),
            body_part: item.term(tags::BODY_PART_EXAMINED).and_then(|text| known_body_part(&text)),
            laterality: match laterality.as_deref() {
                Some("L") => Some(ImageLaterality::Left),
                Some("R") => Some(ImageLaterality::Right),
                _ => None,
            },
            spacing: positive(tags::PIXEL_SPACING).or_else(|| positive(tags::IMAGER_PIXEL_SPACING)),
            aspect: positive(tags::PIXEL_ASPECT_RATIO).and_then(|_| item.term(tags::PIXEL_ASPECT_RATIO)),
            is_inverted: is(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME1")
                || is(tags::PRESENTATION_LUT_SHAPE, "INVERSE"),
            is_lossy: is(tags::LOSSY_IMAGE_COMPRESSION, "01"),
        })
    }
}
