//! `--explain DIR`: what guided each phrase, as pictures and as JSON.

use std::path::Path;

use knowmvg::grounder::{Asked, Explanation, Session};
use knowmvg::grounding::{GroundedPhrase, Grounding, NOTICE};
use knowmvg::image::GreyImage;
use knowmvg::knowledge::{self, KnowledgeBase};
use knowmvg::render::{self, GreyView, RenderError};
use serde::Serialize;

use crate::failure::{Exit, Failure};
use crate::{files, ground, output};

/// Columns or rows of a map, along the longer side of the image.
const MAP_LEN: f64 = 128.0;

/// The file `explain.json`.
#[derive(Serialize)]
struct Explained<'g> {
    notice: &'static str,
    phrases: Vec<ExplainedPhrase<'g>>,
}

#[derive(Serialize)]
struct ExplainedPhrase<'g> {
    /// As in the table and in the names of the pictures.
    number: usize,
    /// What was answered.
    grounding: &'g GroundedPhrase,
    /// What the knowledge base says of the words.
    knowledge: knowledge::Explanation,
    /// Names of the pictures in the folder; none if the phrase is not looked for.
    pictures: Vec<String>,
}

/// Writes the folder. `asked` and the findings of `grounding` are the same phrases in the same order.
pub fn write(
    folder: &Path,
    image: &GreyImage,
    session: &Session,
    asked: &[Asked],
    grounding: &Grounding,
) -> Result<(), Failure> {
    files::create_folder(folder)?;
    let view = ground::view(image).map_err(undrawn)?;
    let mut phrases = Vec::new();
    for (index, (asked, phrase)) in asked.iter().zip(&grounding.findings).enumerate() {
        let explanation = session.explain(asked);
        let pictures = match &explanation {
            Some(explanation) => write_pictures(folder, index + 1, &view, session, explanation)?,
            None => Vec::new(),
        };
        let knowledge = knowledge::explain(&phrase.phrase.text, KnowledgeBase::chest());
        phrases.push(ExplainedPhrase { number: index + 1, grounding: phrase, knowledge, pictures });
    }
    let explained = Explained { notice: NOTICE, phrases };
    files::write(&folder.join("explain.json"), (output::pretty(&explained)? + "\n").as_bytes())
}

/// One map of one phrase.
struct Layer<'m> {
    name: &'static str,
    title: &'static str,
    map: &'m [f32],
    side: usize,
    window: Option<[f64; 4]>,
}

fn layers(explanation: &Explanation) -> Vec<Layer<'_>> {
    let layer = |name, title, map, side, window| Layer { name, title, map, side, window };
    let mut layers = vec![
        layer("prior", "where the knowledge expects it", &explanation.prior[..], explanation.grid, None),
        layer("global", "global attention", &explanation.global[..], explanation.grid, None),
    ];
    // With the local stage off there is neither a map nor a window.
    if !explanation.local.is_empty() && explanation.window.is_some() {
        layers.push(layer(
            "local",
            "local attention",
            &explanation.local[..],
            explanation.window_side,
            explanation.window,
        ));
    }
    layers
}

fn write_pictures(
    folder: &Path,
    number: usize,
    view: &GreyView,
    session: &Session,
    explanation: &Explanation,
) -> Result<Vec<String>, Failure> {
    let shape = map_shape(view.width(), view.height());
    let [cols, rows] = shape;
    let mut names = Vec::new();
    for layer in layers(explanation) {
        let map = session.map_on_image(layer.map, layer.side, layer.window, shape);
        // The title has no word of the report: the picture may be shown to others.
        let title = format!("phrase {number}: {}", layer.title);
        let picture = render::heatmap(view, &map, rows, cols, &title).map_err(undrawn)?;
        let name = format!("{number:02}-{}.png", layer.name);
        files::write(&folder.join(&name), &render::png(&picture).map_err(undrawn)?)?;
        names.push(name);
    }
    Ok(names)
}

/// Columns and rows of a map with the shape of the image.
fn map_shape(width: u32, height: u32) -> [usize; 2] {
    let longest = f64::from(width.max(height));
    [width, height].map(|side| ((MAP_LEN * f64::from(side) / longest).round() as usize).max(1))
}

fn undrawn(error: RenderError) -> Failure {
    Failure::new(Exit::Work, "cannot draw the explanation").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_keep_the_shape_of_the_image_and_stay_small() {
        assert_eq!(map_shape(2_000, 1_000), [128, 64]);
        assert_eq!(map_shape(16, 4_000_000), [1, 128]);
    }
}
