//! [`Identifiers`]: which object a file holds, and of whom.

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::charset::Charset;
use super::uid::is_uid;
use crate::error::Error;
use crate::file;
use crate::guard::guarded;
use crate::read::MAX_FILE_BYTES;
use crate::tree::Item;

/// Most bytes of a value; Patient ID and Accession Number have 64 and 16 characters.
const MAX_VALUE_BYTES: usize = 1_024;

/// UIDs of any object, and the two numbers by which other systems know it.
///
/// As [`Source`](super::Source), it is read only where something is to be found or told apart by it; its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifiers {
    /// SOP Class UID (0008,0016).
    pub sop_class_uid: String,
    /// SOP Instance UID (0008,0018).
    pub sop_instance_uid: String,
    /// Study Instance UID (0020,000D).
    pub study_instance_uid: String,
    /// Series Instance UID (0020,000E).
    pub series_instance_uid: String,
    /// Accession Number (0008,0050); empty if there is none.
    pub accession_number: String,
    /// Patient ID (0010,0020); empty if there is none.
    pub patient_id: String,
}

fn is_wanted(tag: Tag) -> bool {
    [
        tags::SPECIFIC_CHARACTER_SET,
        tags::SOP_CLASS_UID,
        tags::SOP_INSTANCE_UID,
        tags::STUDY_INSTANCE_UID,
        tags::SERIES_INSTANCE_UID,
        tags::ACCESSION_NUMBER,
        tags::PATIENT_ID,
    ]
    .contains(&tag)
}

impl Identifiers {
    /// Reads them from the bytes of a DICOM file, up to its pixels.
    ///
    /// # Errors
    /// When the file is not DICOM, is damaged, lacks one of the UIDs, or holds text that its character set does not explain. No error quotes a
    /// value.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        guarded(bytes, MAX_FILE_BYTES, Self::parse)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let file = file::open(bytes)?;
        let item = Item::read(&file.dataset, file.encoding, is_wanted)?;
        let charset = Charset::new(item.term(tags::SPECIFIC_CHARACTER_SET).as_deref())?;
        Self::of(&item, &charset)
    }

    /// From the elements of a data set.
    pub(super) fn of(item: &Item, charset: &Charset) -> Result<Self, Error> {
        let uid = |tag: Tag, name: &'static str| match item.term(tag) {
            None => Err(Error::Missing { name, tag: tag.to_string() }),
            Some(text) if is_uid(&text) => Ok(text),
            Some(_) => {
                let found = "other characters, or more than 64".to_owned();
                Err(Error::Invalid { name, expected: "of digits and full stops", found })
            }
        };
        let text = |tag: Tag, name: &'static str| match item.value(tag) {
            None => Ok(String::new()),
            Some(element) if element.bytes.len() <= MAX_VALUE_BYTES => {
                Ok(charset.decode(&element.bytes)?.trim().to_owned())
            }
            Some(_) => Err(Error::Invalid { name, expected: "of at most 1024 bytes", found: "more".to_owned() }),
        };
        Ok(Self {
            sop_class_uid: uid(tags::SOP_CLASS_UID, "SOP Class UID")?,
            sop_instance_uid: uid(tags::SOP_INSTANCE_UID, "SOP Instance UID")?,
            study_instance_uid: uid(tags::STUDY_INSTANCE_UID, "Study Instance UID")?,
            series_instance_uid: uid(tags::SERIES_INSTANCE_UID, "Series Instance UID")?,
            accession_number: text(tags::ACCESSION_NUMBER, "Accession Number")?,
            patient_id: text(tags::PATIENT_ID, "Patient ID")?,
        })
    }
}

impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifiers").finish_non_exhaustive()
    }
}
