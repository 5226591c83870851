//! `knowmvg eval compare A B`: two predictions files on the same items.

use std::path::{Path, PathBuf};

use knowmvg::eval::Resampling;
use knowmvg_eval::{Item, Prediction, System, compare, read_predictions};

use super::args::CompareArgs;
use super::score::{items, unreadable};
use super::score_table;
use crate::failure::{Exit, Failure};
use crate::output;

/// Compares and prints.
pub fn run(args: &CompareArgs) -> Result<(), Failure> {
    let folder = folder_of(&args.a)?;
    let items = items(&folder)?;
    let other = folder_of(&args.b)?;
    if other != folder && self::items(&other)? != items {
        let problem = "expected answers to the same items, found others";
        return Err(Failure::about(Exit::Input, "cannot compare", &args.b, problem)
            .fix("compare files of one folder, or of two with the same items.jsonl"));
    }
    let (a, b) = (read(&args.a, &items)?, read(&args.b, &items)?);
    let resampling = Resampling { seed: args.seed, ..Resampling::default() };
    let system = |path, runs| System { name: name(path), runs };
    let compared = compare(&items, system(&args.a, &[a.as_slice()]), system(&args.b, &[b.as_slice()]), resampling)
        .map_err(|e| unreadable(&args.a, e))?;
    if args.json { output::print_json(&compared) } else { output::print(&score_table::comparison(&compared)) }
}

fn read(path: &Path, items: &[Item]) -> Result<Vec<Prediction>, Failure> {
    read_predictions(path, items).map_err(|e| unreadable(path, e))
}

fn name(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("unnamed")
}

/// The folder of items that a predictions file answers.
fn folder_of(predictions: &Path) -> Result<PathBuf, Failure> {
    let folder = predictions.parent().and_then(Path::parent);
    folder.map(Path::to_owned).ok_or_else(|| unreadable(predictions, "expected FOLDER/predictions/SYSTEM.jsonl"))
}
