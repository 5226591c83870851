//! [`Grounding`] + what a person decided → [`Reviewed`] → the grounding that is left.
//!
//! The boxes of the model stay as they are, and what a person moved or drew stands beside them, so that both can be told
//! apart and compared. `schemas/review.schema.json` describes the file.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::geometry::{Box2, Image};
use crate::grounding::{Assertion, GroundedPhrase, Grounding, ScoredBox, Support};
use crate::render::MAX_BOXES;

/// Version of the block `review`; the major number changes when a reader would have to change.
pub const REVIEW_VERSION: &str = "1.0";
/// Longest text that stands for a time, in bytes.
const MAX_TIME_BYTES: usize = 40;

/// A grounding as the model gave it, and beside it what a person decided about its boxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reviewed {
    /// Not changed by the review.
    #[serde(flatten)]
    pub grounding: Grounding,
    /// The decisions.
    pub review: Review,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// [`REVIEW_VERSION`] of the writer.
    pub review_version: String,
    /// When the file was written, RFC 3339.
    pub exported_at: String,
    /// A box that is not listed is undecided.
    pub boxes: Vec<ReviewedBox>,
}

/// One box and the decision about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewedBox {
    /// Which of the findings, counted from 0.
    pub finding: usize,
    /// Which box of the finding, counted from 0; `None` for one that a person drew.
    #[serde(rename = "box")]
    pub box_index: Option<usize>,
    /// What was decided.
    pub decision: Decision,
    /// Where a person put it, in pixels of the stored image; `None` if it stayed where the model saw it.
    pub edited_box: Option<Box2<Image>>,
    /// When that was decided, RFC 3339; `None` if nothing was.
    pub time: Option<String>,
}

/// What a person can say of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Nothing yet.
    Undecided,
    /// It is right where it is.
    Accepted,
    /// It is wrong; if it was moved before, that is kept.
    Rejected,
    /// It was moved, or has another size.
    Edited,
    /// The model had none there.
    Added,
}

/// Why a review does not fit its grounding. Tells numbers and places, never words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// Written by a later program.
    #[error("expected a review of version 1")]
    Version,
    /// A number outside of its range, or a box outside of the image.
    #[error("expected {expected}, found something else at finding {finding}")]
    Finding {
        /// What belongs there.
        expected: &'static str,
        /// Counted from 0.
        finding: usize,
    },
    /// A decision that makes no sense.
    #[error("expected {expected}, found something else at entry {entry} of the review")]
    Entry {
        /// What belongs there.
        expected: &'static str,
        /// Counted from 0.
        entry: usize,
    },
    /// More boxes than a picture can show.
    #[error("expected at most {MAX_BOXES} boxes, found {0}")]
    TooMany(usize),
}

impl Reviewed {
    /// What is left after the review: boxes that were rejected are gone, those that were moved are where they were put,
    /// and those that a person drew are there. A box that a person put somewhere is marked, with confidence 1 and
    /// no spread: nothing was measured, somebody stands for it. A warning says how many there are.
    ///
    /// # Errors
    /// When the review does not fit the grounding, or numbers of either make no sense; every value is looked at, because
    /// the file may come from anywhere.
    pub fn result(&self) -> Result<Grounding, ReviewError> {
        let info = &self.grounding.image;
        let image = Frame { width: info.width.into(), height: info.height.into() };
        self.grounding.findings.iter().enumerate().try_for_each(|(i, finding)| image.check(i, finding))?;
        self.check_version()?;
        let drawn = self.review.boxes.iter().filter(|reviewed| reviewed.box_index.is_none()).count();
        let count = self.grounding.findings.iter().map(|finding| finding.boxes.len()).sum::<usize>() + drawn;
        if count > MAX_BOXES {
            return Err(ReviewError::TooMany(count));
        }
        let mut kept: Vec<Vec<Option<ScoredBox>>> =
            self.grounding.findings.iter().map(|finding| finding.boxes.iter().cloned().map(Some).collect()).collect();
        let mut seen = BTreeSet::new();
        let mut tally = Tally::default();
        for (entry, reviewed) in self.review.boxes.iter().enumerate() {
            let wrong = |expected| ReviewError::Entry { expected, entry };
            let change = self.change(&image, reviewed).map_err(wrong)?;
            if reviewed.box_index.is_some_and(|index| !seen.insert((reviewed.finding, index))) {
                return Err(wrong("one entry for each box"));
            }
            let boxes = &mut kept[reviewed.finding];
            match change {
                Change::Keep => {}
                Change::Drop(index) => (boxes[index], tally.rejected) = (None, tally.rejected + 1),
                Change::Put(index, scored) => (boxes[index], tally.edited) = (Some(scored), tally.edited + 1),
                Change::Add(scored) => {
                    boxes.push(Some(scored));
                    tally.added += 1;
                }
            }
        }
        let mut grounding = self.grounding.clone();
        for (finding, boxes) in grounding.findings.iter_mut().zip(kept) {
            finding.boxes = boxes.into_iter().flatten().collect();
            if finding.boxes.is_empty() {
                finding.evidence.support = Support::None;
            }
        }
        grounding.warnings.extend(tally.warning());
        Ok(grounding)
    }

