//! `knowmvg synth DIR`.

use knowmvg::synthetic::{SyntheticError, SyntheticOptions, write_corpus};

use crate::args::SynthArgs;
use crate::failure::{Exit, Failure};
use crate::output;

/// Writes the corpus and prints its folder.
pub fn run(args: &SynthArgs) -> Result<(), Failure> {
    let options = SyntheticOptions { images: args.images, size: args.size, seed: args.seed };
    write_corpus(&args.folder, &options).map_err(|e| failure(args, e))?;
    output::print(&format!("{}\n", args.folder.display()))
}

fn failure(args: &SynthArgs, error: SyntheticError) -> Failure {
    let (exit, fix) = match error {
        SyntheticError::Images { .. } => (Exit::Usage, "choose another --images"),
        SyntheticError::Size { .. } => (Exit::Usage, "choose another --size"),
        SyntheticError::Exists { .. } => (Exit::Work, "choose another folder, or remove this corpus"),
        SyntheticError::Write { .. } | SyntheticError::Image { .. } => {
            (Exit::Work, "check that the folder may be written to")
        }
    };
    Failure::about(exit, "cannot write the corpus", &args.folder, error).fix(fix)
}
