//! Values that say nothing.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::action::{Action, action};
use super::key::Key;
use super::profile::Profile;
use super::table::Scope;
use super::{dictionary, uids};
use crate::tree::Item;

/// Stands for every text.
pub(super) const REMOVED: &str = "REMOVED";

/// The dummy of a date: before any image.
pub(super) const DATE: &str = "19000101";

/// A value for an attribute that must have one (action D).
pub(super) fn value(vr: VR) -> Vec<u8> {
    let text = match vr {
        VR::DA => DATE,
        VR::TM => "000000",
        VR::DT => "19000101000000",
        VR::AS => "000D",
        VR::DS | VR::IS => "0",
        VR::UR => "about:blank",
        VR::US | VR::SS => return vec![0; 2],
        VR::UL | VR::SL | VR::FL | VR::AT => return vec![0; 4],
        VR::FD | VR::UV | VR::SV => return vec![0; 8],
        // A whole number of values of any width.
        VR::OB | VR::OW | VR::OL | VR::OF | VR::OD | VR::OV | VR::UN => return vec![0; 8],
        _ => REMOVED,
    };
    padded(text, vr)
}

/// The bytes of a text, of even length (PS3.5 §6.2).
pub(super) fn padded(text: &str, vr: VR) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if !bytes.len().is_multiple_of(2) {
        bytes.push(if vr == VR::UI { 0 } else { b' ' });
    }
    bytes
}

/// The items that stand for those of a sequence that must have some: one of the same shape, without any of its values.
pub(super) fn items(tag: Tag, items: &[Item], key: &Key) -> Vec<Item> {
    match tag {
        tags::CONTENT_SEQUENCE => vec![comment()],
        tags::GRAPHIC_ANNOTATION_SEQUENCE => vec![annotation(items)],
        _ => items.iter().take(1).map(|item| shape(item, key)).collect(),
    }
}

/// What the profile keeps has a dummy too; well-known UIDs stay, so that the item still says what kind of thing it is of.
fn shape(item: &Item, key: &Key) -> Item {
    let mut shape = Item::default();
    let by = |tag: Tag, vr: VR| action(tag, vr, Scope::Sequence, &Profile::default());
    for (tag, element) in item.values() {
        let Some(vr) = dictionary::vr(tag).filter(|vr| *vr != VR::SQ) else { continue };
        match by(tag, vr) {
            Action::Remove => {}
            Action::Empty => shape.insert(tag, vr, Vec::new()),
            _ if vr == VR::UI => shape.insert(tag, vr, uids::replaced(&element.bytes, key)),
            _ => shape.insert(tag, vr, value(vr)),
        }
    }
    for (tag, below) in item.sequences().filter(|(tag, _)| dictionary::vr(*tag) == Some(VR::SQ)) {
        match by(tag, VR::SQ) {
            Action::Remove => {}
            Action::Empty => shape.insert_items(tag, Vec::new()),
            _ => shape.insert_items(tag, items(tag, below, key)),
        }
    }
    shape
}

/// A content item in the place of a content tree.
fn comment() -> Item {
    let mut item = Item::default();
    item.insert(tags::RELATIONSHIP_TYPE, VR::CS, padded("CONTAINS", VR::CS));
    item.insert(tags::VALUE_TYPE, VR::CS, padded("TEXT", VR::CS));
    item.insert_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![code("121106", "DCM", "Comment")]);
    item.insert(tags::TEXT_VALUE, VR::UT, value(VR::UT));
    item
}

/// The item of a code sequence.
pub(super) fn code(code_value: &str, scheme: &str, meaning: &str) -> Item {
    let mut item = Item::default();
    item.insert(tags::CODE_VALUE, VR::SH, padded(code_value, VR::SH));
    item.insert(tags::CODING_SCHEME_DESIGNATOR, VR::SH, padded(scheme, VR::SH));
    item.insert(tags::CODE_MEANING, VR::LO, padded(meaning, VR::LO));
    item
}

/// One word at the corner of the display, on the layer that was drawn on (PS3.3 §C.10.5).
fn annotation(items: &[Item]) -> Item {
    let mut word = Item::default();
    word.insert(tags::ANCHOR_POINT_ANNOTATION_UNITS, VR::CS, padded("DISPLAY", VR::CS));
    word.insert(tags::UNFORMATTED_TEXT_VALUE, VR::ST, value(VR::ST));
    word.insert(tags::ANCHOR_POINT, VR::FL, vec![0; 8]);
    word.insert(tags::ANCHOR_POINT_VISIBILITY, VR::CS, padded("N", VR::CS));
    let mut annotation = Item::default();
    if let Some(layer) = items.first().and_then(|item| item.value(tags::GRAPHIC_LAYER)) {
        annotation.insert(tags::GRAPHIC_LAYER, VR::CS, layer.bytes.clone());
    }
    annotation.insert_items(tags::TEXT_OBJECT_SEQUENCE, vec![word]);
    annotation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dummies_have_an_even_length_and_are_no_emptiness() {
        for vr in [VR::AE, VR::AS, VR::CS, VR::DA, VR::DT, VR::FD, VR::IS, VR::LO, VR::OB, VR::PN, VR::TM, VR::UR] {
            let value = value(vr);
            assert!(!value.is_empty() && value.len().is_multiple_of(2), "{vr:?}");
        }
    }
}
