//! [`Subject`]: what stands for a patient in all files of one key.

use dicom_dictionary_std::tags;

use super::key::Key;
use crate::tree::Item;

/// What stands for a patient.
pub(super) struct Subject {
    /// In the place of name and id.
    pub pseudonym: String,
    /// By how many days dates move back.
    pub days: u64,
}

impl Subject {
    /// By the Patient ID, or by the study where there is none: such studies cannot be told to be of one patient.
    pub fn of(object: &Item, key: &Key) -> Self {
        let id = object.term(tags::PATIENT_ID).map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
        let subject = match id {
            Some(id) => format!("id {id}"),
            None => format!("study {}", object.term(tags::STUDY_INSTANCE_UID).unwrap_or_default()),
        };
        Self { pseudonym: key.pseudonym("patient", &subject), days: key.days(&subject) }
    }
}
