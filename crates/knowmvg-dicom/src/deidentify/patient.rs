//! What is kept of a patient (Retain Patient Characteristics), if it is what it should be.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::dummy::padded;

/// Highest age that is told; there are few who are older, and everybody knows them.
const MAX_AGE: u32 = 89;

/// A kept value, or `None` if its form is not that of the attribute.
///
/// # Departures
/// Ages above 89 years become 90 years, as the Safe Harbor of HIPAA asks for; the standard would keep them.
pub(super) fn kept(tag: Tag, bytes: &[u8]) -> Option<Vec<u8>> {
    let text = || std::str::from_utf8(bytes).ok().map(|text| text.trim_matches([' ', '\0']));
    match tag {
        tags::PATIENT_AGE => age(text()?),
        tags::PATIENT_SEX => text().filter(|text| matches!(*text, "" | "F" | "M" | "O")).map(|_| bytes.to_vec()),
        tags::PATIENT_SIZE | tags::PATIENT_WEIGHT => {
            text().filter(|text| text.is_empty() || text.parse::<f64>().is_ok()).map(|_| bytes.to_vec())
        }
        _ => Some(bytes.to_vec()),
    }
}

/// PS3.5 §6.2, AS.
fn age(text: &str) -> Option<Vec<u8>> {
    let (digits, unit) = text.split_at_checked(3)?;
    let number: u32 = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    match unit {
        "Y" if number > MAX_AGE => Some(padded("090Y", VR::AS)),
        "Y" | "M" | "W" | "D" => Some(padded(text, VR::AS)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_ages_and_end_at_ninety() {
        let age = |text: &str| kept(tags::PATIENT_AGE, text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(age("045Y").as_deref(), Some("045Y"));
        assert_eq!(age("089Y").as_deref(), Some("089Y"));
        assert_eq!(age("104Y").as_deref(), Some("090Y"));
        assert_eq!(age("018M").as_deref(), Some("018M"));
        for wrong in ["", "45Y", "+45Y", "045", "045Z", "é"] {
            assert_eq!(age(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_sex_and_no_weight_goes() {
        assert!(kept(tags::PATIENT_SEX, b"F ").is_some() && kept(tags::PATIENT_SEX, b"CANARY").is_none());
        assert!(kept(tags::PATIENT_WEIGHT, b"71.5").is_some() && kept(tags::PATIENT_WEIGHT, b"CANARY").is_none());
    }
}
