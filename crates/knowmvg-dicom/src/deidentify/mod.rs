//! De-identification: bytes of a DICOM file → bytes of one that does not say whom it is of.
//!
//! ```text
//! bytes ──Item::read_all──▶ Item, Pixels    everything before the pixels as a tree; the pixels stay as they are
//! Item ──Rewriter::object──▶ Item           each element by the table of PS3.15 and the options, at every depth
//! Item ──method::state──▶ Item              what was done, as codes
//! Item, Pixels ──write::file──▶ bytes       with file meta information of its own
//! ```
//!
//! An element stays only if the standard's dictionary knows it, with the value representation that it has there; private elements,
//! curves, overlays and whatever comes behind the pixels go. New UIDs, pseudonyms and the shift of dates follow from a secret
//! [`Key`], so that files which belong together still do, and nobody without the key can tell what they were.
//!
//! This is no proof of anonymity: text in pixels, faces, rare diseases and whatever a sender wrote where it does not belong stay.

mod action;
mod content;
mod dates;
mod dictionary;
mod dummy;
mod error;
mod grounding;
mod key;
mod method;
mod patient;
mod pixels;
mod profile;
mod rewrite;
mod subject;
mod table;
mod uids;
mod words;
mod write;

pub use error::DeidentifyError;
pub use grounding::without_words;
pub use key::{Key, KeyError, MIN_KEY_BYTES};
pub use profile::{BurnedIn, Profile, ProfileOption};

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use crate::derived::{ContentTime, implementation_class};
use crate::error::Error;
use crate::file::{self, Encoding, File};
use crate::guard::guarded;
use crate::is_uid;
use crate::read::MAX_FILE_BYTES;
use crate::tree::Item;
use pixels::Pixels;
use rewrite::Rewriter;
use subject::Subject;
use write::{Form, Meta};

const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
/// Media Storage Directory Storage: names of files and patients, by byte offsets.
const DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// De-identifies files, all by one key and one profile.
#[derive(Debug, Clone)]
pub struct Deidentifier {
    key: Key,
    profile: Profile,
}

/// A file that was de-identified.
#[derive(Clone, PartialEq, Eq)]
pub struct Deidentified {
    /// The file.
    pub bytes: Vec<u8>,
    /// SOP Instance UID of the new object.
    pub sop_instance_uid: String,
    /// What whoever passes it on should look at first; nothing of the patient.
    pub warnings: Vec<&'static str>,
    /// By how many days dates were moved back; `None` if they were removed.
    days: Option<u64>,
}

impl Deidentifier {
    /// With a key and a profile.
    pub fn new(key: Key, profile: Profile) -> Self {
        Self { key, profile }
    }

    /// De-identifies a DICOM file.
    ///
    /// The same bytes, key and profile give the same bytes. Pixel data is not decoded, and its bytes are those of the original.
    ///
    /// # Errors
    /// When the file is not DICOM, is damaged, lacks its class or its UID, is of a private class or a directory, or says that its
    /// pixels hold identifying text, unless the profile allows that.
    ///
    /// # Source
    /// PS3.15 §E.1.1, §E.2 and table E.1-1.
    ///
    /// # Departures
    /// Where an action depends on the type of the attribute, the types are those of radiographs, reports and presentation states;
    /// in all other objects an attribute counts with the strictest type that any object of the standard gives it. Type 1 gets a
    /// dummy value, type 2 is emptied, type 3 removed. Big endian and deflated files become Explicit VR Little Endian.
    pub fn file(&self, bytes: &[u8]) -> Result<Deidentified, DeidentifyError> {
        guarded(bytes, MAX_FILE_BYTES, |bytes| self.rewrite(bytes))
    }

    /// The UID that stands for another one in every file of this key.
    pub fn uid(&self, uid: &str) -> String {
        if self.profile.has(ProfileOption::RetainUids) || uids::is_well_known(uid) {
            return uid.to_owned();
        }
        self.key.uid(uid)
    }

