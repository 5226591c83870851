//! Structured reports: boxes that viewers can show, edit and send back.
//!
//! [`write`] makes a TID 1500 Measurement Report. Its tree, with the templates of PS3.16 that its parts follow:
//!
//! ```text
//! CONTAINER Imaging Measurement Report                       TID 1500
//!   CODE Language, Observer Type = Device, UIDREF, TEXT ..   TID 1204, 1002, 1004
//!   CODE Procedure reported
//!   CONTAINER Image Library > Group > IMAGE                  TID 1600, 1602
//!   CONTAINER Imaging Measurements
//!     CONTAINER Measurement Group, one for each box          TID 1410
//!       TEXT Tracking Identifier `KnowMVG 3a`, UIDREF Tracking Unique Identifier
//!       CODE Finding; CODE Finding Site > Laterality
//!       TEXT Algorithm Name, Version, Parameters             TID 4019
//!       SCOORD Image Region, POLYLINE > IMAGE
//!       NUM Confidence of the box [%] > the same SCOORD > IMAGE
//!       NUM Certainty of Finding [%]
//!       CODE Assertion of the report, What speaks for the box
//!       TEXT Comment: the phrase, and where its prior came from
//! ```
//!
//! A phrase that the report denies is left out, and so is one without a box. The group would need no region, so the template
//! could hold it; but many viewers list a Finding and pass over what qualifies it, and a denial that is shown as a finding is
//! worse than none. Nor did the device look: what is denied is not searched for, and the report that denies it exists already.
//!
//! [`read`] takes the boxes out of any report with such groups, also after a viewer changed them.

mod document;
mod group;
mod item;
mod read;

pub use read::{ReadBack, ReadSite, read};

use dicom_dictionary_std::{tags, uids};
use knowmvg::grounding::Grounding;

use crate::derived::common::{self, Series};
use crate::derived::error::WriteError;
use crate::derived::identity::Identity;
use crate::derived::object::Object;
use crate::derived::reference;
use crate::derived::region::regions;
use crate::derived::source::Source;
use crate::derived::time::ContentTime;

/// The storage class of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Class {
    /// Comprehensive 3D SR, which IHE AI Results asks for.
    #[default]
    Comprehensive3D,
    /// Comprehensive SR, for archives that do not take the other one; the content is the same.
    Comprehensive,
}

impl Class {
    fn uid(self) -> &'static str {
        match self {
            Self::Comprehensive3D => uids::COMPREHENSIVE3_DSR_STORAGE,
            Self::Comprehensive => uids::COMPREHENSIVE_SR_STORAGE,
        }
    }
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Storage class.
    pub class: Class,
    /// Content Date and Time.
    pub time: ContentTime,
}

/// Writes the boxes of a grounding as a DICOM file.
///
/// The same source, grounding and options give the same bytes. UIDs do not depend on the time, so a report that is made again
/// has the SOP Instance UID that it had.
///
/// # Errors
/// When no phrase has a box, or the grounding is of an image of another size.
///
/// # Source
/// PS3.3 §A.35.3 and §A.35.13, §C.17; PS3.16 TID 1500.
///
/// # Departures
/// Completion Flag is COMPLETE, since nothing will be added; what is not final about it is said by Preliminary Flag and by
/// Verification Flag, which is UNVERIFIED. Referenced Request Sequence is left out: no order asked for this.
pub fn write(source: &Source, grounding: &Grounding, options: &Options) -> Result<Vec<u8>, WriteError> {
    let class = options.class.uid();
    let regions = regions(source, grounding)?;
    let identity = Identity::new(class, source, grounding)?;
    let series = Series { modality: "SR", number: "9001" };
    let object = common::modules(source, grounding, &series, &identity)
        .and(general(source, options.time))
        .and(document::document(source, grounding, &regions, &identity));
    object.file(class, &identity.instance())
}

/// PS3.3 §C.17.1 and §C.17.2.
fn general(source: &Source, time: ContentTime) -> Object {
    let (date, time) = time.date_and_time(source.timezone.as_deref());
    Object::new()
        .items(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::new())
        .items(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new())
        .text(tags::CONTENT_DATE, &date)
        .text(tags::CONTENT_TIME, &time)
        .text(tags::PRELIMINARY_FLAG, "PRELIMINARY")
        .text(tags::COMPLETION_FLAG, "COMPLETE")
        .text(tags::VERIFICATION_FLAG, "UNVERIFIED")
        .item(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, reference::to_study(source))
}
