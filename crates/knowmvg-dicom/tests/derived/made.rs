//! Made-up sources and groundings, and random numbers without a dependency.

use knowmvg::grounding::Grounding;
use knowmvg_dicom::{ContentTime, Source, sr};
use serde_json::{Value, json};

use crate::build::{Dataset, SIDE};

/// Stands wherever a name, an id or words of a report can stand.
pub const CANARY: &str = "CANARY";

/// An image with everything that is repeated of it.
pub fn image() -> Dataset {
    Dataset::new(12)
        .text(0x0008_0005, "CS", "ISO_IR 100")
        .text(0x0008_0018, "UI", "1.2.3.4")
        .text(0x0008_0020, "DA", "20260102")
        .text(0x0008_0030, "TM", "030405")
        .text(0x0008_0050, "SH", "A CANARY")
        .text(0x0008_0090, "PN", "Doctor^CANARY")
        .text(0x0010_0010, "PN", "Name^CANARY")
        .text(0x0010_0020, "LO", "ID CANARY")
        .text(0x0010_0030, "DA", "19400305")
        .text(0x0010_0040, "CS", "F")
        .text(0x0020_000d, "UI", "1.2.3")
        .text(0x0020_000e, "UI", "1.2.3.1")
        .text(0x0020_0010, "SH", "S CANARY")
        .text(0x0028_0030, "DS", "0.139\\0.145")
        .text(0x0028_1050, "DS", "2000")
        .text(0x0028_1051, "DS", "3000")
}

pub fn source() -> Source {
    Source::read(&image().file()).expect("a readable image")
}

pub fn options() -> sr::Options {
    sr::Options { class: sr::Class::default(), time: ContentTime::parse("2026-11-25T12:00:00+01:00").unwrap() }
}

/// One phrase with boxes, each with its confidence.
pub struct Phrase<'a> {
    pub text: &'a str,
    pub assertion: &'a str,
    pub finding: Option<&'a str>,
    pub side: Option<&'a str>,
    pub place: Option<&'a str>,
    pub boxes: Vec<([f64; 4], f64)>,
}

impl<'a> Phrase<'a> {
    pub fn new(text: &'a str, boxes: &[([f64; 4], f64)]) -> Self {
        let boxes = boxes.to_vec();
        Self { text, assertion: "present", finding: Some("pleural_effusion"), side: None, place: None, boxes }
    }

    fn json(&self) -> Value {
        let places = self
            .place
            .iter()
            .map(|id| json!({"id": id, "name": id, "kind": "place", "matched_text": id, "how": "exact", "score": 1.0}));
        let boxes = self.boxes.iter().map(
            |(corners, confidence)| json!({"box": corners, "confidence": confidence, "spread": [1.0, 1.0, 1.0, 1.0]}),
        );
        json!({
            "phrase": {"text": self.text, "span": [0, 1]}, "assertion": self.assertion, "finding": self.finding,
            "side": self.side,
            "presence": 0.25, "boxes": boxes.collect::<Vec<_>>(),
            "evidence": {"knowledge": places.collect::<Vec<_>>(), "prior_box": null,
                         "prior_source": "3 boxes of it", "support": "image",
                         "attention_in_box": null, "knowledge_gate": null},
        })
    }
}

/// A grounding on an image of the size that [`image`] has.
pub fn grounding(phrases: &[Phrase<'_>]) -> Grounding {
    serde_json::from_value(json!({
        "schema_version": "1.1", "notice": "n",
        "image": {"width": SIDE, "height": SIDE, "sha256": "", "format": "", "grey_mapping": ""},
        "anatomy": [], "findings": phrases.iter().map(Phrase::json).collect::<Vec<_>>(), "warnings": [],
        "model": {"name": "made-up", "version": "0.1.0", "sha256": "5e".repeat(32), "knowledge": "1.0.0"},
    }))
    .expect("a grounding")
}

/// Knuth's MMIX generator; its high bits are good enough for tests.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub fn share(&mut self) -> f64 {
        self.below(1 << 20) as f64 / (1 << 20) as f64
    }

    /// A box somewhere on the image.
    pub fn corners(&mut self) -> [f64; 4] {
        let [a, b, c, d] = [0; 4].map(|_| self.share() * SIDE as f64);
        [a.min(b), c.min(d), a.max(b), c.max(d)]
    }
}
