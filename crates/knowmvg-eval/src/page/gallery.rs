//! Worst, median and best cases of the page's subject, with their boxes.

use std::fmt::Write;

use knowmvg::geometry::{Box2, Image};

use super::histogram::answers_on;
use super::html::{escaped, number, shortened};
use super::picture::data_uri;
use super::{MAX_CASES, Page};
use crate::scores::Part;
use crate::statement::{Answered, Statement};

/// Longer words are cut.
const MAX_LETTERS: usize = 160;
/// More boxes than this are not drawn.
const MAX_DRAWN: usize = 20;

/// A statement with one true box, and the IoU of the first box with it.
type Case<'a> = (f64, Statement<'a>);

/// The galleries of one part; empty where the subject has no predictions or no statement has a single true box.
pub(super) fn gallery(page: &Page<'_>, part: &Part) -> String {
    let systems = page.scored_on(part);
    let Some((system, _)) = systems.first() else { return String::new() };
    if system.predictions.is_empty() || page.cases == 0 {
        return String::new();
    }
    let cases = sorted_cases(&answers_on(page.items, system, part));
    let rows = chosen(&cases, page.cases.min(MAX_CASES));
    if cases.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "<h3>Cases of {}</h3>\n<p class=\"note\"><span class=\"key\"></span> true box, solid; \
         <span class=\"key dashed\"></span> predicted box, dashed; the first prediction counts. Image-left is the patient's right.</p>\n",
        escaped(&system.scores.system)
    );
    for (name, cases) in rows {
        let figures: Vec<String> = cases.iter().map(|case| figure(page, case)).collect();
        let _ = writeln!(out, "<h4>{name}</h4>\n<div class=\"gallery\">\n{}</div>", figures.concat());
    }
    out
}

/// By IoU, then in the order of the items.
fn sorted_cases<'a>(answers: &[Answered<'a>]) -> Vec<Case<'a>> {
    let statements = answers.iter().flat_map(Answered::statements);
    let mut cases: Vec<Case<'a>> =
        statements.filter_map(|statement| Some((statement.first_iou()?, statement))).collect();
    cases.sort_by(|a, b| a.0.total_cmp(&b.0));
    cases
}

/// Three pieces of a sorted list that share no case while there are enough.
fn chosen<'a, 'b>(cases: &'b [Case<'a>], count: usize) -> [(&'static str, &'b [Case<'a>]); 3] {
    let count = count.min(cases.len().div_ceil(3));
    let last = cases.len() - count.min(cases.len());
    let middle = last / 2;
    [("Worst", &cases[..count]), ("Median", &cases[middle..middle + count]), ("Best", &cases[last..])]
}

fn figure(page: &Page<'_>, (iou, statement): &Case<'_>) -> String {
    let label = shortened(&statement.target.label, MAX_LETTERS);
    let words = statement.target.text.as_deref().unwrap_or(&statement.item.text);
    let confidence =
        statement.confidence().map_or("no box".to_owned(), |confidence| format!("confidence {}", number(confidence)));
    let told = format!("IoU {}, {confidence}", number(*iou));
    format!(
        "<figure>{}<figcaption><strong>{label}</strong><br/>{told}<br/><small>{}</small></figcaption></figure>\n",
        overlay(page, statement, &format!("{label}: true and predicted box, {told}")),
        shortened(words, MAX_LETTERS)
    )
}

fn overlay(page: &Page<'_>, statement: &Statement<'_>, told: &str) -> String {
    let [width, height] = statement.item.size;
    let picture = page.pictures.and_then(|pictures| pictures(&statement.item.image)).and_then(|image| data_uri(&image));
    let ground = match picture {
        Some(uri) => {
            format!("<image href=\"{uri}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\"/>")
        }
        None => format!("<rect class=\"plain\" width=\"{width}\" height=\"{height}\"/>"),
    };
    let predicted = statement.found.map(|found| found.boxes.as_slice()).unwrap_or_default();
    let truth: Vec<_> = statement.target.boxes.iter().take(MAX_DRAWN).collect();
    let answer: Vec<_> = predicted.iter().take(1).map(|scored| &scored.bounds).collect();
    // The dark rims come first and the dashes last: where both boxes are one, the true one shows between the dashes.
    let layers = [(&truth, "halo"), (&answer, "halo"), (&truth, "true"), (&answer, "predicted")];
    let boxes: String = layers.iter().flat_map(|(boxes, class)| boxes.iter().map(|one| outline(one, class))).collect();
    format!(
        "<svg class=\"case\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{told}\">{ground}{boxes}</svg>"
    )
}

fn outline(bounds: &Box2<Image>, class: &str) -> String {
    let [x, y, _, _] = bounds.xyxy();
    let (width, height) = (bounds.width(), bounds.height());
    format!("<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>")
}
