//! [`Origin`]: whose image it is, for results that go to an archive.

use knowmvg_dicom::{Source, is_dicom};

use crate::problem::{NO_DICOM_FORM, Problem};

/// What an upload says about patient and study.
///
/// It is kept as long as the image is, in the same place and nowhere else; no answer but `application/dicom` and `application/fhir+json` has
/// anything of it.
pub(crate) enum Origin {
    /// It was not looked at: nobody asked for such a result.
    NotRead,
    /// The upload is DICOM.
    Dicom(Box<Source>),
    /// The upload is a picture, or lacks what every DICOM image has; and in what way.
    None(String),
}

impl Origin {
    /// Of an upload.
    pub fn read(bytes: &[u8]) -> Self {
        if !is_dicom(bytes) {
            return Self::None("expected an image that was sent as DICOM, found a picture".to_owned());
        }
        match Source::read(bytes) {
            Ok(source) => Self::Dicom(Box::new(source)),
            // These errors quote no value of the file.
            Err(error) => Self::None(error.to_string()),
        }
    }

    /// What a DICOM or FHIR result repeats.
    ///
    /// # Errors
    /// When there is none.
    pub fn source(&self) -> Result<&Source, Problem> {
        match self {
            Self::Dicom(source) => Ok(source),
            Self::NotRead => Err(Problem::new(&NO_DICOM_FORM, "the image was not read for this form")),
            Self::None(why) => Err(Problem::new(&NO_DICOM_FORM, why)),
        }
    }
}
