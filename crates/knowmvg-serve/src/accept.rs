//! [`Format`]: the forms of a result, and the choice between them by the header `Accept`.
//!
//! # Source
//! RFC 9110, §12.5.1.

use axum::http::{HeaderMap, header};

use knowmvg_fhir::Version;

use crate::problem::{NOT_ACCEPTABLE, Problem};

/// A form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `schemas/grounding.schema.json`.
    Json,
    /// Boxes as COCO annotations.
    Coco,
    /// The overlay with its legend.
    Png,
    /// The overlay as vectors, with the image inside.
    Svg,
    /// A structured report, for an image that was sent as DICOM.
    Dicom,
    /// A FHIR bundle, for an image that was sent as DICOM.
    Fhir(Version),
}

/// Every form; the first is the default, and earlier ones win ties.
const FORMATS: [Format; 6] =
    [Format::Json, Format::Coco, Format::Png, Format::Svg, Format::Dicom, Format::Fhir(Version::R5)];

impl Format {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Coco => "application/vnd.coco+json",
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
            Self::Dicom => "application/dicom",
            Self::Fhir(_) => "application/fhir+json",
        }
    }

    /// Whether it names patient and study, and so needs an image that does.
    pub fn is_about_a_patient(self) -> bool {
        matches!(self, Self::Dicom | Self::Fhir(_))
    }

    /// Whether the image is part of it, so that it takes time and memory.
    pub fn is_drawn(self) -> bool {
        matches!(self, Self::Png | Self::Svg)
    }

    /// The form that the client wants most.
    ///
    /// # Errors
    /// When it wants none of them.
    pub fn wanted(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut ranges = Vec::new();
        for value in headers.get_all(header::ACCEPT) {
            ranges.extend(value.to_str().unwrap_or_default().split(',').filter_map(Range::parse));
        }
        if ranges.is_empty() {
            return Ok(Self::Json);
        }
        let mut best = (0.0, None);
        for format in FORMATS {
            let quality = quality(format.media_type(), &ranges);
            if quality > best.0 {
                best = (quality, Some(format));
            }
        }
        // FHIR R5 §3.2.0.4: the version is a parameter of the media type.
        if matches!(best.1, Some(Self::Fhir(_))) && ranges.iter().any(|range| range.is_fhir_r4) {
            return Ok(Self::Fhir(Version::R4));
        }
        best.1.ok_or_else(|| Problem::new(&NOT_ACCEPTABLE, "expected a form that this server has, found others only"))
    }
}

/// One part of `Accept`.
struct Range {
    kind: String,
    subtype: String,
    quality: f32,
    is_fhir_r4: bool,
}

impl Range {
    /// `None` for a part that is no media range; what can't be read is not wanted.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let parts: Vec<&str> = parts.collect();
        let quality = parts.iter().find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let is_fhir_r4 = parts.iter().any(|part| part.to_ascii_lowercase().starts_with("fhirversion=4."));
        let quality = quality.map_or(Some(1.0), |q| q.parse().ok().filter(|q| (0.0..=1.0).contains(q)))?;
        Some(Self { kind: kind.to_ascii_lowercase(), subtype: subtype.to_ascii_lowercase(), quality, is_fhir_r4 })
    }

    /// How closely it describes a type; `None` if not at all.
    fn closeness(&self, kind: &str, subtype: &str) -> Option<u8> {
        match (self.kind.as_str(), self.subtype.as_str()) {
            ("*", "*") => Some(0),
            (k, "*") if k == kind => Some(1),
            (k, s) if k == kind && s == subtype => Some(2),
            _ => None,
        }
    }
}

/// Of the range that describes the type most closely.
fn quality(media_type: &str, ranges: &[Range]) -> f32 {
    let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    let fitting = ranges.iter().filter_map(|range| Some((range.closeness(kind, subtype)?, range.quality)));
    fitting.max_by_key(|(closeness, _)| *closeness).map_or(0.0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &[&str]) -> Option<Format> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        Format::wanted(&headers).ok()
    }

    #[test]
    fn json_is_what_is_not_asked_for() {
        for accept in [&[][..], &["*/*"], &["application/*"], &["application/json"], &["text/html, */*;q=0.1"], &[""]] {
            assert_eq!(wanted(accept), Some(Format::Json), "{accept:?}");
        }
    }

    #[test]
    fn the_closest_range_decides_and_then_the_quality() {
        assert_eq!(wanted(&["image/png"]), Some(Format::Png));
        assert_eq!(wanted(&["application/dicom"]), Some(Format::Dicom));
        assert_eq!(wanted(&["image/*"]), Some(Format::Png));
        assert_eq!(wanted(&["image/*, image/png;q=0"]), Some(Format::Svg));
        assert_eq!(wanted(&["application/json;q=0.2, Image/SVG+xml; q=0.9"]), Some(Format::Svg));
        assert_eq!(wanted(&["application/json;q=0.2", "application/vnd.coco+json"]), Some(Format::Coco));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for accept in ["text/html", "application/dicom+json", "application/json;q=0", "image/webp, text/*", "*/*;q=0"] {
            assert_eq!(wanted(&[accept]), None, "{accept}");
        }
    }

    #[test]
    fn the_version_of_fhir_is_a_parameter() {
        assert_eq!(wanted(&["application/fhir+json"]), Some(Format::Fhir(Version::R5)));
        assert_eq!(wanted(&["application/fhir+json; fhirVersion=4.0"]), Some(Format::Fhir(Version::R4)));
        assert_eq!(wanted(&["application/fhir+json;fhirVersion=5.0, */*;q=0.1"]), Some(Format::Fhir(Version::R5)));
    }

    #[test]
    fn nonsense_is_not_wanted() {
        assert_eq!(wanted(&["application/json;q=2, image/png;q=0.1"]), Some(Format::Png));
        assert_eq!(wanted(&["nonsense"]), Some(Format::Json));
    }
}
