//! What an overlay shows, before it is pixels or vectors: outlines, their colours and their labels.

use crate::geometry::{Box2, Image, Map};
use crate::grounding::{Assertion, GroundedPhrase, Grounding, ScoredBox, Support};

use super::canvas::{Colour, Picture, rect};
use super::palette;
use super::placement::{Placed, Placement};
use super::text::{Style, Typeface, finding_name, printable};
use super::{MAX_BOXES, RenderError};

/// Sides of the smallest outline in pixels; a smaller box would hide below its own line.
const SMALLEST: f64 = 8.0;

/// Whether an outline is affirmed or only suspected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Line {
    Solid,
    Dashed,
}

/// The words of a label and where they stand.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub text: String,
    pub place: Placed,
    /// Width of the number badge at the left end.
    pub badge_width: f64,
}

/// One box of one phrase.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// Place of the phrase in the report.
    pub phrase: usize,
    /// Place of the box in the phrase.
    pub nth: usize,
    /// `3`, or `3b` for the second of several boxes.
    pub name: String,
    pub outline: Box2<Picture>,
    pub colour: Colour,
    pub line: Line,
    /// `None` when the picture is so full that no label fits; the legend still lists the box.
    pub tag: Option<Tag>,
}

/// The picture that the marks stand in.
pub(super) struct Frame {
    pub picture_from_image: Map<Picture, Image>,
    /// The radiograph inside of the picture.
    pub image: Box2<Picture>,
    /// Labels stay inside.
    pub bounds: Box2<Picture>,
    /// Labels stay off.
    pub reserved: Vec<Box2<Picture>>,
    /// Pixels of the picture for one pixel of the design, whose long side is 1,200.
    pub scale: f64,
}

/// Style of a label's words.
pub(super) fn tag_style(scale: f64) -> Style {
    Style::regular(14.0 * scale)
}

/// Style of a label's number.
pub(super) fn badge_style(scale: f64) -> Style {
    Style::bold(14.0 * scale)
}

/// The marks of every phrase that has boxes and is not denied, in the order of the report.
///
/// # Errors
/// When there are more than [`MAX_BOXES`].
pub(super) fn marks(grounding: &Grounding, frame: &Frame, typeface: &Typeface) -> Result<Vec<Mark>, RenderError> {
    let boxes: usize = grounding.findings.iter().map(|phrase| phrase.boxes.len()).sum();
    if boxes > MAX_BOXES {
        return Err(RenderError::TooManyBoxes { limit: MAX_BOXES, found: boxes });
    }
    let colours = palette::colours(&grounding.findings);
    let mut marks = Vec::new();
    for (index, (phrase, colour)) in grounding.findings.iter().zip(colours).enumerate() {
        let drawn = phrase.boxes.iter().enumerate().filter(|_| phrase.assertion != Assertion::Absent);
        marks.extend(drawn.map(|(nth, scored)| Mark {
            phrase: index,
            nth,
            name: mark_name(index, nth, phrase.boxes.len()),
            outline: outline(scored, frame),
            colour,
            line: if phrase.assertion == Assertion::Uncertain { Line::Dashed } else { Line::Solid },
            tag: None,
        }));
    }
    place_tags(&mut marks, grounding, frame, typeface);
    Ok(marks)
}

/// `3`; with several boxes `3a`, `3b`, …, and after `3z` `3-27`.
pub(super) fn mark_name(phrase: usize, nth: usize, count: usize) -> String {
    let number = phrase + 1;
    match u8::try_from(nth) {
        _ if count == 1 => number.to_string(),
        Ok(letter) if letter < 26 => format!("{number}{}", char::from(b'a' + letter)),
        _ => format!("{number}-{}", nth + 1),
    }
}

/// A number in `[0, 1]` with two digits.
pub(super) fn share(value: f64) -> String {
    if value.is_finite() { format!("{value:.2}") } else { "unknown".to_owned() }
}

/// The box in the picture, kept inside of the radiograph and large enough to be seen.
fn outline(scored: &ScoredBox, frame: &Frame) -> Box2<Picture> {
    let inside = frame.picture_from_image.apply(&scored.box_in_image).clamped(&frame.image);
    let [x0, y0, x1, y1] = inside.xyxy();
    let [left, top, right, bottom] = frame.image.xyxy();
    let smallest = SMALLEST * frame.scale;
    let (x0, x1) = stretched((x0, x1), (left, right), smallest);
    let (y0, y1) = stretched((y0, y1), (top, bottom), smallest);
    rect(x0, y0, x1, y1)
}

/// The interval, or one of the smallest length around its middle that stays between the limits.
fn stretched((low, high): (f64, f64), (min, max): (f64, f64), smallest: f64) -> (f64, f64) {
    let length = (high - low).max(smallest).min(max - min);
    let start = ((low + high - length) / 2.0).min(max - length).max(min);
    (start, start + length)
}

fn place_tags(marks: &mut [Mark], grounding: &Grounding, frame: &Frame, typeface: &Typeface) {
    let outlines = marks.iter().map(|mark| mark.outline).collect();
    let mut placement = Placement::new(frame.bounds, frame.reserved.clone(), outlines);
    for mark in marks {
        let phrase = &grounding.findings[mark.phrase];
        let text = tag_text(phrase, &phrase.boxes[mark.nth], frame, typeface);
        mark.tag = tag(mark, text, &mut placement, frame, typeface);
    }
}

