//! `knowmvg train CONFIG`.

pub mod journal;
pub mod recipe;

use std::fs;
use std::path::Path;

use knowmvg::model::files::{TOWER_CONFIG, TOWER_WEIGHTS};
use knowmvg::train::TrainError;

use crate::args::TrainArgs;
use crate::failure::{Exit, Failure};
use crate::{files, machine, output};
use journal::Journal;
use recipe::Recipe;

/// Runs a recipe and prints the folder of the finished model.
pub fn run(args: &TrainArgs) -> Result<(), Failure> {
    let recipe = Recipe::understand(recipe::read_table(&args.config)?, &args.config)?;
    let recipe = match args.seed {
        Some(seed) => recipe.with_seed(seed),
        None => recipe,
    };
    let devices = match &recipe {
        Recipe::Compact(_) => vec![args.devices.find_one()?],
        Recipe::Language(_) => args.devices.find()?,
    };
    files::create_folder(recipe.output())?;
    let mut journal = Journal::open(recipe.output())?;
    let finished = recipe.train(args.resume, &devices, &mut journal);
    journal.bar.finish_and_clear();
    let folder = finished.map_err(|e| failure(args, e))?;
    add_tower(&recipe, &folder)?;
    finish(&journal, &folder)
}

fn finish(journal: &Journal, folder: &Path) -> Result<(), Failure> {
    if let Some(peak) = machine::peak_memory_mib() {
        eprintln!("{:.0} s, peak memory {peak:.0} MiB", journal.started.elapsed().as_secs_f64());
    }
    output::print(&format!("{}\n", folder.display()))
}

/// Copies the image encoder to the decoder that was trained on it, so that the folder is a whole model; that of a language model is one.
pub fn add_tower(recipe: &Recipe, folder: &Path) -> Result<(), Failure> {
    let Recipe::Compact(config) = recipe else { return Ok(()) };
    let weights = &config.tower;
    for (from, name) in [(weights.to_owned(), TOWER_WEIGHTS), (weights.with_extension("config.json"), TOWER_CONFIG)] {
        let to = folder.join(name);
        fs::copy(&from, &to).map_err(|e| Failure::about(Exit::Work, "cannot copy the image encoder", &to, e))?;
    }
    Ok(())
}

fn failure(args: &TrainArgs, error: TrainError) -> Failure {
    let (exit, fix) = match &error {
        TrainError::Config(_) => (Exit::Input, "correct the recipe"),
        TrainError::Corpus(_) | TrainError::CorpusFile(_) => {
            (Exit::Input, "correct the corpus, or its path in the recipe")
        }
        TrainError::Weights(_) => (Exit::Model, "check the path `tower` in the recipe"),
        TrainError::Checkpoint(_) => (Exit::Work, "start again without --resume"),
        _ => (Exit::Work, "see the cause; a run that was interrupted goes on with --resume"),
    };
    Failure::about(exit, "the training stopped", &args.config, error).fix(fix)
}
