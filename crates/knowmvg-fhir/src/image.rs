//! Where a phrase is on the image: ImagingSelection, or what stands for it in R4.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use knowmvg::grounding::{GroundedPhrase, ImageInfo, ScoredBox};
use knowmvg_dicom::Identifiers;
use serde_json::{Value, json};

use crate::code::{DCM, coding};
use crate::id::identifier;

/// The extension by which R4 carries an element of R5 (FHIR, *Extensions for converting between versions*).
const INSTANCE_IN_R4: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ImagingSelection.instance";

/// Corners as a closed line, as in the structured report: column and row, 0 at the outer corner of the first pixel.
///
/// # Source
/// FHIR R5, ImagingSelection.instance.imageRegion2D.coordinate, which follows PS3.3 §C.18.6.
fn outline(scored: &ScoredBox) -> [f64; 10] {
    let [x0, y0, x1, y1] = scored.box_in_image.xyxy();
    [x0, y0, x1, y0, x1, y1, x0, y1, x0, y0]
}

/// R5: the boxes of a phrase on a DICOM instance.
pub(crate) fn selection(phrase: &GroundedPhrase, source: &Identifiers, urn: &str, subject: Option<&Value>) -> Value {
    let regions: Vec<Value> =
        phrase.boxes.iter().map(|scored| json!({"regionType": "polyline", "coordinate": outline(scored)})).collect();
    let mut selection = json!({
        "resourceType": "ImagingSelection",
        "identifier": [identifier(urn)],
        "status": "available",
        "code": {"coding": [coding(DCM, "111030", "Image Region")]},
        "studyUid": source.study_instance_uid,
        "seriesUid": source.series_instance_uid,
        "instance": [{
            "uid": source.sop_instance_uid,
            "sopClass": {"system": "urn:ietf:rfc:3986", "code": format!("urn:oid:{}", source.sop_class_uid)},
            "imageRegion2D": regions,
        }],
    });
    if let Some(subject) = subject {
        selection["subject"] = subject.clone();
    }
    selection
}

/// R4: the same, as an extension of the observation.
pub(crate) fn extension(phrase: &GroundedPhrase, source: &Identifiers) -> Value {
    let regions = phrase.boxes.iter().map(|scored| {
        let coordinates = outline(scored).map(|value| json!({"url": "coordinate", "valueDecimal": value}));
        let kind = json!({"url": "regionType", "valueCode": "polyline"});
        let parts: Vec<Value> = std::iter::once(kind).chain(coordinates).collect();
        json!({"url": "imageRegion2D", "extension": parts})
    });
    let uid = json!({"url": "uid", "valueId": source.sop_instance_uid});
    let parts: Vec<Value> = std::iter::once(uid).chain(regions).collect();
    json!([{"url": INSTANCE_IN_R4, "extension": parts}])
}

/// R4: the boxes as lines over the image, which any browser draws; no pixel of the image is inside.
pub(crate) fn media(phrase: &GroundedPhrase, image: &ImageInfo, urn: &str, subject: Option<&Value>) -> Value {
    let mut media = json!({
        "resourceType": "Media",
        "identifier": [identifier(urn)],
        "status": "completed",
        "width": image.width,
        "height": image.height,
        "content": {"contentType": "image/svg+xml", "data": STANDARD.encode(svg(phrase, image))},
    });
    if let Some(subject) = subject {
        media["subject"] = subject.clone();
    }
    media
}

fn svg(phrase: &GroundedPhrase, image: &ImageInfo) -> String {
    let (width, height) = (image.width, image.height);
    let line = f64::from(width.max(height)) / 300.0;
    let boxes: String = phrase
        .boxes
        .iter()
        .map(|scored| {
            let [x0, y0, x1, y1] = scored.box_in_image.xyxy();
            format!(r#"<rect x="{x0:.1}" y="{y0:.1}" width="{:.1}" height="{:.1}"/>"#, x1 - x0, y1 - y0)
        })
        .collect();
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><g fill="none" stroke="#ffb000" stroke-width="{line:.1}">{boxes}</g></svg>"##
    )
}