    fn rewrite(&self, bytes: &[u8]) -> Result<Deidentified, DeidentifyError> {
        let file = file::open(bytes)?;
        let (original, pixels_at) = Item::read_all(&file.dataset, file.encoding)?;
        let class = uid(&original, tags::SOP_CLASS_UID, "SOP Class UID")?;
        let instance = self.uid(&uid(&original, tags::SOP_INSTANCE_UID, "SOP Instance UID")?);
        refuse(&class)?;
        let warnings = self.look_at_pixels(&original, pixels_at.is_some())?;
        let pixels = pixels_at.map(|offset| Pixels::at(&file.dataset, offset, file.encoding)).transpose()?;
        let subject = Subject::of(&original, &self.key);
        let rewriter = Rewriter { key: &self.key, profile: &self.profile, subject: &subject };
        let mut object = rewriter.object(&original, &class);
        method::state(&original, &mut object, &self.profile);
        let (transfer_syntax, form) = written_as(&file, pixels.as_ref())?;
        let implementation = implementation_class();
        let meta = Meta {
            sop_class: &class,
            sop_instance: &instance,
            transfer_syntax: &transfer_syntax,
            implementation_class: &implementation,
        };
        let bytes = write::file(&meta, form, &object, pixels.as_ref())?;
        let days = self.profile.has(ProfileOption::RetainModifiedDates).then_some(subject.days);
        Ok(Deidentified { bytes, sop_instance_uid: instance, warnings, days })
    }

    fn look_at_pixels(&self, object: &Item, has_pixels: bool) -> Result<Vec<&'static str>, DeidentifyError> {
        let says = |tag: Tag| object.term(tag);
        let mut warnings = Vec::new();
        match says(tags::BURNED_IN_ANNOTATION).as_deref() {
            Some("YES") if self.profile.burned_in == BurnedIn::Refuse => return Err(DeidentifyError::BurnedIn),
            Some("YES") => warnings.push("the pixels hold identifying text, by the file's own account"),
            Some("NO") => {}
            _ if has_pixels => warnings.push("the file does not say whether its pixels hold identifying text"),
            _ => {}
        }
        if says(tags::RECOGNIZABLE_VISUAL_FEATURES).as_deref() == Some("YES") {
            warnings.push("somebody may be recognized on the picture, by the file's own account");
        }
        if object.value(tags::ENCAPSULATED_DOCUMENT).is_some() {
            warnings.push("the document inside is replaced by an empty one");
        }
        Ok(warnings)
    }
}

impl Deidentified {
    /// The moment to write into what is derived from this object: moved like its dates, or one that says nothing.
    pub fn content_time(&self, moment: ContentTime) -> ContentTime {
        match self.days {
            Some(days) => moment.days_earlier(days),
            None => ContentTime::epoch(),
        }
    }
}

impl std::fmt::Debug for Deidentified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deidentified").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

fn uid(object: &Item, tag: Tag, name: &'static str) -> Result<String, Error> {
    match object.term(tag) {
        None => Err(Error::Missing { name, tag: tag.to_string() }),
        Some(text) if is_uid(&text) => Ok(text),
        Some(_) => {
            let found = "other characters, or more than 64".to_owned();
            Err(Error::Invalid { name, expected: "of digits and full stops", found })
        }
    }
}

fn refuse(class: &str) -> Result<(), DeidentifyError> {
    match class {
        DIRECTORY => Err(DeidentifyError::Class { found: "a directory of media" }),
        class if uids::is_well_known(class) => Ok(()),
        _ => Err(DeidentifyError::Class { found: "one of a manufacturer's own" }),
    }
}

/// The transfer syntax of the new file, whose pixels are those of the old one.
fn written_as(file: &File<'_>, pixels: Option<&Pixels<'_>>) -> Result<(String, Form), Error> {
    match (file.encoding, pixels) {
        (_, Some(Pixels::Encapsulated(_))) if uids::is_well_known(&file.transfer_syntax) => {
            Ok((file.transfer_syntax.clone(), Form::Explicit))
        }
        (_, Some(Pixels::Encapsulated(_))) => Err(Error::Unsupported {
            expected: "a transfer syntax of the standard",
            found: "one of a manufacturer's own".to_owned(),
        }),
        (Encoding::ImplicitLittle, _) => Ok((IMPLICIT_LITTLE.to_owned(), Form::Implicit)),
        _ => Ok((EXPLICIT_LITTLE.to_owned(), Form::Explicit)),
    }
}
