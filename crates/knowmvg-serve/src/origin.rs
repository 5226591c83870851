//! [`Origin`]: whose image it is, for results that go to an archive; or, if the server takes patients out, who stands for them.

use knowmvg::ask::GroundedAnswer;
use knowmvg::grounding::Grounding;
use knowmvg::question::is_plain;
use knowmvg_dicom::deidentify::{Deidentified, without_words};
use knowmvg_dicom::{ContentTime, Source, is_dicom};

use crate::app::App;
use crate::problem::{NO_DICOM_FORM, NOT_DEIDENTIFIED, Problem};

/// What an upload says about patient and study.
///
/// It is kept as long as the image is, in the same place and nowhere else; no answer but `application/dicom` and `application/fhir+json` has
/// anything of it.
pub(crate) enum Origin {
    /// It was not looked at: nobody asked for such a result.
    NotRead,
    /// The upload is DICOM.
    Dicom(Box<Known>),
    /// The upload is a picture, or lacks what every DICOM image has; and in what way.
    None(String),
}

/// What a DICOM upload says.
pub(crate) struct Known {
    source: Source,
    /// If patients are taken out, how: the source is then that of the new file, whose bytes are not kept.
    deidentified: Option<Deidentified>,
}

/// When somebody will ask whose image it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Never.
    Nobody,
    /// Perhaps later.
    Later,
}

impl App {
    /// Of an upload. No more is read than will be needed.
    ///
    /// # Errors
    /// When patients are taken out, and this one cannot be.
    pub(crate) fn origin(&self, bytes: &[u8], need: Need) -> Result<Origin, Problem> {
        if !is_dicom(bytes) {
            return Ok(Origin::None("expected an image that was sent as DICOM, found a picture".to_owned()));
        }
        let Some(deidentifier) = &self.config().deidentifier else {
            return Ok(if need == Need::Nobody { Origin::NotRead } else { Origin::read(bytes, None) });
        };
        // Whatever is asked for: what cannot go through de-identification, such as text in pixels, must not go around it.
        let done = deidentifier.file(bytes);
        let mut done = done.map_err(|error| Problem::new(&NOT_DEIDENTIFIED, error.to_string()))?;
        let bytes = std::mem::take(&mut done.bytes);
        Ok(if need == Need::Nobody { Origin::NotRead } else { Origin::read(&bytes, Some(done)) })
    }

    /// The result as it may leave: if patients are taken out, without words that may name them.
    pub(crate) fn leaving(&self, grounding: Grounding) -> Grounding {
        if self.config().deidentifier.is_some() { without_words(&grounding) } else { grounding }
    }

    /// An answer as it may leave: words that a language model chose freely may repeat a name that it was asked with.
    pub(crate) fn answer_leaving(&self, answered: GroundedAnswer) -> GroundedAnswer {
        let GroundedAnswer { mut answer, grounding } = answered;
        let mut grounding = self.leaving(grounding);
        if self.config().deidentifier.is_some() && !is_plain(&answer) {
            answer.clear();
            grounding
                .warnings
                .push("the answer is more than a yes, a no or a place, and was left out with the patient".into());
        }
        GroundedAnswer { answer, grounding }
    }
}

impl Origin {
    fn read(bytes: &[u8], deidentified: Option<Deidentified>) -> Self {
        match Source::read(bytes) {
            Ok(source) => Self::Dicom(Box::new(Known { source, deidentified })),
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
            Self::Dicom(known) => Ok(&known.source),
            Self::NotRead => Err(Problem::new(&NO_DICOM_FORM, "the image was not read for this form")),
            Self::None(why) => Err(Problem::new(&NO_DICOM_FORM, why)),
        }
    }

    /// When a result is made, moved like the dates of its image.
    pub fn content_time(&self) -> ContentTime {
        let now = ContentTime::now();
        match self {
            Self::Dicom(known) => known.deidentified.as_ref().map_or(now, |done| done.content_time(now)),
            _ => now,
        }
    }
}
