//! What the data dictionary (PS3.6) says of an element.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

/// The value representation of an attribute; `None` for one that the standard does not have.
pub(super) fn vr(tag: Tag) -> Option<VR> {
    entry(tag).map(VirtualVr::relaxed)
}

/// Whether an attribute may have this value representation: one that lies about what it holds is not known to be harmless.
pub(super) fn is_possible(tag: Tag, stated: VR) -> bool {
    match entry(tag) {
        Some(VirtualVr::Exact(vr)) => vr == stated,
        Some(VirtualVr::Xs) => matches!(stated, VR::US | VR::SS),
        Some(VirtualVr::Lt) => matches!(stated, VR::US | VR::SS | VR::OW),
        Some(VirtualVr::Ox | VirtualVr::Px) => matches!(stated, VR::OB | VR::OW),
        _ => false,
    }
}

fn entry(tag: Tag) -> Option<VirtualVr> {
    StandardDataDictionary.by_tag(tag).map(|entry| entry.vr())
}
