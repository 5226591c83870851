//! Replaced UIDs.

use dicom_core::VR;

use super::dummy::padded;
use super::key::Key;

/// UIDs that the standard itself gives: classes, transfer syntaxes, well-known frames of reference (PS3.6 annex A).
const WELL_KNOWN: &str = "1.2.840.10008.";

/// A value of UIDs with all of them replaced that are no well-known ones.
pub(super) fn replaced(bytes: &[u8], key: &Key) -> Vec<u8> {
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let one = |uid: &str| match uid.trim_matches(['\0', ' ']) {
        "" => String::new(),
        uid if is_well_known(uid) => uid.to_owned(),
        uid => key.uid(uid),
    };
    let uids: Vec<String> = text.split('\\').map(one).collect();
    padded(&uids.join("\\"), VR::UI)
}

/// Whether the standard gives this UID.
pub(super) fn is_well_known(uid: &str) -> bool {
    uid.starts_with(WELL_KNOWN) && crate::is_uid(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_several_is_replaced_and_the_standards_own_stay() {
        let key = Key::from_hex(&"5e".repeat(32)).unwrap();
        let (one, two) = (key.uid("1.2.3"), key.uid("1.2.4"));
        let written = String::from_utf8(replaced(b"1.2.3\\1.2.840.10008.1.2\\1.2.4\0", &key)).unwrap();
        assert_eq!(written.trim_end_matches('\0'), format!("{one}\\1.2.840.10008.1.2\\{two}"));
        assert!(replaced(b"", &key).is_empty());
        assert_ne!(replaced(b"1.2.840.10008.CANARY", &key), b"1.2.840.10008.CANARY");
    }
}
