//! What a de-identified object says of its de-identification.

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::dummy::{code, padded};
use super::profile::{Profile, ProfileOption};
use crate::tree::Item;

/// The profile's own code in CID 7050.
const BASIC_PROFILE: &str = "113100";

/// PS3.16 CID 7050, all of it: an object may have been de-identified before, by another program.
const METHODS: [(&str, &str); 13] = [
    (BASIC_PROFILE, "Basic Application Confidentiality Profile"),
    ("113101", "Clean Pixel Data Option"),
    ("113102", "Clean Recognizable Visual Features Option"),
    ("113103", "Clean Graphics Option"),
    ("113104", "Clean Structured Content Option"),
    ("113105", "Clean Descriptors Option"),
    ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
    ("113109", "Retain Device Identity Option"),
    ("113110", "Retain UIDs Option"),
    ("113111", "Retain Safe Private Option"),
    ("113112", "Retain Institution Identity Option"),
];

/// Writes into an object how it was de-identified.
///
/// # Source
/// PS3.15 §E.1.1 and §E.3.6; PS3.3 §C.7.1.1 and §C.12.1.
pub(super) fn state(original: &Item, object: &mut Item, profile: &Profile) {
    object.insert(tags::PATIENT_IDENTITY_REMOVED, VR::CS, padded("YES", VR::CS));
    let method = concat!("PS3.15 Basic Profile, KnowMVG ", env!("CARGO_PKG_VERSION"));
    object.insert(tags::DEIDENTIFICATION_METHOD, VR::LO, padded(method, VR::LO));
    object.insert_items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, codes(original, profile));
    let dates = if profile.has(ProfileOption::RetainModifiedDates) { "MODIFIED" } else { "REMOVED" };
    object.insert(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, VR::CS, padded(dates, VR::CS));
}

/// Those that were there, then ours; each once, in the order of the context group.
fn codes(original: &Item, profile: &Profile) -> Vec<Item> {
    let before = original.items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
    let was_used = |method: &str| {
        let is = |item: &Item, tag, text: &str| item.term(tag).as_deref() == Some(text);
        let is_method =
            |item: &Item| is(item, tags::CODE_VALUE, method) && is(item, tags::CODING_SCHEME_DESIGNATOR, "DCM");
        before.iter().any(is_method)
    };
    let is_used = |method: &str| {
        method == BASIC_PROFILE || profile.options().iter().any(|option| option.code() == method) || was_used(method)
    };
    METHODS.iter().filter(|(method, _)| is_used(method)).map(|(method, name)| code(method, "DCM", name)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::profile::BurnedIn;
    use super::*;

    fn methods(object: &Item) -> Vec<String> {
        let items = object.items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
        items.iter().filter_map(|item| item.term(tags::CODE_VALUE)).collect()
    }

    #[test]
    fn the_profile_and_each_option_are_stated_beside_what_was_done_before() {
        let mut before = Item::default();
        let codes = [code("113101", "DCM", "CANARY"), code("113199", "DCM", "CANARY"), code("113103", "99X", "CANARY")];
        before.insert_items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, codes.to_vec());
        let mut object = Item::default();
        let dates = ProfileOption::RetainModifiedDates;
        state(&before, &mut object, &Profile::new([dates], BurnedIn::Refuse));
        assert_eq!(methods(&object), ["113100", "113101", "113107"]);
        assert_eq!(object.term(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED).as_deref(), Some("MODIFIED"));
        assert_eq!(object.term(tags::PATIENT_IDENTITY_REMOVED).as_deref(), Some("YES"));
    }

    #[test]
    fn names_fit_their_attribute_and_every_option_has_one() {
        assert!(METHODS.iter().all(|(_, name)| name.len() <= 64));
        for option in ProfileOption::ALL {
            assert!(METHODS.iter().any(|(method, _)| *method == option.code()));
        }
    }
}
