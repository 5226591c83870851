//! `knowmvg ablate GRID`: trains every arm with every seed, scores each finished model, and compares the arms.

mod examine;
mod grid;
mod table;

use std::collections::BTreeMap;

use knowmvg::compute::Device;
use knowmvg::train::TrainError;
use knowmvg::train::corpus::Split;

use crate::args::AblateArgs;
use crate::failure::{Exit, Failure};
use crate::train::{self, journal::Journal};
use crate::{files, model_folder, output};
use grid::{ArmRun, Grid};
use table::{Arm, Tables};

/// Trains what is missing, then writes and prints the tables.
pub fn run(args: &AblateArgs) -> Result<(), Failure> {
    let grid = Grid::open(&args.grid)?;
    let runs = grid.runs()?;
    let device = args.device.find()?;
    files::create_folder(&grid.output)?;
    let split = Split::from(args.split);
    let mut arms: BTreeMap<String, Arm> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        let folder = run.recipe.output();
        if !examine::is_done(folder, split) {
            if args.table_only {
                output::warn(&format!("{} with seed {} is not finished and left out", run.arm, run.seed));
                continue;
            }
            eprintln!("run {} of {}: {}, seed {}", index + 1, runs.len(), run.arm, run.seed);
            train_one(run, &device)?;
            examine::examine(&run.recipe, split, &device)?;
        }
        let arm = arms.entry(run.arm.clone()).or_default();
        arm.scored.push(examine::scored(folder, split)?);
        arm.looked.extend(examine::looked(folder, split)?);
    }
    let tables = Tables::new(&grid.reference, &arms);
    let (json, markdown) = (output::pretty(&tables)?, table::markdown(&tables));
    files::write(&grid.output.join("table.json"), json.as_bytes())?;
    files::write(&grid.output.join("table.md"), markdown.as_bytes())?;
    output::print(if args.json { &json } else { &markdown })
}

/// Trains one run, from its checkpoint if it has one.
fn train_one(run: &ArmRun, device: &Device) -> Result<(), Failure> {
    let folder = run.recipe.output();
    if folder.join("model").join(model_folder::MARKER).exists() {
        return Ok(());
    }
    files::create_folder(folder)?;
    let mut journal = Journal::open(folder)?;
    let stopped = |e: TrainError| {
        Failure::about(Exit::Work, "the training stopped", folder, e).fix("the same command goes on where it stopped")
    };
    let finished = run.recipe.train(true, std::slice::from_ref(device), &mut journal).map_err(stopped)?;
    train::add_tower(&run.recipe, &finished)
}
