//! [`read`]: a report → its boxes.

use std::collections::BTreeSet;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use knowmvg::geometry::{Box2, Image};

use crate::derived::charset::Charset;
use crate::derived::code::{self, Code, Concept};
use crate::derived::uid::is_uid;
use crate::error::Error;
use crate::guard::guarded;
use crate::tree::Item;
use crate::{facts, file};

/// Most bytes of a report; one of 256 boxes has 2 MiB.
const MAX_REPORT_BYTES: usize = 1 << 24;

/// One measurement group of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadBack {
    /// Tracking Identifier.
    pub tracking_id: Option<String>,
    /// Tracking Unique Identifier.
    pub tracking_uid: Option<String>,
    /// What is there.
    pub finding: Option<Code>,
    /// Where it is, in the order of the report.
    pub sites: Vec<ReadSite>,
    /// The smallest box around each region; regions that are stated twice are given once.
    pub boxes: Vec<Box2<Image>>,
    /// SOP Instance UIDs of the images that the regions are on, each once.
    pub images: Vec<String>,
    /// In `[0, 1]`; ours, or a Certainty of Finding (111012, DCM) if there is no other.
    pub confidence: Option<f64>,
    /// Comment.
    pub comment: Option<String>,
    /// Whether a person with the right to do so has verified the report: Verification Flag of the whole file.
    pub is_verified: bool,
}

/// A finding site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSite {
    /// The place.
    pub place: Code,
    /// The patient's side.
    pub laterality: Option<Code>,
}

/// Reads the groups of a Measurement Report (TID 1500) that hold regions on an image, whoever wrote it.
///
/// # Errors
/// When the file is not DICOM, is damaged, is no structured report, or holds text that its character set does not explain.
/// No error quotes a value.
///
/// # Source
/// PS3.16 TID 1410 and TID 300; PS3.3 §C.18.6.1.2 for the graphic types.
///
/// # Departures
/// Relationships are not checked, and a region may stand at any depth of its group: viewers put it below a measurement.
///
/// # Incomplete
/// Regions in three dimensions (SCOORD3D) and references to segmentations are passed over.
pub fn read(bytes: &[u8]) -> Result<Vec<ReadBack>, Error> {
    guarded(bytes, MAX_REPORT_BYTES, parse)
}

fn parse(bytes: &[u8]) -> Result<Vec<ReadBack>, Error> {
    let file = file::open(bytes)?;
    let root = Item::read(&file.dataset, file.encoding, |_| true)?;
    let charset = Charset::new(root.term(tags::SPECIFIC_CHARACTER_SET).as_deref())?;
    let root = Node { item: &root, charset: &charset };
    if root.value_type() != "CONTAINER" {
        let class = root.item.term(tags::SOP_CLASS_UID).filter(|uid| is_uid(uid));
        let found = facts::sop_class_name(class.as_deref());
        return Err(Error::Unsupported { expected: "a structured report", found });
    }
    let is_verified = root.item.term(tags::VERIFICATION_FLAG).as_deref() == Some("VERIFIED");
    let mut groups = Vec::new();
    root.nearest(&|node| node.is_named(&[code::MEASUREMENT_GROUP]), &mut groups)?;
    let read: Result<Vec<ReadBack>, Error> = groups.into_iter().map(|node| group(node, is_verified)).collect();
    Ok(read?.into_iter().filter(|group| !group.boxes.is_empty()).collect())
}

/// A content item.
#[derive(Clone, Copy)]
struct Node<'a> {
    item: &'a Item,
    charset: &'a Charset,
}

