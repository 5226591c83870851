//! [`Version`]: of FHIR.

/// A version of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// 5.0.0, which has ImagingSelection.
    #[default]
    R5,
    /// 4.0.1, which most servers speak.
    R4,
}

impl Version {
    /// As it stands in a media type's `fhirVersion` (FHIR R5 §3.2.0.4).
    pub fn parameter(self) -> &'static str {
        match self {
            Self::R5 => "5.0",
            Self::R4 => "4.0",
        }
    }
}
