//! `knowmvg ground IMAGE`.

use knowmvg::grounder::{Asked, MAX_PHRASES};
use knowmvg::grounding::Grounding;
use knowmvg::image::GreyImage;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::render::{self, GreyView, OverlayOptions, RenderError};
use knowmvg::report;

use crate::args::GroundArgs;
use crate::failure::{Exit, Failure};
use crate::{explain, files, ground_table, model_folder, output, svg};

/// Grounds a report and phrases on one image, prints the result and writes what was asked for.
pub fn run(args: &GroundArgs) -> Result<(), Failure> {
    let path = args.image.as_deref().ok_or_else(|| Failure::new(Exit::Usage, "expected an image"))?;
    // The inputs come before the model: a wrong one is told at once.
    let report = args.report.as_deref().map(files::read_report).transpose()?;
    let image = files::read_image(path)?;
    let (_, grounder) = model_folder::load(args.model.as_deref())?;
    let session =
        grounder.session(&image).map_err(|e| Failure::about(Exit::Work, "cannot encode the image", path, e))?;
    let asked = asked(report.as_deref(), &args.phrases);
    let mut grounding = session.grounding(asked.clone());
    grounding.warnings.extend(report_warnings(report.as_deref(), &grounding));
    grounding.warnings.iter().for_each(|warning| output::warn(warning));
    write_files(args, &image, &grounding)?;
    if let Some(folder) = &args.explain {
        explain::write(folder, &image, &session, &asked[..asked.len().min(MAX_PHRASES)], &grounding)?;
    }
    if args.json { output::print_json(&grounding) } else { output::print(&ground_table::table(&grounding)) }
}

/// The observations of a report, then the phrases that the user gave.
pub fn asked(report: Option<&str>, phrases: &[String]) -> Vec<Asked> {
    let knowledge = KnowledgeBase::chest();
    let from_report = report.into_iter().flat_map(|text| report::phrases(text, knowledge)).map(Asked::from_report);
    from_report.chain(phrases.iter().map(|text| Asked::from_user(report::query(text, knowledge)))).collect()
}

/// What was not read of a report.
pub fn report_warnings(report: Option<&str>, grounding: &Grounding) -> Vec<String> {
    let Some(report) = report else { return Vec::new() };
    let mut warnings = Vec::new();
    if report.len() > report::MAX_REPORT_BYTES {
        warnings.push(format!(
            "only the first {} of {} bytes of the report were read",
            report::MAX_REPORT_BYTES,
            report.len()
        ));
    }
    if !grounding.findings.iter().any(|phrase| phrase.phrase.span.is_some()) {
        warnings.push("the report names no finding that the knowledge base has".to_owned());
    }
    warnings
}

fn write_files(args: &GroundArgs, image: &GreyImage, grounding: &Grounding) -> Result<(), Failure> {
    if let Some(path) = &args.out {
        files::write(path, (output::pretty(grounding)? + "\n").as_bytes())?;
    }
    let undrawn = |e: RenderError| Failure::new(Exit::Work, "cannot draw the boxes").because(e);
    if let Some(path) = &args.overlay {
        let picture =
            render::overlay(&view(image).map_err(undrawn)?, grounding, &OverlayOptions::default()).map_err(undrawn)?;
        files::write(path, &render::png(&picture).map_err(undrawn)?)?;
    }
    if let Some(path) = &args.svg {
        files::write(path, svg::with_image_inside(image, grounding)?.as_bytes())?;
    }
    Ok(())
}

/// The image as the renderer takes it.
pub fn view(image: &GreyImage) -> Result<GreyView<'_>, RenderError> {
    GreyView::new(image.width(), image.height(), image.pixels())
}
