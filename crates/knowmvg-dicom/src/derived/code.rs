//! [`Code`]: a coded concept, and the ones that derived objects use.

use dicom_dictionary_std::tags;

use super::object::Object;
use super::uid;

/// Longest Code Value (0008,0100); a longer one stands in Long Code Value (0008,0119).
const SHORT: usize = 16;
/// Longest Code Meaning (0008,0104).
const MEANING: usize = 64;

/// A coded concept.
///
/// # Source
/// PS3.3 §8 (Code Sequence Macro).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// Code Value, e.g. `60046008`.
    pub value: String,
    /// Coding Scheme Designator, e.g. `SCT` for SNOMED CT.
    pub scheme: String,
    /// Code Meaning, e.g. `Pleural effusion`.
    pub meaning: String,
}

/// The designator of codes that are this program's own; private ones begin with 99 (PS3.16 §8.2).
pub(super) const PRIVATE: &str = "99KMVG";

/// A concept that is known when the program is compiled.
#[derive(Clone, Copy)]
pub(super) struct Concept {
    value: &'static str,
    scheme: &'static str,
    meaning: &'static str,
}

impl From<Concept> for Code {
    fn from(Concept { value, scheme, meaning }: Concept) -> Self {
        Self { value: value.to_owned(), scheme: scheme.to_owned(), meaning: meaning.to_owned() }
    }
}

impl Concept {
    /// Whether a code is this concept, whatever its meaning is called.
    pub fn is(self, code: &Code) -> bool {
        code.value == self.value && code.scheme == self.scheme
    }
}

impl Code {
    /// One of this program's own.
    pub(super) fn private(value: &str, meaning: &str) -> Self {
        Self { value: value.to_owned(), scheme: PRIVATE.to_owned(), meaning: meaning.to_owned() }
    }

    /// The item of a code sequence.
    pub(super) fn item(&self) -> Object {
        let tag = if self.value.len() <= SHORT { tags::CODE_VALUE } else { tags::LONG_CODE_VALUE };
        let meaning: String = self.meaning.chars().take(MEANING).collect();
        let value = Object::new().text(tag, &self.value);
        value.text(tags::CODING_SCHEME_DESIGNATOR, &self.scheme).text(tags::CODE_MEANING, &meaning)
    }
}

/// Coding Scheme Identification Sequence (0008,0110): what the private designator means.
///
/// # Source
/// PS3.3 §C.12.1.1.17.
pub(super) fn coding_schemes() -> Object {
    let scheme = Object::new()
        .text(tags::CODING_SCHEME_DESIGNATOR, PRIVATE)
        .text(tags::CODING_SCHEME_UID, &uid::of(&["coding scheme", PRIVATE]))
        .text(tags::CODING_SCHEME_NAME, "KnowMVG concepts and ids of its knowledge base")
        .text(tags::CODING_SCHEME_VERSION, env!("CARGO_PKG_VERSION"))
        .text(tags::CODING_SCHEME_RESPONSIBLE_ORGANIZATION, "KnowMVG");
    Object::new().item(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE, scheme)
}

macro_rules! concepts {
    ($($name:ident = $value:literal, $scheme:literal, $meaning:literal;)*) => {
        $(pub(super) const $name: Concept = Concept { value: $value, scheme: $scheme, meaning: $meaning };)*
    };
}