impl<'a> Node<'a> {
    fn children(self) -> impl Iterator<Item = Self> + 'a {
        self.item.items(tags::CONTENT_SEQUENCE).iter().map(move |item| Self { item, ..self })
    }

    /// The nearest items below that are as wanted, in order; what stands below one of them is part of it.
    ///
    /// The depth is bounded by that of the sequences.
    fn nearest(self, is_wanted: &dyn Fn(Self) -> Result<bool, Error>, found: &mut Vec<Self>) -> Result<(), Error> {
        for child in self.children() {
            if is_wanted(child)? {
                found.push(child);
            } else {
                child.nearest(is_wanted, found)?;
            }
        }
        Ok(())
    }

    fn value_type(self) -> String {
        self.item.term(tags::VALUE_TYPE).unwrap_or_default()
    }

    fn text(self, tag: Tag) -> Result<Option<String>, Error> {
        let Some(element) = self.item.value(tag) else { return Ok(None) };
        let text = self.charset.decode(&element.bytes)?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// The first item of a code sequence, unless it has no value.
    fn code(self, sequence: Tag) -> Result<Option<Code>, Error> {
        let Some(item) = self.item.items(sequence).first() else { return Ok(None) };
        let node = Self { item, ..self };
        let mut value = None;
        for tag in [tags::CODE_VALUE, tags::LONG_CODE_VALUE, tags::URN_CODE_VALUE] {
            value = value.or(node.text(tag)?);
        }
        let Some(value) = value else { return Ok(None) };
        let scheme = node.text(tags::CODING_SCHEME_DESIGNATOR)?.unwrap_or_default();
        let meaning = node.text(tags::CODE_MEANING)?.unwrap_or_default();
        Ok(Some(Code { value, scheme, meaning }))
    }

    fn is_named(self, concepts: &[Concept]) -> Result<bool, Error> {
        let name = self.code(tags::CONCEPT_NAME_CODE_SEQUENCE)?;
        Ok(name.is_some_and(|name| concepts.iter().any(|concept| concept.is(&name))))
    }

    /// The children of some name.
    fn named(self, concepts: &[Concept]) -> Result<Vec<Self>, Error> {
        let mut named = Vec::new();
        for child in self.children() {
            if child.is_named(concepts)? {
                named.push(child);
            }
        }
        Ok(named)
    }

    fn named_text(self, concept: Concept, tag: Tag) -> Result<Option<String>, Error> {
        let named = self.named(&[concept])?;
        named.first().map_or(Ok(None), |node| node.text(tag))
    }
}

/// The same concepts in the retired SNOMED RT codes, which older writers use (PS3.16 annex O).
const SITES: [Concept; 2] = [code::FINDING_SITE, code::FINDING_SITE_SRT];
const LATERALITIES: [Concept; 2] = [code::LATERALITY, code::LATERALITY_SRT];

fn group(group: Node<'_>, is_verified: bool) -> Result<ReadBack, Error> {
    let regions = Regions::of(group)?;
    let finding = group.named(&[code::FINDING])?;
    Ok(ReadBack {
        tracking_id: group.named_text(code::TRACKING_IDENTIFIER, tags::TEXT_VALUE)?,
        tracking_uid: group.named_text(code::TRACKING_UID, tags::UID)?,
        finding: finding.first().map_or(Ok(None), |node| node.code(tags::CONCEPT_CODE_SEQUENCE))?,
        sites: sites(group)?,
        boxes: regions.boxes,
        images: regions.images,
        confidence: confidence(group)?,
        comment: group.named_text(code::COMMENT, tags::TEXT_VALUE)?,
        is_verified,
    })
}

fn sites(group: Node<'_>) -> Result<Vec<ReadSite>, Error> {
    let mut sites = Vec::new();
    for node in group.named(&SITES)? {
        let Some(place) = node.code(tags::CONCEPT_CODE_SEQUENCE)? else { continue };
        let laterality = node.named(&LATERALITIES)?;
        let laterality = laterality.first().map_or(Ok(None), |side| side.code(tags::CONCEPT_CODE_SEQUENCE))?;
        sites.push(ReadSite { place, laterality });
    }
    Ok(sites)
}

fn confidence(group: Node<'_>) -> Result<Option<f64>, Error> {
    for name in [code::BOX_CONFIDENCE, code::CERTAINTY_OF_FINDING] {
        if let Some(node) = group.named(&[name])?.first() {
            return share(*node);
        }
    }
    Ok(None)
}

/// A measured percentage or fraction; `None` if it is out of range or in another unit.
fn share(number: Node<'_>) -> Result<Option<f64>, Error> {
    let Some(item) = number.item.items(tags::MEASURED_VALUE_SEQUENCE).first() else { return Ok(None) };
    let measured = Node { item, ..number };
    let unit = measured.code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE)?.map(|unit| unit.value);
    let value = item.decimal(tags::NUMERIC_VALUE).and_then(|value| match unit.as_deref() {
        Some("%") => Some(value / 100.0),
        Some("1") => Some(value),
        _ => None,
    });
    Ok(value.filter(|share| (0.0..=1.0).contains(share)))
}

/// The regions of a group.
#[derive(Default)]
struct Regions {
    boxes: Vec<Box2<Image>>,
    images: Vec<String>,
}

