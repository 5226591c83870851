//! `knowmvg eval mrg FOLDER`: what the reports of MRG-ChestX-ray8 tell without any image, and with it where it is at hand.

use std::collections::BTreeSet;
use std::path::Path;

use knowmvg::grounding::ModelInfo;
use knowmvg_eval::blind::BlindConfig;
use knowmvg_eval::mrg::{Learnt, MrgError, MrgRow, SYSTEMS, folds, read_rows};
use knowmvg_eval::{Item, Prediction};

use super::answers::Answers;
use super::args::{MrgArgs, SplitArg};
use super::folder::{self, Settings};
use super::mrg_pixels::Pixels;
use super::mrg_table::{Answered, Report, table};
use super::system::System;
use crate::failure::{Exit, Failure};
use crate::{output, progress};

/// Parts of the cross-validation.
const FOLDS: usize = 5;

/// Learns, answers and prints the table.
pub fn run(args: &MrgArgs) -> Result<(), Failure> {
    let pixels = args.corpus.as_ref().map(|corpus| Pixels::open(corpus, args)).transpose()?;
    let answered = match &pixels {
        Some(pixels) => with_pixels(pixels, args)?,
        None => without_pixels(args)?,
    };
    if let Some(out) = &args.out {
        write(out, &answered, pixels.as_ref().map(Pixels::model), args)?;
    }
    let report = Report::new(args, &answered);
    if args.json { output::print_json(&report) } else { output::print(&table(&report)) }
}

fn without_pixels(args: &MrgArgs) -> Result<Vec<Answered>, Failure> {
    let train = rows(args, "train")?;
    match args.split {
        SplitArg::Train => Ok(cross_validated(&train, args)),
        SplitArg::Val => Ok(answer(&train, &rows(args, "val")?, args)),
        SplitArg::Test => {
            let learnt = [train, rows(args, "val")?].concat();
            Ok(answer(&learnt, &rows(args, "test")?, args))
        }
    }
}

/// The rows of all files whose image is at hand, those of the systems that see none answered by cross-validation.
fn with_pixels(pixels: &Pixels, args: &MrgArgs) -> Result<Vec<Answered>, Failure> {
    let all = [rows(args, "train")?, rows(args, "val")?, rows(args, "test")?].concat();
    let mut answered = cross_validated(&all, args);
    answered.retain(|row| pixels.has(&row.row));
    if answered.is_empty() {
        let problem = "expected images of the benchmark in this split of the corpus, found none";
        return Err(Failure::new(Exit::Input, problem).fix("choose another --corpus or --split"));
    }
    let bar = progress::of_things("looking", answered.len() as u64);
    for row in &mut answered {
        row.predictions.insert(0, pixels.answer(&row.row, &row.item.id)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(answered)
}

/// Names of the systems, in the order of the predictions of a row.
pub fn systems(args: &MrgArgs) -> Vec<&'static str> {
    args.corpus.iter().map(|_| System::Model.name()).chain(SYSTEMS).collect()
}

fn rows(args: &MrgArgs, part: &str) -> Result<Vec<MrgRow>, Failure> {
    let path = args.folder.join(format!("{}_{part}.jsonl", args.text.name()));
    let rows = read_rows(&path).map_err(|e: MrgError| unusable(&path, e.into()))?;
    if rows.is_empty() {
        return Err(unusable(&path, "expected rows, found none".into()));
    }
    Ok(rows)
}

fn unusable(path: &Path, cause: Box<dyn std::error::Error>) -> Failure {
    let fix = "name the folder with {gpt,llama}_{train,val,test}.jsonl, one JSON object a line";
    Failure::about(Exit::Input, "cannot read the benchmark", path, cause).fix(fix)
}

fn cross_validated(rows: &[MrgRow], args: &MrgArgs) -> Vec<Answered> {
    let of = folds(rows, FOLDS, args.seed);
    let part = |fold: usize, inside: bool| {
        let chosen = rows.iter().zip(&of).filter(|(_, f)| (**f == fold) == inside);
        chosen.map(|(row, _)| row.clone()).collect::<Vec<_>>()
    };
    (0..FOLDS).flat_map(|fold| answer(&part(fold, false), &part(fold, true), args)).collect()
}

/// The rows with the answer of every system that learnt from others.
fn answer(learnt_from: &[MrgRow], asked: &[MrgRow], args: &MrgArgs) -> Vec<Answered> {
    let learnt = Learnt::from(&learnt_from.iter().collect::<Vec<_>>(), BlindConfig::default());
    let images: BTreeSet<&str> = learnt_from.iter().map(|row| row.image.as_str()).collect();
    let patients: BTreeSet<&str> = learnt_from.iter().map(MrgRow::patient).collect();
    let bar = progress::of_things("answering", asked.len() as u64);
    let answered = asked.iter().enumerate().map(|(number, row)| {
        bar.inc(1);
        // A row has no name of its own, and an image may have several.
        let item = row.item(format!("{}#{number}", row.image), args.text.name());
        Answered {
            is_new_image: !images.contains(row.image.as_str()),
            is_new_patient: !patients.contains(row.patient()),
            row: row.clone(),
            predictions: learnt.answers(row, &item.id).into(),
            item,
        }
    });
    answered.collect()
}

fn write(out: &Path, answered: &[Answered], model: Option<ModelInfo>, args: &MrgArgs) -> Result<(), Failure> {
    let items: Vec<Item> = answered.iter().map(|row| row.item.clone()).collect();
    let settings = Settings {
        data_set: format!("MRG-ChestX-ray8, reports by {}", args.text.name()),
        split: format!("{:?}", args.split).to_lowercase(),
        model,
        knowledge: knowmvg::knowledge::KnowledgeBase::chest().manifest().version.clone(),
        seed: args.seed,
    };
    folder::open(out, &items, &settings)?;
    let ids: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
    for (index, system) in systems(args).into_iter().enumerate() {
        let mut file = Answers::open(&folder::predictions(out, system), &ids)?;
        let predictions = answered.iter().map(|row| &row.predictions[index]);
        let open: Vec<&Prediction> = predictions.filter(|prediction| !file.has(&prediction.item)).collect();
        open.into_iter().try_for_each(|prediction| file.append(prediction))?;
    }
    Ok(())
}
