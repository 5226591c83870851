//! `--explain DIR`: what guided each phrase, as pictures and as JSON.

use std::path::Path;

use knowmvg::grounder::{Asked, Explanation, Session};
use knowmvg::grounding::{GroundedPhrase, Grounding, NOTICE};
use knowmvg::image::GreyImage;
use knowmvg::knowledge::{self, KnowledgeBase};
use knowmvg::layer::{Layer, map_shape};
use knowmvg::render::{self, GreyView, RenderError};
use serde::Serialize;

use crate::failure::{Exit, Failure};
use crate::{files, ground, output};

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
    for layer in Layer::ALL {
        let Some(map) = layer.map(session, explanation, shape) else { continue };
        // The title has no word of the report: the picture may be shown to others.
        let title = format!("phrase {number}: {}", layer.title());
        let picture = render::heatmap(view, &map, rows, cols, &title).map_err(undrawn)?;
        let name = format!("{number:02}-{}.png", layer.name());
        files::write(&folder.join(&name), &render::png(&picture).map_err(undrawn)?)?;
        names.push(name);
    }
    Ok(names)
}

fn undrawn(error: RenderError) -> Failure {
    Failure::new(Exit::Work, "cannot draw the explanation").because(error)
}
