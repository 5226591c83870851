//! Descriptions in words of a closed list (Clean Descriptors).
//!
//! Whether a word of free text names somebody cannot be told, and a list of names is never complete. So the list is one of what may
//! stay: parts of the chest, projections, positions, kinds of image. No surname of an eponym is in it, and no title.

use dicom_core::VR;

use super::dummy::padded;

/// In the order of the alphabet.
const WORDS: &str = "\
    abdomen acute adult and anterior ap apical axial bed bedside bilateral bone bones both bucky chest child clavicle \
    clinical comparison computed contrast control cr ct decubitus detector diagnostic digital direct dual dx emergency \
    energy enhanced erect expiration exposure film follow followup for frontal full grid heart high image images \
    inspiration lat lateral left ll lordotic low lower lung lungs mediastinum mobile new no non oblique of one pa \
    pediatric pelvis portable posterior presentation processed processing projection radiograph radiography rib ribs \
    right routine series shoulder single sitting spine standard standing stereo sternum supine thoracic thorax two upper \
    upright view views with without";

/// The words of a value that are in the list, in their order; `None` if none is.
pub(super) fn cleaned(bytes: &[u8], vr: VR) -> Option<Vec<u8>> {
    // Escapes begin scripts that are written with the codes of letters (ISO 2022).
    if bytes.contains(&0x1b) || !matches!(vr, VR::LO | VR::LT | VR::SH | VR::ST | VR::UC | VR::UT) {
        return None;
    }
    // A byte beyond ASCII is part of a word, and one with such a letter is not in the list.
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let words = bytes.split(|byte| !is_of_word(byte)).filter_map(|word| std::str::from_utf8(word).ok());
    let words: Vec<&str> = words.filter(|word| is_known(word)).collect();
    (!words.is_empty()).then(|| padded(&words.join(" "), vr))
}

fn is_known(word: &str) -> bool {
    WORDS.split(' ').any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        let words: Vec<&str> = WORDS.split(' ').collect();
        assert!(words.len() > 90 && words.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn only_words_of_the_list_stay() {
        let text = |value: &[u8], vr| cleaned(value, vr).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(text(b"CHEST PA/LAT, Mr. CANARY 4711", VR::LO).as_deref(), Some("CHEST PA LAT"));
        assert_eq!(text(b"M\xfcller-Chest thorax\\AP", VR::LO).as_deref(), Some("Chest thorax AP "));
        assert_eq!(text(b"CANARY", VR::LO), None);
        assert_eq!(text(b"\x1b$B chest", VR::LO), None);
        assert_eq!(text(b"chest", VR::OB), None);
    }
}
