//! Objects that are made from an image and a [`Grounding`](knowmvg::grounding::Grounding), for archives and viewers.
//!
//! ```text
//! bytes of the image ──Source::read──▶ Source      patient, study, references, display
//! Source + Grounding ──sr::write──▶ structured report: boxes as data, editable
//!                  ──gsps::write──▶ presentation state: the same, drawn over the image
//!                  ──secondary_capture::write──▶ image: the same, burned in
//! structured report ──sr::read──▶ ReadBack..       also after a viewer changed it
//! ```
//!
//! All of them belong to the patient and study of the image, each in a series of its own, and say that they are not for
//! diagnosis. UIDs and bytes follow from the input (see [`sr::write`]).

mod charset;
mod code;
mod common;
mod error;
pub mod gsps;
mod identifiers;
mod identity;
mod naming;
mod narrative;
mod object;
mod reference;
mod region;
pub mod secondary_capture;
mod source;
pub mod sr;
mod time;
mod uid;

pub use code::Code;
pub use error::WriteError;
pub use identifiers::Identifiers;
pub use naming::{Site, finding as coded_finding, site as coded_site};
pub use narrative::report_text;
pub(crate) use object::{IMPLEMENTATION_VERSION_NAME, implementation_class};
pub use source::Source;
pub use time::ContentTime;
pub(crate) use uid::uuid_v8;
pub use uid::{is_uid, name_based_uuid};