impl Regions {
    fn of(group: Node<'_>) -> Result<Self, Error> {
        let mut nodes = Vec::new();
        group.nearest(&|node| Ok(node.value_type() == "SCOORD"), &mut nodes)?;
        let (mut regions, mut seen, mut seen_images) = (Self::default(), BTreeSet::new(), BTreeSet::new());
        for node in nodes {
            let data = node.item.value(tags::GRAPHIC_DATA).map(|element| element.bytes.as_slice());
            let graphic = node.item.term(tags::GRAPHIC_TYPE).unwrap_or_default();
            let Some(bounds) = bounds(&graphic, &node.item.floats(tags::GRAPHIC_DATA)) else { continue };
            if seen.insert((graphic, data)) {
                regions.boxes.push(bounds);
            }
            let images = node.children().flat_map(|child| child.item.items(tags::REFERENCED_SOP_SEQUENCE));
            let uids = images.filter_map(|item| item.term(tags::REFERENCED_SOP_INSTANCE_UID)).filter(|uid| is_uid(uid));
            regions.images.extend(uids.filter(|uid| seen_images.insert(uid.clone())));
        }
        Ok(regions)
    }
}

/// The smallest box around a graphic; `None` if it is none, or unknown.
///
/// # Source
/// PS3.3 §C.18.6.1.2: a circle is its centre and a point on it, an ellipse the ends of its major and then of its minor axis.
fn bounds(graphic: &str, data: &[f32]) -> Option<Box2<Image>> {
    let points: Vec<[f64; 2]> = data.chunks_exact(2).map(|pair| [f64::from(pair[0]), f64::from(pair[1])]).collect();
    let around = |[x, y]: [f64; 2], [half_width, half_height]: [f64; 2]| {
        Box2::from_xyxy([x - half_width, y - half_height, x + half_width, y + half_height]).ok()
    };
    match (graphic, points.as_slice()) {
        ("POINT" | "MULTIPOINT" | "POLYLINE", [_, ..]) => hull(&points),
        ("CIRCLE", [centre, [x, y]]) => {
            let radius = (x - centre[0]).hypot(y - centre[1]);
            around(*centre, [radius, radius])
        }
        ("ELLIPSE", [a, b, c, d]) => {
            let centre = [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
            let half = |axis: usize| ((b[axis] - a[axis]) / 2.0).hypot((d[axis] - c[axis]) / 2.0);
            around(centre, [half(0), half(1)])
        }
        _ => None,
    }
}

fn hull(points: &[[f64; 2]]) -> Option<Box2<Image>> {
    // A comparison with NaN would pass it over; it makes the graphic unusable.
    if points.iter().flatten().any(|coordinate| !coordinate.is_finite()) {
        return None;
    }
    let least = |axis: usize| points.iter().map(|point| point[axis]).fold(f64::INFINITY, f64::min);
    let most = |axis: usize| points.iter().map(|point| point[axis]).fold(f64::NEG_INFINITY, f64::max);
    Box2::from_xyxy([least(0), least(1), most(0), most(1)]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corners(graphic: &str, data: &[f32]) -> Option<[f64; 4]> {
        bounds(graphic, data).map(|bounds| bounds.xyxy())
    }

    #[test]
    fn every_graphic_has_the_smallest_box_around_it() {
        assert_eq!(corners("POLYLINE", &[3.0, 9.0, 1.0, 5.0, 2.0, 7.0]), Some([1.0, 5.0, 3.0, 9.0]));
        assert_eq!(corners("POINT", &[3.0, 9.0]), Some([3.0, 9.0, 3.0, 9.0]));
        assert_eq!(corners("CIRCLE", &[10.0, 10.0, 13.0, 14.0]), Some([5.0, 5.0, 15.0, 15.0]));
        // Axes of 10 and 4, upright and turned by 45 degrees: then half the width is sqrt((25 + 4) / 2).
        assert_eq!(corners("ELLIPSE", &[5.0, 10.0, 15.0, 10.0, 10.0, 8.0, 10.0, 12.0]), Some([5.0, 8.0, 15.0, 12.0]));
        let [long, short] = [5.0, 2.0].map(|half: f32| half / 2.0_f32.sqrt());
        let turned = corners("ELLIPSE", &[-long, -long, long, long, -short, short, short, -short]).unwrap();
        let half = (29.0_f64 / 2.0).sqrt();
        assert!(turned.iter().zip([-half, -half, half, half]).all(|(a, b)| (a - b).abs() < 1e-5), "{turned:?}");
    }

    #[test]
    fn what_is_no_graphic_has_no_box() {
        let nan = f32::NAN;
        for (graphic, data) in [
            ("POLYLINE", &[][..]),
            ("POLYLINE", &[1.0]),
            ("POLYLINE", &[1.0, nan, 2.0, 3.0]),
            ("CIRCLE", &[1.0, 1.0]),
            ("CIRCLE", &[1.0, 1.0, f32::INFINITY, 1.0]),
            ("ELLIPSE", &[1.0; 6]),
            ("SPHERE", &[1.0; 4]),
        ] {
            assert_eq!(corners(graphic, data), None, "{graphic} {data:?}");
        }
    }
}
