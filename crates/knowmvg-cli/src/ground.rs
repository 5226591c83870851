//! `knowmvg ground IMAGE`.

use knowmvg::ask::{Asking, report_warnings};
use knowmvg::grounder::MAX_PHRASES;
use knowmvg::grounding::Grounding;
use knowmvg::image::GreyImage;
use knowmvg::render::{self, GreyView, OverlayOptions, RenderError};
use knowmvg_dicom::deidentify::without_words;
use knowmvg_dicom::is_dicom;

use crate::args::GroundArgs;
use crate::deidentify;
use crate::dicom_out::DicomOut;
use crate::failure::{Exit, Failure};
use crate::{explain, files, ground_table, model_folder, output};

/// Grounds a report and phrases on one image, prints the result and writes what was asked for.
pub fn run(args: &GroundArgs) -> Result<(), Failure> {
    let path = args.image.as_deref().ok_or_else(|| Failure::new(Exit::Usage, "expected an image"))?;
    // The inputs come before the model: a wrong one is told at once.
    let report = args.report.as_deref().map(files::read_report).transpose()?;
    let deidentifier = deidentify::of_results(&args.deidentify)?;
    let bytes = files::image_bytes(path)?;
    let image = files::image_in(&bytes, path)?;
    // What is derived from an image without its patient names none either.
    let deidentified = deidentifier.as_ref().filter(|_| is_dicom(&bytes));
    let deidentified = deidentified.map(|deidentifier| deidentify::file(deidentifier, &bytes, path)).transpose()?;
    let dicom_out = DicomOut::wanted(args, &bytes, deidentified.as_ref(), path)?;
    drop((bytes, deidentified));
    let (_, grounder) = model_folder::load_sampling(&args.model, &args.sampling)?;
    let session =
        grounder.session(&image).map_err(|e| Failure::about(Exit::Work, "cannot encode the image", path, e))?;
    let Asking { asked, warnings } = session.asked(report.as_deref(), &args.phrases);
    let mut grounding = session.grounding(asked.clone());
    grounding.warnings.extend(warnings);
    grounding.warnings.extend(report_warnings(report.as_deref(), &grounding));
    if deidentifier.is_some() {
        grounding = without_words(&grounding);
    }
    grounding.warnings.iter().for_each(|warning| output::warn(warning));
    write_files(args, &image, &grounding)?;
    dicom_out.iter().try_for_each(|out| out.write(args, &image, &grounding))?;
    if let Some(folder) = &args.explain {
        explain::write(folder, &image, &session, &asked[..asked.len().min(MAX_PHRASES)], &grounding)?;
    }
    if args.json { output::print_json(&grounding) } else { output::print(&ground_table::table(&grounding)) }
}

fn write_files(args: &GroundArgs, image: &GreyImage, grounding: &Grounding) -> Result<(), Failure> {
    if let Some(path) = &args.out {
        files::write(path, (output::pretty(grounding)? + "\n").as_bytes())?;
    }
    let undrawn = |e: RenderError| Failure::new(Exit::Work, "cannot draw the boxes").because(e);
    let view = view(image).map_err(undrawn)?;
    if let Some(path) = &args.overlay {
        let picture = render::overlay(&view, grounding, &OverlayOptions::default()).map_err(undrawn)?;
        files::write(path, &render::png(&picture).map_err(undrawn)?)?;
    }
    if let Some(path) = &args.svg {
        files::write(path, render::svg_with_image(&view, grounding).map_err(undrawn)?.as_bytes())?;
    }
    Ok(())
}

/// The image as the renderer takes it.
pub fn view(image: &GreyImage) -> Result<GreyView<'_>, RenderError> {
    GreyView::new(image.width(), image.height(), image.pixels())
}