// Meanings as in PS3.16.
concepts! {
    // TID 1500, 1204, 1001, 1002, 1004
    IMAGING_MEASUREMENT_REPORT = "126000", "DCM", "Imaging Measurement Report";
    LANGUAGE = "121049", "DCM", "Language of Content Item and Descendants";
    ENGLISH = "en", "RFC5646", "English";
    OBSERVER_TYPE = "121005", "DCM", "Observer Type";
    DEVICE = "121007", "DCM", "Device";
    DEVICE_UID = "121012", "DCM", "Device Observer UID";
    DEVICE_NAME = "121013", "DCM", "Device Observer Name";
    DEVICE_MANUFACTURER = "121014", "DCM", "Device Observer Manufacturer";
    DEVICE_MODEL = "121015", "DCM", "Device Observer Model Name";
    PROCEDURE_REPORTED = "121058", "DCM", "Procedure reported";
    PLAIN_CHEST_X_RAY = "399208008", "SCT", "Plain chest X-ray";
    // TID 1600, 1602
    IMAGE_LIBRARY = "111028", "DCM", "Image Library";
    IMAGE_LIBRARY_GROUP = "126200", "DCM", "Image Library Group";
    MODALITY = "121139", "DCM", "Modality";
    IMAGE_LATERALITY = "111027", "DCM", "Image Laterality";
    PIXEL_DATA_ROWS = "110910", "DCM", "Pixel Data Rows";
    PIXEL_DATA_COLUMNS = "110911", "DCM", "Pixel Data Columns";
    HORIZONTAL_SPACING = "111026", "DCM", "Horizontal Pixel Spacing";
    VERTICAL_SPACING = "111066", "DCM", "Vertical Pixel Spacing";
    // TID 1410, 1419, 4019
    IMAGING_MEASUREMENTS = "126010", "DCM", "Imaging Measurements";
    MEASUREMENT_GROUP = "125007", "DCM", "Measurement Group";
    TRACKING_IDENTIFIER = "112039", "DCM", "Tracking Identifier";
    TRACKING_UID = "112040", "DCM", "Tracking Unique Identifier";
    FINDING = "121071", "DCM", "Finding";
    FINDING_SITE = "363698007", "SCT", "Finding Site";
    LATERALITY = "272741003", "SCT", "Laterality";
    FINDING_SITE_SRT = "G-C0E3", "SRT", "Finding Site";
    LATERALITY_SRT = "G-C171", "SRT", "Laterality";
    LEFT = "7771000", "SCT", "Left";
    RIGHT = "24028007", "SCT", "Right";
    BILATERAL = "51440002", "SCT", "Right and left";
    THORAX = "816094009", "SCT", "Thorax";
    ALGORITHM_NAME = "111001", "DCM", "Algorithm Name";
    ALGORITHM_PARAMETERS = "111002", "DCM", "Algorithm Parameters";
    ALGORITHM_VERSION = "111003", "DCM", "Algorithm Version";
    IMAGE_REGION = "111030", "DCM", "Image Region";
    CERTAINTY_OF_FINDING = "111012", "DCM", "Certainty of Finding";
    COMMENT = "121106", "DCM", "Comment";
    // Units
    PERCENT = "%", "UCUM", "percent";
    PIXELS = "{pixels}", "UCUM", "pixels";
    MILLIMETRES = "mm", "UCUM", "millimeter";
    // Ours
    BOX_CONFIDENCE = "box_confidence", "99KMVG", "Confidence of the box";
    ASSERTION = "assertion", "99KMVG", "Assertion of the report";
    PRESENT = "present", "99KMVG", "Present";
    UNCERTAIN = "uncertain", "99KMVG", "Uncertain";
    SUPPORT = "support", "99KMVG", "What speaks for the box";
    SUPPORT_IMAGE = "support_image", "99KMVG", "The image";
    SUPPORT_PRIOR = "support_prior", "99KMVG", "Prior knowledge only";
    SUPPORT_NONE = "support_none", "99KMVG", "Nothing stated";
    UNNAMED_FINDING = "unnamed", "99KMVG", "Finding named by the phrase";
    // Purposes of reference
    SOURCE_IMAGE = "121322", "DCM", "Source image for image processing operation";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_go_where_long_values_belong() {
        let written = |value: &str| Code::private(value, &"m".repeat(80)).item().file("1.2", "1.3").unwrap();
        let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(has(&written("sixteen_letters_"), b"\x08\0\0\x01SH\x10\0sixteen_letters_"));
        assert!(has(&written("seventeen_letters"), b"\x08\0\x19\x01UC\0\0\x12\0\0\0seventeen_letters "));
        assert!(
            has(&written("x"), &[b"\x08\0\x04\x01LO\x40\0", "m".repeat(64).as_bytes(), b"\xfe\xff"].concat()) || {
                // The meaning is the last element of the data set here.
                written("x").ends_with(&[b"\x08\0\x04\x01LO\x40\0", "m".repeat(64).as_bytes()].concat())
            }
        );
    }
}
