//! [`Action`]: what is done with an element.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::profile::{Profile, ProfileOption};
use super::table::{self, AttributeType, OptionCode, Row, Scope};

/// What is done with an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// It stays; in the items of a sequence each element has its own action.
    Keep,
    /// It goes.
    Remove,
    /// It stays without a value.
    Empty,
    /// It gets a value that says nothing.
    Dummy,
    /// It gets another UID.
    Uid,
    /// It gets the patient's pseudonym.
    Pseudonym,
    /// Cleaned as an option says, or, where that leaves nothing, treated as without the option.
    Clean(ProfileOption),
}

/// What is done with an element by profile and options.
pub(super) fn action(tag: Tag, vr: VR, scope: Scope, profile: &Profile) -> Action {
    if is_removed(tag) {
        return Action::Remove;
    }
    if matches!(tag, tags::PATIENT_NAME | tags::PATIENT_ID) {
        // Z allows a dummy value, and archives tell patients apart by it.
        return Action::Pseudonym;
    }
    let Some(row) = table::row(tag) else { return unlisted(tag, vr, scope, profile) };
    let by_option = |option: &ProfileOption| match row.option(*option)? {
        OptionCode::Keep => Some(Action::Keep),
        OptionCode::Clean => Some(Action::Clean(*option)),
    };
    // Of several the first: a date of a device is shifted, not kept, if dates are shifted.
    profile.options().iter().find_map(by_option).unwrap_or_else(|| by_code(tag, row, scope))
}

/// What is done with an element by the profile alone.
pub(super) fn basic_action(tag: Tag, scope: Scope) -> Action {
    table::row(tag).map_or(Action::Remove, |row| by_code(tag, row, scope))
}

/// Type 1 gets a dummy, type 2 is emptied and type 3 removed, as far as the code allows; else the next that it does allow.
///
/// # Source
/// PS3.15 table E.1-1a.
///
/// # Departures
/// Presentation Creation Date and Time have code X; a presentation state without them is none.
fn by_code(tag: Tag, row: &Row, scope: Scope) -> Action {
    if is_required_all_the_same(tag, scope) {
        return Action::Dummy;
    }
    let may = |letter: &str| row.code.split('/').any(|part| part == letter);
    match row.attribute_type(scope) {
        _ if row.code == "U" => Action::Uid,
        AttributeType::Optional if may("X") => Action::Remove,
        AttributeType::Required if may("D") => Action::Dummy,
        // References stay, with other UIDs.
        AttributeType::Required if may("U*") => Action::Keep,
        _ if may("Z") => Action::Empty,
        _ if may("D") => Action::Dummy,
        _ => Action::Remove,
    }
}

/// The only attributes of code X that an object must have (PS3.3 §C.11.10).
fn is_required_all_the_same(tag: Tag, scope: Scope) -> bool {
    let is_creation = matches!(tag, tags::PRESENTATION_CREATION_DATE | tags::PRESENTATION_CREATION_TIME);
    is_creation && matches!(scope, Scope::PresentationState | Scope::OtherObject)
}

/// Whole groups, whatever they hold.
fn is_removed(tag: Tag) -> bool {
    let Tag(group, element) = tag;
    let is_private = group % 2 == 1;
    // Commands, file meta information, directories.
    let is_elsewhere = group < 8;
    let is_curve_or_overlay = matches!(group, 0x5000..=0x50ff | 0x6000..=0x60ff);
    // They no longer hold.
    let is_length = element == 0;
    is_private || is_elsewhere || is_curve_or_overlay || is_length || tag == tags::DATA_SET_TRAILING_PADDING
}

/// The table lists names, dates, times and instances of objects for care; others are not known to be harmless.
fn unlisted(tag: Tag, vr: VR, scope: Scope, profile: &Profile) -> Action {
    // Pixels of an icon, wherever it stands.
    let is_nested_picture = scope == Scope::Sequence && tag.0 == tags::PIXEL_DATA.0;
    // Where codes come from, which may be from outside of DICOM.
    let is_of_codes = matches!(tag, tags::CODING_SCHEME_UID | tags::CONTEXT_UID);
    match vr {
        _ if is_nested_picture => Action::Remove,
        VR::PN | VR::DA | VR::TM | VR::DT | VR::AE => Action::Remove,
        // Well-known ones, such as classes, stay.
        VR::UI if !is_of_codes && !profile.has(ProfileOption::RetainUids) => Action::Uid,
        _ => Action::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::BurnedIn;
    use super::*;

    fn basic(tag: Tag, vr: VR, scope: Scope) -> Action {
        action(tag, vr, scope, &Profile::default())
    }

    #[test]
    fn a_code_that_depends_on_the_type_keeps_the_object_valid() {
        assert_eq!(basic(tags::CONTENT_DATE, VR::DA, Scope::Report), Action::Dummy);
        assert_eq!(basic(tags::CONTENT_DATE, VR::DA, Scope::Radiograph), Action::Empty);
        assert_eq!(basic(tags::SERIES_DATE, VR::DA, Scope::Radiograph), Action::Remove);
        assert_eq!(basic(tags::DEVICE_SERIAL_NUMBER, VR::LO, Scope::OtherObject), Action::Dummy);
        assert_eq!(basic(tags::PRESENTATION_CREATION_DATE, VR::DA, Scope::PresentationState), Action::Dummy);
        assert_eq!(basic(tags::PRESENTATION_CREATION_DATE, VR::DA, Scope::Sequence), Action::Remove);
        assert_eq!(basic(tags::REFERENCED_IMAGE_SEQUENCE, VR::SQ, Scope::Sequence), Action::Keep);
        assert_eq!(basic(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, VR::SQ, Scope::Report), Action::Empty);
    }

    #[test]
    fn what_nobody_listed_stays_unless_it_is_private_or_a_name_or_a_date() {
        assert_eq!(basic(tags::ROWS, VR::US, Scope::Radiograph), Action::Keep);
        assert_eq!(basic(Tag(0x0009, 0x1001), VR::LO, Scope::Radiograph), Action::Remove);
        assert_eq!(basic(Tag(0x6002, 0x0010), VR::US, Scope::Radiograph), Action::Remove);
        assert_eq!(basic(Tag(0x5010, 0x0010), VR::US, Scope::Radiograph), Action::Remove);
        assert_eq!(basic(Tag(0x0010, 0), VR::UL, Scope::Radiograph), Action::Remove);
        assert_eq!(basic(Tag(0x0014, 0x0104), VR::PN, Scope::OtherObject), Action::Remove);
        assert_eq!(basic(tags::PIXEL_DATA, VR::OW, Scope::Sequence), Action::Remove);
    }

    #[test]
    fn dates_of_devices_are_shifted_where_dates_are() {
        let device = ProfileOption::RetainDeviceIdentity;
        let dates = ProfileOption::RetainModifiedDates;
        let of = |options: &[ProfileOption]| {
            let profile = Profile::new(options.iter().copied(), BurnedIn::Refuse);
            action(tags::DATE_OF_LAST_CALIBRATION, VR::DA, Scope::Radiograph, &profile)
        };
        assert_eq!(of(&[]), Action::Remove);
        assert_eq!(of(&[device]), Action::Keep);
        assert_eq!(of(&[device, dates]), Action::Clean(dates));
    }
}