/// The label with its words, or with its number alone where the words do not fit.
fn tag(mark: &Mark, text: String, placement: &mut Placement, frame: &Frame, typeface: &Typeface) -> Option<Tag> {
    let padding = 6.0 * frame.scale;
    let badge_width = (typeface.width(&mark.name, badge_style(frame.scale)) + 2.0 * padding).ceil();
    let words = typeface.width(&text, tag_style(frame.scale)) + 2.0 * padding;
    let height = (23.0 * frame.scale).round();
    let full = placement.place(&mark.outline, [badge_width + words.ceil(), height]);
    let (text, place) = match full {
        Some(place) => (text, place),
        None => (String::new(), placement.place(&mark.outline, [badge_width, height])?),
    };
    Some(Tag { text, place, badge_width })
}

fn tag_text(phrase: &GroundedPhrase, scored: &ScoredBox, frame: &Frame, typeface: &Typeface) -> String {
    let name = phrase.finding.as_deref().map_or_else(|| phrase.phrase.text.clone(), finding_name);
    let name = typeface.shortened(&printable(&name), tag_style(frame.scale), 190.0 * frame.scale);
    if scored.by_person {
        return format!("{name} by a person");
    }
    let support = if phrase.evidence.support == Support::Prior { " · prior only" } else { "" };
    format!("{name} {}{support}", share(scored.confidence))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::grounding::{Evidence, ImageInfo, ModelInfo, NOTICE, PhraseText, SCHEMA_VERSION};

    /// A present phrase named after its finding, with boxes.
    pub(in crate::render) fn phrase(finding: &str, boxes: &[[f64; 4]]) -> GroundedPhrase {
        let scored = |corners: &[f64; 4]| ScoredBox {
            box_in_image: Box2::from_xyxy(*corners).unwrap(),
            confidence: 0.8,
            spread: [2.0; 4],
            by_person: false,
        };
        GroundedPhrase {
            phrase: PhraseText { text: finding.to_owned(), span: None },
            assertion: Assertion::Present,
            finding: Some(finding.to_owned()),
            side: None,
            presence: None,
            boxes: boxes.iter().map(scored).collect(),
            evidence: Evidence {
                knowledge: vec![],
                prior_box: None,
                prior_source: None,
                support: if boxes.is_empty() { Support::None } else { Support::Image },
                attention_in_box: None,
                knowledge_gate: None,
            },
        }
    }

    /// A grounding of these phrases on an image of this size.
    pub(in crate::render) fn grounding(width: u32, height: u32, findings: Vec<GroundedPhrase>) -> Grounding {
        let image = ImageInfo {
            width,
            height,
            sha256: "0".repeat(64),
            format: "PNG".to_owned(),
            grey_mapping: "full range".to_owned(),
        };
        let model = ModelInfo {
            name: "knowmvg-compact".to_owned(),
            version: "0.1.0".to_owned(),
            sha256: "0".repeat(64),
            knowledge: "1".to_owned(),
        };
        Grounding {
            schema_version: SCHEMA_VERSION.to_owned(),
            notice: NOTICE.to_owned(),
            id: None,
            image,
            anatomy: vec![],
            findings,
            warnings: vec![],
            model,
        }
    }

    fn frame() -> Frame {
        let image = rect(0.0, 0.0, 200.0, 200.0);
        Frame {
            picture_from_image: Map::new([2.0, 2.0], [0.0, 0.0]).unwrap(),
            image,
            bounds: image,
            reserved: vec![],
            scale: 1.0,
        }
    }

    #[test]
    fn names_tell_boxes_of_one_phrase_apart() {
        assert_eq!(mark_name(2, 0, 1), "3");
        assert_eq!(mark_name(2, 1, 2), "3b");
        assert_eq!(mark_name(0, 26, 40), "1-27");
    }

    #[test]
    fn denied_phrases_have_no_marks_and_suspected_ones_are_dashed() {
        let mut absent = phrase("mass", &[[10.0, 10.0, 50.0, 50.0]]);
        absent.assertion = Assertion::Absent;
        let mut uncertain = phrase("nodule", &[[10.0, 10.0, 50.0, 50.0]]);
        uncertain.assertion = Assertion::Uncertain;
        let marks = marks(&grounding(100, 100, vec![absent, uncertain]), &frame(), &Typeface::embedded()).unwrap();
        assert_eq!(marks.len(), 1);
        assert_eq!((marks[0].phrase, marks[0].line), (1, Line::Dashed));
    }

    #[test]
    fn too_many_boxes_are_an_error() {
        let many = vec![[0.0, 0.0, 1.0, 1.0]; MAX_BOXES + 1];
        let found = marks(&grounding(100, 100, vec![phrase("mass", &many)]), &frame(), &Typeface::embedded());
        assert!(matches!(found, Err(RenderError::TooManyBoxes { .. })));
    }

    #[test]
    fn a_box_outside_of_the_image_is_drawn_at_its_edge() {
        let marks = marks(
            &grounding(100, 100, vec![phrase("mass", &[[500.0, 500.0, 900.0, 900.0]])]),
            &frame(),
            &Typeface::embedded(),
        );
        assert_eq!(marks.unwrap()[0].outline.xyxy(), [192.0, 192.0, 200.0, 200.0]);
    }
}
