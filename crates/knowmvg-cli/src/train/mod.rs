//! `knowmvg train CONFIG`.

pub mod journal;
pub mod recipe;

use std::fs;
use std::path::Path;

use knowmvg::model::files::{TOWER_CONFIG, TOWER_WEIGHTS};
use knowmvg::train::TrainError;
use knowmvg::train::run::Run;
use knowmvg_vlm::train::VlmTrainConfig;

use crate::args::TrainArgs;
use crate::failure::{Exit, Failure};
use crate::{files, machine, output};
use journal::Journal;

/// Runs a recipe and prints the folder of the finished model.
pub fn run(args: &TrainArgs) -> Result<(), Failure> {
    let table = recipe::read_table(&args.config)?;
    if recipe::is_of_language_model(&table) {
        return run_language_model(args, recipe::of_language_model(table, &args.config)?);
    }
    let mut config = recipe::from_table(table, &args.config)?;
    config.seed = args.seed.unwrap_or(config.seed);
    let device = args.devices.find_one()?;
    files::create_folder(&config.output)?;
    let tower = config.tower.clone();
    let mut journal = Journal::open(&config.output)?;
    let finished = Run::prepare_on(config, &device).and_then(|run| run.run(args.resume, &mut journal));
    journal.bar.finish_and_clear();
    let folder = finished.map_err(|e| failure(args, e))?;
    add_tower(&tower, &folder)?;
    finish(&journal, &folder)
}

/// Runs the recipe of a language model.
fn run_language_model(args: &TrainArgs, mut config: VlmTrainConfig) -> Result<(), Failure> {
    config.seed = args.seed.unwrap_or(config.seed);
    let devices = args.devices.find()?;
    files::create_folder(&config.output)?;
    let mut journal = Journal::open(&config.output)?;
    let finished =
        knowmvg_vlm::train::Run::prepare(config, &devices).and_then(|run| run.run(args.resume, &mut journal));
    journal.bar.finish_and_clear();
    let folder = finished.map_err(|e| failure(args, e))?;
    finish(&journal, &folder)
}

fn finish(journal: &Journal, folder: &Path) -> Result<(), Failure> {
    if let Some(peak) = machine::peak_memory_mib() {
        eprintln!("{:.0} s, peak memory {peak:.0} MiB", journal.started.elapsed().as_secs_f64());
    }
    output::print(&format!("{}\n", folder.display()))
}

/// Copies the image encoder to the decoder that was trained on it, so that the folder is a whole model.
pub fn add_tower(weights: &Path, folder: &Path) -> Result<(), Failure> {
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
