//! `knowmvg eval score DIR`: from the files to scores; no weights and no image are needed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use knowmvg::eval::Resampling;
use knowmvg_eval::page::Pictures;
use knowmvg_eval::{Item, Scores, read_items, read_predictions, score};

use super::args::ScoreArgs;
use super::page::{self, Scored};
use super::score_table;
use crate::failure::{Exit, Failure};
use crate::{files, output, progress};

/// Most systems of one folder.
const MAX_SYSTEMS: usize = 1_000;

/// Scores every system, writes scores.json and page.html, and prints the table.
pub fn run(args: &ScoreArgs) -> Result<(), Failure> {
    let scores = score_folder(&args.folder, args.seed, None)?;
    if args.json { output::print_json(&scores) } else { output::print(&score_table::table(&scores)) }
}

/// Scores every system of a folder and writes scores.json and page.html into it.
pub fn score_folder(folder: &Path, seed: u64, pictures: Option<Pictures>) -> Result<Vec<Scores>, Failure> {
    let items = items(folder)?;
    let systems = systems(folder)?;
    let bar = progress::of_things("scoring", systems.len() as u64);
    let resampling = Resampling { seed, ..Resampling::default() };
    let (mut scores, mut answers) = (Vec::new(), Vec::new());
    for (name, path) in &systems {
        let predictions = read_predictions(path, &items).map_err(|e| unreadable(path, e))?;
        scores.push(score(name, &items, &predictions, resampling).map_err(|e| unreadable(path, e))?);
        answers.push(predictions);
        bar.inc(1);
    }
    bar.finish_and_clear();
    files::write(&folder.join("scores.json"), (output::pretty(&scores)? + "\n").as_bytes())?;
    page::write(folder, &Scored { items: &items, scores: &scores, answers: &answers, resampling }, pictures)?;
    Ok(scores)
}

/// The items of a folder.
pub fn items(folder: &Path) -> Result<Vec<Item>, Failure> {
    let path = folder.join("items.jsonl");
    read_items(&path).map_err(|e| unreadable(&path, e))
}

/// An error about a file of an evaluation.
pub fn unreadable(path: &Path, cause: impl Into<Box<dyn std::error::Error>>) -> Failure {
    Failure::about(Exit::Input, "cannot score", path, cause)
        .fix("name a folder that `knowmvg eval ... --out` wrote, with items.jsonl and predictions/")
}

/// The predictions files of a folder by the name of their system.
fn systems(folder: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let below = folder.join("predictions");
    let entries = fs::read_dir(&below).map_err(|e| unreadable(&below, e))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let named = files.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)));
    let systems: BTreeMap<String, PathBuf> = named.take(MAX_SYSTEMS + 1).collect();
    match systems.len() {
        0 => Err(unreadable(&below, "expected files of predictions, found none")),
        count if count > MAX_SYSTEMS => {
            Err(unreadable(&below, format!("expected at most {MAX_SYSTEMS} systems, found more")))
        }
        _ => Ok(systems),
    }
}
