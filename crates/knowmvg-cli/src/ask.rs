//! `knowmvg ask IMAGE QUESTION`.

use knowmvg::render::{self, OverlayOptions, RenderError};

use crate::args::AskArgs;
use crate::failure::{Exit, Failure};
use crate::{files, ground, ground_table, model_folder, output};

/// Answers a question about an image and shows what the answer points at.
pub fn run(args: &AskArgs) -> Result<(), Failure> {
    let bytes = files::image_bytes(&args.image)?;
    let image = files::image_in(&bytes, &args.image)?;
    let (folder, grounder) = model_folder::load_sampling(&args.model, &args.sampling)?;
    if grounder.reader().is_none() {
        let problem = "expected a model with a language model, found one without";
        let fix = "put one together with `knowmvg vlm assemble`, and name its folder with --model";
        return Err(Failure::about(Exit::Model, "cannot answer questions", &folder, problem.to_owned()).fix(fix));
    }
    let unencoded = |e| Failure::about(Exit::Work, "cannot encode the image", &args.image, e);
    let session = grounder.session(&image).map_err(unencoded)?;
    let reply = session.answer(&args.question).map_err(|problem| {
        Failure::new(Exit::Work, "the language model cannot read the question").because(std::io::Error::other(problem))
    })?;
    let grounding = session.grounding(reply.asked.clone());
    let answered = reply.beside(&args.question, grounding);
    answered.grounding.warnings.iter().for_each(|warning| output::warn(warning));
    if let Some(path) = &args.overlay {
        let undrawn = |e: RenderError| Failure::new(Exit::Work, "cannot draw the boxes").because(e);
        let view = ground::view(&image).map_err(undrawn)?;
        let picture = render::overlay(&view, &answered.grounding, &OverlayOptions::default()).map_err(undrawn)?;
        files::write(path, &render::png(&picture).map_err(undrawn)?)?;
    }
    if args.json {
        return output::print_json(&answered);
    }
    output::print(&format!("{}\n\n{}", output::printable(&answered.answer), ground_table::table(&answered.grounding)))
}
