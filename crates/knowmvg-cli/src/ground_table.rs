//! A grounding for people: one line a box.

use std::fmt::Write;

use knowmvg::geometry::{Box2, Image};
use knowmvg::grounding::{Assertion, GroundedPhrase, Grounding, ScoredBox, Support};

use crate::output::{printable, shortened};

/// Characters of a phrase that are shown.
const PHRASE_LEN: usize = 44;

/// The whole table, with anatomy and notice below.
pub fn table(grounding: &Grounding) -> String {
    let mut text = format!(
        "{:>4}  {:<PHRASE_LEN$}  {:<9}  {:<27}  {:<10}  {}\n",
        "#", "phrase", "assertion", "box in pixels (x0 y0 x1 y1)", "confidence", "support"
    );
    for (index, phrase) in grounding.findings.iter().enumerate() {
        rows(&mut text, index, phrase);
    }
    if grounding.findings.is_empty() {
        text.push_str("      no finding\n");
    }
    let anatomy = grounding
        .anatomy
        .iter()
        .map(|a| format!("{} {} {:.2}", printable(&a.name), corners(&a.box_in_image), a.confidence));
    let _ = writeln!(text, "\nanatomy: {}", anatomy.collect::<Vec<_>>().join(", "));
    let image = &grounding.image;
    let _ =
        writeln!(text, "image: {} x {} pixels, {}, {}", image.width, image.height, image.format, image.grey_mapping);
    let _ = writeln!(text, "{}", grounding.notice);
    text
}

fn rows(text: &mut String, index: usize, phrase: &GroundedPhrase) {
    let words = shortened(&phrase.phrase.text, PHRASE_LEN);
    let assertion = assertion(phrase.assertion);
    if phrase.boxes.is_empty() {
        let reason = if phrase.assertion == Assertion::Absent { "absent – not boxed" } else { "nothing to box" };
        let _ = writeln!(text, "{:>4}  {words:<PHRASE_LEN$}  {assertion:<9}  {reason}", index + 1);
    }
    for (nth, scored) in phrase.boxes.iter().enumerate() {
        let line = box_columns(scored, if nth == 0 { support(phrase.evidence.support) } else { "" });
        let (words, assertion) = if nth == 0 { (words.as_str(), assertion) } else { ("", "") };
        let _ =
            writeln!(text, "{:>4}  {words:<PHRASE_LEN$}  {assertion:<9}  {line}", name(index, nth, phrase.boxes.len()));
    }
}

fn box_columns(scored: &ScoredBox, support: &str) -> String {
    format!("{:<27}  {:<10.2}  {support}", corners(&scored.box_in_image), scored.confidence).trim_end().to_owned()
}

/// As the labels of the overlay: `3`, or `3a`, `3b` for several boxes.
fn name(index: usize, nth: usize, count: usize) -> String {
    match u8::try_from(nth) {
        _ if count == 1 => (index + 1).to_string(),
        Ok(letter) if letter < 26 => format!("{}{}", index + 1, char::from(b'a' + letter)),
        _ => format!("{}-{}", index + 1, nth + 1),
    }
}

fn corners(bounds: &Box2<Image>) -> String {
    bounds.xyxy().map(|c| format!("{c:.0}")).join(" ")
}

fn assertion(assertion: Assertion) -> &'static str {
    match assertion {
        Assertion::Present => "present",
        Assertion::Absent => "absent",
        Assertion::Uncertain => "uncertain",
    }
}

fn support(support: Support) -> &'static str {
    match support {
        Support::Image => "image",
        Support::Prior => "prior",
        Support::None => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grounding() -> Grounding {
        let evidence = |support| {
            json!({"knowledge": [], "prior_box": null, "prior_source": null, "support": support,
                                        "attention_in_box": null, "knowledge_gate": null})
        };
        let scored =
            |x: f64| json!({"box": [x, 10.4, x + 20.0, 40.0], "confidence": 0.756, "spread": [1.0, 1.0, 1.0, 1.0]});
        serde_json::from_value(json!({
            "schema_version": "1.0", "notice": "Not for diagnosis.",
            "image": {"width": 100, "height": 80, "sha256": "", "format": "PNG", "grey_mapping": "full range"},
            "anatomy": [{"name": "heart", "box": [1.0, 2.0, 3.0, 4.0], "confidence": 0.9}],
            "findings": [
                {"phrase": {"text": "two\u{1b}[2J masses", "span": null}, "assertion": "present", "finding": "mass", "side": null,
                 "boxes": [scored(5.0), scored(50.0)], "evidence": evidence("image")},
                {"phrase": {"text": "effusion", "span": null}, "assertion": "absent", "finding": "effusion", "side": null,
                 "boxes": [], "evidence": evidence("none")},
            ],
            "warnings": [], "model": {"name": "m", "version": "0", "sha256": "", "knowledge": "1"},
        }))
        .unwrap()
    }

    #[test]
    fn every_box_has_a_line_and_denied_findings_have_none() {
        let text = table(&grounding());
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].contains("1a  two [2J masses") && lines[1].contains("5 10 25 40") && lines[1].contains("0.76")
        );
        assert!(lines[1].ends_with("image") && lines[2].contains("1b  ") && lines[2].contains("50 10 70 40"));
        assert!(lines[3].contains("effusion") && lines[3].ends_with("absent – not boxed"));
        assert!(text.contains("anatomy: heart 1 2 3 4 0.90") && text.ends_with("Not for diagnosis.\n"));
        assert!(!text.contains('\u{1b}'));
    }
}
