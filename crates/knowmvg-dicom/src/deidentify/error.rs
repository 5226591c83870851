//! [`DeidentifyError`].

use crate::error::Error;

/// Why a file is not de-identified. No message quotes a value of the file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeidentifyError {
    /// It is not DICOM, or is damaged.
    #[error(transparent)]
    File(#[from] Error),
    /// Its pixels hold identifying text, by its own account.
    #[error("expected an image without text in its pixels, found Burned In Annotation YES, which is not cleaned here")]
    BurnedIn,
    /// Objects of its class can't be de-identified by a table of attributes.
    #[error("expected an object of a class of the standard, found {found}")]
    Class {
        /// What it is instead.
        found: &'static str,
    },
}
