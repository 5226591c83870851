//! Table E.1-1 of PS3.15, as `table.txt` has it.

use std::collections::HashMap;
use std::sync::OnceLock;

use dicom_core::Tag;
use dicom_dictionary_std::uids;

use super::profile::ProfileOption;

const TABLE: &str = include_str!("table.txt");

/// What a code of an option says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptionCode {
    /// K.
    Keep,
    /// C.
    Clean,
}

/// The type of an attribute where it stands (PS3.5 §7.4), conditional or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttributeType {
    /// It must have a value.
    Required,
    /// It must be there, and may be empty.
    Present,
    /// It may be absent.
    Optional,
}

/// Where attributes stand whose type depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Radiograph,
    Report,
    PresentationState,
    OtherObject,
    Sequence,
}

impl Scope {
    /// Of the attributes of an object itself.
    pub fn of_class(uid: &str) -> Self {
        use uids::{
            BASIC_TEXT_SR_STORAGE, COMPREHENSIVE_SR_STORAGE, COMPREHENSIVE3_DSR_STORAGE,
            COMPUTED_RADIOGRAPHY_IMAGE_STORAGE, DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
            DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PROCESSING, ENHANCED_SR_STORAGE,
            GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE, SECONDARY_CAPTURE_IMAGE_STORAGE,
        };
        match uid {
            COMPUTED_RADIOGRAPHY_IMAGE_STORAGE
            | DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION
            | DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PROCESSING
            | SECONDARY_CAPTURE_IMAGE_STORAGE => Self::Radiograph,
            BASIC_TEXT_SR_STORAGE | ENHANCED_SR_STORAGE | COMPREHENSIVE_SR_STORAGE | COMPREHENSIVE3_DSR_STORAGE => {
                Self::Report
            }
            GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE => Self::PresentationState,
            _ => Self::OtherObject,
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The profile's own code, e.g. `X/Z/D`.
    pub code: &'static str,
    options: Vec<(ProfileOption, OptionCode)>,
    types: Option<[AttributeType; 5]>,
}

impl Row {
    /// The code of an option.
    pub fn option(&self, option: ProfileOption) -> Option<OptionCode> {
        self.options.iter().find(|(of, _)| *of == option).map(|(_, code)| *code)
    }

    /// The type of the attribute; only where the code asks for it.
    pub fn attribute_type(&self, scope: Scope) -> AttributeType {
        self.types.map_or(AttributeType::Optional, |types| types[scope as usize])
    }

    fn parse(line: &'static str) -> Option<(Tag, Self)> {
        let mut words = line.split(' ');
        let number = u32::from_str_radix(words.next()?, 16).ok()?;
        let mut row = Self { code: words.next()?, options: Vec::new(), types: None };
        for word in words {
            match word.split_once(':')? {
                ("types", digits) => row.types = Some(types(digits)?),
                (column, code) => row.options.push((option(column)?, option_code(code)?)),
            }
        }
        Some((Tag((number >> 16) as u16, (number & 0xffff) as u16), row))
    }
}

fn types(digits: &str) -> Option<[AttributeType; 5]> {
    let one = |digit: char| match digit {
        '1' => Some(AttributeType::Required),
        '2' => Some(AttributeType::Present),
        '3' => Some(AttributeType::Optional),
        _ => None,
    };
    digits.chars().map(one).collect::<Option<Vec<_>>>()?.try_into().ok()
}

fn option(column: &str) -> Option<ProfileOption> {
    Some(match column {
        "uids" => ProfileOption::RetainUids,
        "device" => ProfileOption::RetainDeviceIdentity,
        "patient" => ProfileOption::RetainPatientCharacteristics,
        "dates" => ProfileOption::RetainModifiedDates,
        "descriptors" => ProfileOption::CleanDescriptors,
        "content" => ProfileOption::CleanStructuredContent,
        _ => return None,
    })
}

fn option_code(code: &str) -> Option<OptionCode> {
    match code {
        "K" => Some(OptionCode::Keep),
        "C" => Some(OptionCode::Clean),
        _ => None,
    }
}

/// The row of an attribute, if it has one.
pub(super) fn row(tag: Tag) -> Option<&'static Row> {
    table().get(&tag)
}

fn table() -> &'static HashMap<Tag, Row> {
    static ROWS: OnceLock<HashMap<Tag, Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| Row::parse(line).expect("a line of the table that is well formed")).collect()
    })
}

#[cfg(test)]
mod tests {
    use dicom_core::dictionary::DataDictionary;
    use dicom_dictionary_std::{StandardDataDictionary, tags};

    use super::*;

    #[test]
    fn every_line_is_read_once() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!((lines, table().len()), (658, 658));
    }

    #[test]
    fn codes_that_depend_on_the_type_say_which_it_is() {
        for (tag, row) in table() {
            assert_eq!(row.code.contains('/'), row.types.is_some(), "{tag}");
            assert!(["D", "Z", "X", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"].contains(&row.code), "{tag}");
        }
    }

    #[test]
    fn an_attribute_that_the_dictionary_lacks_is_removed_whatever_its_code_is() {
        // What the dictionary lacks cannot be written with a dummy value; these are younger than it.
        let unknown: Vec<&str> = table()
            .iter()
            .filter(|(tag, _)| StandardDataDictionary.by_tag(**tag).is_none())
            .map(|(_, row)| row.code)
            .collect();
        assert!(unknown.len() < 40, "{}", unknown.len());
    }

    #[test]
    fn types_are_those_of_the_information_objects() {
        let type_of = |tag: Tag, scope: Scope| row(tag).unwrap().attribute_type(scope);
        assert_eq!(type_of(tags::CONTENT_DATE, Scope::Report), AttributeType::Required);
        assert_eq!(type_of(tags::CONTENT_DATE, Scope::Radiograph), AttributeType::Present);
        assert_eq!(type_of(tags::SERIES_DATE, Scope::Radiograph), AttributeType::Optional);
        assert_eq!(Scope::of_class("1.2.840.10008.5.1.4.1.1.88.34"), Scope::Report);
        assert_eq!(Scope::of_class("1.2.840.10008.5.1.4.1.1.2"), Scope::OtherObject);
    }
}
