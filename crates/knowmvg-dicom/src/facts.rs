//! [`Facts`]: what a file says about its image, as far as it names no one.

use crate::dataset::Elements;
use crate::derived::is_uid;
use crate::format::{Photometric, PixelFormat};
use crate::tags;

/// What a file says about its image.
///
/// Free text never gets here: a value that is not one of the standard's terms is dropped, since files hold names where
/// they should hold codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Modality (0008,0060), e.g. `DX`.
    pub modality: Option<String>,
    /// View Position (0018,5101), e.g. `PA`.
    pub view_position: Option<String>,
    /// Body Part Examined (0018,0015), e.g. `CHEST`.
    pub body_part: Option<String>,
    /// Photometric Interpretation (0028,0004).
    pub photometric: String,
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax: String,
    /// SOP Class UID (0008,0016).
    pub sop_class: Option<String>,
}

// Terms that may be repeated, between bars because some hold blanks.

/// PS3.3 §C.7.3.1.1.1.
const MODALITIES: &str = "BI|BMD|CFM|CR|CT|DG|DMS|DR|DX|ECG|ES|GM|IO|IVUS|KO|LS|MG|MR|NM|OP|OPT|OT|PR|PT|PX|RF|RG|RTIMAGE|SC|SEG|SM|\
                          SR|TG|US|XA|XC";
/// PS3.3 §C.8.1.1 and CID 4010, with the spellings that are met besides them.
const VIEWS: &str = "AP|PA|LL|RL|RLD|LLD|RLO|LLO|LAT|LATERAL|OBL|LORDOTIC";
/// PS3.16 annex L, the parts that plain radiographs show.
const BODY_PARTS: &str = "ABDOMEN|ANKLE|ARM|BREAST|CERVICALSPINE|CHEST|CLAVICLE|COCCYX|CSPINE|ELBOW|EXTREMITY|FEMUR|FINGER|FOOT|\
                          FOREARM|HAND|HEAD|HEART|HIP|HUMERUS|JAW|KNEE|LEG|LSPINE|LUNG|NECK|PELVIS|PORT CHEST|RIB|SCAPULA|SHOULDER|\
                          SKULL|SPINE|STERNUM|THORAX|THUMB|TOE|TSPINE|WHOLEBODY|WRIST";

impl Facts {
    pub(crate) fn read(elements: &Elements, format: &PixelFormat, transfer_syntax: &str) -> Self {
        let photometric = match format.photometric {
            Photometric::Monochrome1 => "MONOCHROME1",
            Photometric::Monochrome2 => "MONOCHROME2",
        };
        Self {
            modality: modality(elements),
            view_position: elements.text(tags::VIEW_POSITION).and_then(|text| term(&text, VIEWS)),
            body_part: elements.text(tags::BODY_PART_EXAMINED).and_then(|text| known_body_part(&text)),
            photometric: photometric.to_owned(),
            transfer_syntax: transfer_syntax.to_owned(),
            sop_class: sop_class(elements),
        }
    }
}

/// Modality, if it is one of the standard's.
pub(crate) fn modality(elements: &Elements) -> Option<String> {
    known_modality(&elements.text(tags::MODALITY)?)
}

/// The term, if it is one of the standard's.
pub(crate) fn known_modality(text: &str) -> Option<String> {
    term(text, MODALITIES)
}

/// The term, if it is one of the standard's.
pub(crate) fn known_body_part(text: &str) -> Option<String> {
    term(text, BODY_PARTS)
}

/// SOP Class UID, if it is a UID.
pub(crate) fn sop_class(elements: &Elements) -> Option<String> {
    let uid = elements.text(tags::SOP_CLASS_UID)?;
    is_uid(&uid).then_some(uid)
}

/// What kind of object a SOP class stores, in words.
pub(crate) fn sop_class_name(uid: Option<&str>) -> String {
    let Some(uid) = uid else { return "a data set".to_owned() };
    match uid.strip_prefix("1.2.840.10008.5.1.4.1.1.").unwrap_or(uid) {
        "88.11" | "88.22" | "88.33" | "88.34" | "88.67" => "a structured report".to_owned(),
        "88.59" => "a key object selection".to_owned(),
        "11.1" | "11.2" | "11.3" | "11.4" => "a presentation state".to_owned(),
        "104.1" | "104.2" => "an encapsulated document".to_owned(),
        "66" | "66.5" => "raw or surface data".to_owned(),
        "481.2" | "481.3" | "481.5" => "a radiotherapy object".to_owned(),
        "1.2.840.10008.1.3.10" => "a media directory (DICOMDIR)".to_owned(),
        _ => format!("an object of class {uid}"),
    }
}

fn term(text: &str, terms: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    terms.split('|').find(|term| *term == upper).map(str::to_owned)
}
