//! The boxes of a structured report for people: one line a region.

use std::fmt::Write;

use knowmvg_dicom::sr::{ReadBack, ReadSite};

use crate::output::shortened;

/// Characters that are shown of a name, of a finding and of a place.
const NAME: usize = 16;
const FINDING: usize = 28;
const SITE: usize = 24;
const COMMENT: usize = 60;

/// The whole table.
pub fn table(groups: &[ReadBack]) -> String {
    let mut text = format!(
        "{:<NAME$}  {:<FINDING$}  {:<SITE$}  {:<27}  {:<10}  {}\n",
        "name", "finding", "site", "box in pixels (x0 y0 x1 y1)", "confidence", "comment"
    );
    groups.iter().for_each(|group| rows(&mut text, group));
    let verified = match groups.first() {
        None => "no region on an image",
        Some(group) if group.is_verified => "verified by a person",
        Some(_) => "not verified by a person",
    };
    let _ = writeln!(text, "\n{verified}");
    text
}

fn rows(text: &mut String, group: &ReadBack) {
    let name = shortened(group.tracking_id.as_deref().unwrap_or("-"), NAME);
    let finding = group.finding.as_ref().map_or("-", |code| &code.meaning);
    let sites: Vec<String> = group.sites.iter().map(site).collect();
    let confidence = group.confidence.map_or_else(|| "-".to_owned(), |share| format!("{share:.2}"));
    let [finding, site] = [shortened(finding, FINDING), shortened(&sites.join(", "), SITE)];
    let comment = shortened(group.comment.as_deref().unwrap_or(""), COMMENT);
    for bounds in &group.boxes {
        let corners = bounds.xyxy().map(|corner| format!("{corner:.0}")).join(" ");
        let line =
            format!("{name:<NAME$}  {finding:<FINDING$}  {site:<SITE$}  {corners:<27}  {confidence:<10}  {comment}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn site(site: &ReadSite) -> String {
    let side = site.laterality.as_ref().map(|side| format!(" ({})", side.meaning.to_lowercase()));
    format!("{}{}", site.place.meaning, side.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use knowmvg::geometry::Box2;
    use knowmvg_dicom::Code;

    use super::*;

    fn code(meaning: &str) -> Code {
        Code { value: "1".into(), scheme: "SCT".into(), meaning: meaning.into() }
    }

    #[test]
    fn every_region_has_a_line_and_nothing_drives_the_terminal() {
        let group = ReadBack {
            tracking_id: Some("KnowMVG 1".into()),
            tracking_uid: None,
            finding: Some(code("Pleural\u{1b}[2J effusion")),
            sites: vec![ReadSite { place: code("Lung"), laterality: Some(code("Left")) }],
            boxes: [[1.0, 2.0, 3.4, 4.0], [5.0, 6.0, 7.0, 8.0]].map(|c| Box2::from_xyxy(c).unwrap()).to_vec(),
            images: Vec::new(),
            confidence: Some(0.756),
            comment: None,
            is_verified: false,
        };
        let text = table(&[group]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("KnowMVG 1 ") && lines[1].contains("Lung (left)") && lines[1].ends_with("0.76"));
        assert!(lines[1].contains("  1 2 3 4  ") && lines[2].contains("  5 6 7 8  "));
        assert!(lines[4] == "not verified by a person" && !text.contains('\u{1b}'));
        assert!(table(&[]).ends_with("\nno region on an image\n"));
    }
}
