//! [`Region`]: one box of one phrase, as every derived object counts and places them.

use knowmvg::grounding::{Assertion, GroundedPhrase, Grounding, ScoredBox};

use super::error::WriteError;
use super::source::Source;

/// A box with the phrase that it shows.
pub(super) struct Region<'a> {
    /// As in the overlay and the table: `3`, or `3a`, `3b` for several boxes of one phrase.
    pub label: String,
    pub phrase: &'a GroundedPhrase,
    pub scored: &'a ScoredBox,
    /// Corners `[x0, y0, x1, y1]` as they are written.
    ///
    /// # Units
    /// Columns and rows, from 0\0 at the outer corner of the top-left pixel to Columns\Rows.
    ///
    /// # Source
    /// PS3.3 table C.18.6-1: "the origin at the TLHC of the TLHC pixel is 0.0\0.0, the BRHC of the TLHC pixel is 1.0\1.0, and
    /// the BRHC of the BRHC pixel is Columns\Rows. The values must be within the range 0\0 to Columns\Rows"; the same words stand in §C.10.5
    /// for PIXEL. That is [`Image`](knowmvg::geometry::Image), so nothing is shifted by half a pixel.
    pub corners: [f32; 4],
}

impl Region<'_> {
    /// The rectangle as a closed line: top left, top right, bottom right, bottom left, top left.
    ///
    /// Viewers take five such points for a rectangle and give it handles.
    pub fn outline(&self) -> [f32; 10] {
        let [x0, y0, x1, y1] = self.corners;
        [x0, y0, x1, y0, x1, y1, x0, y1, x0, y0]
    }
}

/// Every box of a grounding, in the order of the report.
///
/// # Errors
/// When there is none, or the grounding is of an image of another size.
pub(super) fn regions<'a>(source: &Source, grounding: &'a Grounding) -> Result<Vec<Region<'a>>, WriteError> {
    let expected = (source.columns(), source.rows());
    let found = (grounding.image.width, grounding.image.height);
    if expected != found {
        return Err(WriteError::OtherImage { expected, found });
    }
    let regions: Vec<Region> =
        grounding.findings.iter().enumerate().flat_map(|(i, phrase)| of(i, phrase, found)).collect();
    if regions.is_empty() { Err(WriteError::NoBoxes) } else { Ok(regions) }
}

fn of(index: usize, phrase: &GroundedPhrase, size: (u32, u32)) -> Vec<Region<'_>> {
    // The grounder gives no box for what is denied; nor would a hand-made grounding get one into an archive.
    let boxes = if phrase.assertion == Assertion::Absent { &[][..] } else { &phrase.boxes };
    let region = |(nth, scored)| Region {
        label: label(index, nth, boxes.len()),
        phrase,
        scored,
        corners: corners(scored, size),
    };
    boxes.iter().enumerate().map(region).collect()
}

fn label(index: usize, nth: usize, count: usize) -> String {
    match u8::try_from(nth) {
        _ if count == 1 => (index + 1).to_string(),
        Ok(letter) if letter < 26 => format!("{}{}", index + 1, char::from(b'a' + letter)),
        _ => format!("{}-{}", index + 1, nth + 1),
    }
}

fn corners(scored: &ScoredBox, (width, height): (u32, u32)) -> [f32; 4] {
    let [x0, y0, x1, y1] = scored.box_in_image.xyxy().map(|corner| corner as f32);
    let (width, height) = (width as f32, height as f32);
    [x0.clamp(0.0, width), y0.clamp(0.0, height), x1.clamp(0.0, width), y1.clamp(0.0, height)]
}