    /// What one entry does to its finding, whose boxes it has; or what should have been there.
    fn change(&self, image: &Frame, reviewed: &ReviewedBox) -> Result<Change, &'static str> {
        let finding = self.grounding.findings.get(reviewed.finding).ok_or("the number of a finding")?;
        if reviewed.box_index.is_some_and(|index| index >= finding.boxes.len()) {
            return Err("the number of a box of the finding");
        }
        if reviewed.time.as_ref().is_some_and(|time| time.len() > MAX_TIME_BYTES) {
            return Err("a time");
        }
        let placed = reviewed.edited_box.map(|bounds| image.placed(bounds).ok_or("a box inside of the image"));
        match (reviewed.decision, reviewed.box_index, placed.transpose()?) {
            (Decision::Undecided | Decision::Accepted, Some(_), None) => Ok(Change::Keep),
            (Decision::Rejected, Some(index), _) => Ok(Change::Drop(index)),
            (Decision::Edited, Some(index), Some(scored)) => Ok(Change::Put(index, scored)),
            (Decision::Added, None, Some(_)) if finding.assertion == Assertion::Absent => {
                Err("no box for what the report denies")
            }
            (Decision::Added, None, Some(scored)) => Ok(Change::Add(scored)),
            _ => Err("a number and a box that fit the decision"),
        }
    }

    fn check_version(&self) -> Result<(), ReviewError> {
        let is_ours = |version: &str| version.split_once('.').is_some_and(|(major, _)| major == "1");
        let versions = [&self.review.review_version, &self.grounding.schema_version];
        if versions.iter().all(|version| is_ours(version)) && self.review.exported_at.len() <= MAX_TIME_BYTES {
            Ok(())
        } else {
            Err(ReviewError::Version)
        }
    }
}

/// What an entry of the review does to the boxes of its finding.
enum Change {
    Keep,
    Drop(usize),
    Put(usize, ScoredBox),
    Add(ScoredBox),
}

/// How many boxes a person touched.
#[derive(Default)]
struct Tally {
    rejected: usize,
    edited: usize,
    added: usize,
}

impl Tally {
    fn warning(&self) -> Option<String> {
        let Self { rejected, edited, added } = self;
        (rejected + edited + added > 0).then(|| {
            format!(
                "a person reviewed the boxes: {rejected} rejected and left out, {edited} moved, {added} drawn; \
                 confidence 1 of a moved or drawn box was not measured"
            )
        })
    }
}

/// The stored image, in which every box lies.
///
/// # Units
/// Pixels.
struct Frame {
    width: f64,
    height: f64,
}

impl Frame {
    fn has(&self, bounds: &Box2<Image>) -> bool {
        let [x0, y0, x1, y1] = bounds.xyxy();
        x0 >= 0.0 && y0 >= 0.0 && x1 <= self.width && y1 <= self.height
    }

    /// A box that a person put there; `None` if it lies outside or is nothing but a line.
    fn placed(&self, bounds: Box2<Image>) -> Option<ScoredBox> {
        let is_box = self.has(&bounds) && bounds.area() > 0.0;
        is_box.then_some(ScoredBox { box_in_image: bounds, confidence: 1.0, spread: [0.0; 4], by_person: true })
    }

    fn check(&self, index: usize, finding: &GroundedPhrase) -> Result<(), ReviewError> {
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        let evidence = &finding.evidence;
        let shares = [finding.presence, evidence.attention_in_box, evidence.knowledge_gate];
        let boxes = &finding.boxes;
        let rules = [
            ("boxes inside of the image", boxes.iter().all(|scored| self.has(&scored.box_in_image))),
            ("a prior inside of the image", evidence.prior_box.is_none_or(|prior| self.has(&prior))),
            ("no box of what the report denies", finding.assertion != Assertion::Absent || boxes.is_empty()),
            ("shares from 0 to 1", shares.iter().flatten().all(is_share)),
            ("boxes of the model", boxes.iter().all(|scored| !scored.by_person)),
            ("confidences from 0 to 1", boxes.iter().all(|scored| is_share(&scored.confidence))),
            ("spreads from 0", boxes.iter().flat_map(|scored| scored.spread).all(|s| s.is_finite() && s >= 0.0)),
            ("scores from 0 to 1", evidence.knowledge.iter().all(|node| is_share(&node.score))),
        ];
        let broken = rules.into_iter().find(|(_, holds)| !holds);
        broken.map_or(Ok(()), |(expected, _)| Err(ReviewError::Finding { expected, finding: index }))
    }
}
