//! [`Grounding`] → a FHIR bundle that a server can take in one transaction.
//!
//! ```text
//! Bundle (transaction)
//!   Device              the program and its weights
//!   DiagnosticReport    preliminary; of the DICOM study
//!     └─ Observation    one for each phrase with boxes; coded finding, site, confidence
//!          └─ ImagingSelection    R5: the boxes as polylines on the DICOM instance
//!          └─ Media               R4: the boxes as SVG, and as the extension that R5 defines for R4
//! ```
//!
//! The resources are written by hand: four of them, of which a fraction of the elements is used; a model of all of FHIR would be
//! larger than the rest of the program. They are checked against an independent model by `scripts/fhir_check.py`.
//!
//! A phrase that the report denies is left out, as in the structured report: it was not looked for.
#![warn(missing_docs)]

mod bundle;
mod code;
mod device;
mod id;
mod image;
mod observation;
mod report;
mod version;

pub use bundle::{FhirError, bundle};
pub use version::Version;

#[cfg(doc)]
use knowmvg::grounding::Grounding;
