//! Laws of the results page.

mod invented;
mod tags;

use invented::{HOSTILE, Run, SYSTEMS};
use knowmvg_eval::page::{About, Page};
use knowmvg_eval::scores::{GroupKind, Measure, Metric};

fn printed(metric: &Metric) -> String {
    match metric.interval {
        Some(i) => format!("{:.3} <span class=\"interval\">[{:.3}, {:.3}]</span>", metric.value, i.low, i.high),
        None => format!("{:.3}", metric.value),
    }
}

/// The rows of the table with this caption.
fn rows<'a>(html: &'a str, caption: &str) -> Vec<&'a str> {
    let table = html.split_once(&format!("<caption>{caption}</caption>")).expect("a table with this caption").1;
    let body = table.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0;
    body.split_inclusive("</tr>").filter(|row| row.contains("<tr")).collect()
}

#[test]
fn every_element_is_closed_and_nothing_is_loaded() {
    for with_pictures in [false, true] {
        let html = Run::new(60, 1).html(with_pictures);
        let elements = tags::opened(&html);
        for (name, attributes) in &elements {
            assert!(!["link", "iframe", "object", "base"].contains(&name.as_str()), "{name}");
            for (key, value) in attributes {
                assert!(!key.starts_with("on"), "an event handler: {key}");
                let is_address = ["src", "href", "action"].contains(&key.as_str());
                assert!(!is_address || value.starts_with("data:image/jpeg;base64,"), "{key} of {name}");
            }
        }
        let pictures = elements.iter().filter(|(name, _)| name == "image").count();
        assert_eq!(pictures > 0, with_pictures);
    }
}

#[test]
fn hostile_words_stay_words_and_ids_stay_out() {
    let html = Run::new(60, 2).html(false);
    assert_eq!(html.matches("<script").count(), 1, "the page's own");
    assert!(!html.contains(HOSTILE) && html.contains("&lt;/th&gt;&lt;script&gt;"));
    assert!(!html.contains("secret-patient") && !html.contains("image-1"));
}

#[test]
fn headers_have_a_scope_and_plots_a_description() {
    for (name, attributes) in tags::opened(&Run::new(60, 3).html(false)) {
        let has = |key: &str| attributes.iter().any(|(k, value)| k == key && !value.is_empty());
        assert!(name != "th" || has("scope"));
        assert!(name != "svg" || has("role") && has("aria-label"));
    }
}

#[test]
fn every_system_is_a_row_with_its_own_numbers() {
    let run = Run::new(80, 4);
    let html = run.html(false);
    let rows = rows(&html, "Phrases, level zone: all systems");
    assert_eq!(rows.len(), SYSTEMS.len());
    for ((row, scores), (_, _, is_floor)) in rows.iter().zip(&run.scores).zip(SYSTEMS) {
        let part = scores.parts.iter().find(|part| part.level.as_deref() == Some("zone")).unwrap();
        let group = part.groups.iter().find(|group| group.kind == GroupKind::Overall).unwrap();
        for measure in
            [Measure::MeanIou, Measure::Accuracy10, Measure::Accuracy30, Measure::Accuracy50, Measure::UnionIou]
        {
            assert!(row.contains(&format!(">{}</td>", printed(&group.measures[&measure]))), "{measure:?}");
        }
        assert!(row.contains(&format!(">{}</td>", group.n)));
        assert!(row.contains(&format!(">{:.3}</td>", part.detection.as_ref().unwrap().mean.ap50)));
        assert!(row.contains(&printed(&part.presence.as_ref().unwrap().auroc)));
        assert!(row.contains(&printed(&part.calibration.as_ref().unwrap().ece)));
        assert_eq!(row.contains("(floor)"), is_floor);
    }
}

#[test]
fn weak_classes_come_first() {
    let run = Run::new(80, 5);
    let part = run.scores[0].parts.iter().find(|part| part.level.as_deref() == Some("zone")).unwrap();
    let mut expected: Vec<&Metric> = part
        .groups
        .iter()
        .filter(|group| group.kind == GroupKind::Label)
        .map(|group| &group.measures[&Measure::MeanIou])
        .collect();
    expected.sort_by(|a, b| a.value.total_cmp(&b.value));
    let html = run.html(false);
    let rows = rows(&html, "By class");
    assert_eq!(rows.len(), expected.len());
    assert!(rows.iter().zip(expected).all(|(row, metric)| row.contains(&printed(metric))));
}

#[test]
fn damaged_reports_are_curves_and_not_sections() {
    let run = Run::new(60, 6);
    let html = run.html(false);
    let damaged =
        run.scores[0].parts.iter().filter(|part| part.level.as_deref().is_some_and(|l| l.starts_with("noise-typos")));
    let row = rows(&html, "Reports: typos, mIoU by severity")[0];
    for part in damaged {
        let overall = part.groups.iter().find(|group| group.kind == GroupKind::Overall).unwrap();
        assert!(row.contains(&printed(&overall.measures[&Measure::MeanIou])));
    }
    assert!(!html.contains("level noise-"));
}

#[test]
fn differences_are_those_of_the_comparison() {
    let run = Run::new(60, 7);
    let html = run.html(false);
    for comparison in &run.comparisons {
        for part in &comparison.parts {
            assert!(html.contains(&printed(&part.differences[&Measure::MeanIou].difference)));
        }
    }
}

#[test]
fn the_same_run_gives_the_same_page() {
    assert_eq!(Run::new(40, 8).html(false), Run::new(40, 8).html(false));
}

#[test]
fn a_page_without_results_is_a_page() {
    let about = About { title: "Nothing".into(), ..About::default() };
    let page = Page { about: &about, systems: &[], comparisons: &[], items: &[], cases: 3, pictures: None };
    assert!(tags::opened(&page.html()).iter().any(|(name, _)| name == "footer"));
}

#[test]
fn the_notice_is_on_the_page() {
    assert!(Run::new(20, 9).html(false).contains("Research software, not a medical device."));
}
