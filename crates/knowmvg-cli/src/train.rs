//! `knowmvg train CONFIG`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;
use knowmvg::train::config::TrainConfig;
use knowmvg::train::criterion::LossTerms;
use knowmvg::train::run::{Run, Stage};
use knowmvg::train::tensorboard::EventFile;
use knowmvg::train::{Observer, TrainError};

use crate::args::TrainArgs;
use crate::failure::{Exit, Failure};
use crate::{files, machine, output, progress};

/// Names of the image encoder's files in a model folder.
const TOWER_WEIGHTS: &str = "dinov2-small.safetensors";
const TOWER_CONFIG: &str = "dinov2-small.config.json";

/// Runs a recipe and prints the folder of the finished model.
pub fn run(args: &TrainArgs) -> Result<(), Failure> {
    let config = read_config(args)?;
    files::create_folder(&config.output)?;
    let tower = config.tower.clone();
    let mut journal = Journal::open(&config.output)
        .map_err(|e| Failure::about(Exit::Work, "cannot write the log of the run below", &config.output, e))?;
    let finished = Run::prepare(config).and_then(|run| run.run(args.resume, &mut journal));
    journal.bar.finish_and_clear();
    let folder = finished.map_err(|e| failure(args, e))?;
    add_tower(&tower, &folder)?;
    if let Some(peak) = machine::peak_memory_mib() {
        eprintln!("{:.0} s, peak memory {peak:.0} MiB", journal.started.elapsed().as_secs_f64());
    }
    output::print(&format!("{}\n", folder.display()))
}

/// Copies the image encoder to the decoder that was trained on it, so that the folder is a whole model.
fn add_tower(weights: &Path, folder: &Path) -> Result<(), Failure> {
    for (from, name) in [(weights.to_owned(), TOWER_WEIGHTS), (weights.with_extension("config.json"), TOWER_CONFIG)] {
        let to = folder.join(name);
        fs::copy(&from, &to).map_err(|e| Failure::about(Exit::Work, "cannot copy the image encoder", &to, e))?;
    }
    Ok(())
}

/// Reads the recipe; its paths are relative to its own folder.
fn read_config(args: &TrainArgs) -> Result<TrainConfig, Failure> {
    let unreadable =
        |e: Box<dyn std::error::Error>| Failure::about(Exit::Input, "cannot read the recipe", &args.config, e);
    let text = fs::read_to_string(&args.config).map_err(|e| unreadable(e.into()))?;
    let mut config: TrainConfig =
        toml::from_str(&text).map_err(|e| unreadable(e.into()).fix("runs/ has recipes to compare with"))?;
    let base = args.config.parent().unwrap_or(Path::new("."));
    for target in [&mut config.corpus, &mut config.tower, &mut config.output] {
        *target = base.join(&*target);
    }
    config.cache = config.cache.take().map(|cache| base.join(cache));
    config.tokenizer = config.tokenizer.take().map(|tokenizer| base.join(tokenizer));
    config.seed = args.seed.unwrap_or(config.seed);
    Ok(config)
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

/// Bars on standard error, a line an epoch, `log.jsonl` and TensorBoard events in the output folder.
struct Journal {
    bar: ProgressBar,
    log: File,
    events: EventFile,
    started: Instant,
    has_failed: bool,
}

impl Journal {
    fn open(folder: &Path) -> io::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log.jsonl"))?;
        let events = EventFile::create(&folder.join("tensorboard"))?;
        Ok(Self { bar: ProgressBar::hidden(), log, events, started: Instant::now(), has_failed: false })
    }

    /// Writes one epoch to both logs.
    fn write(&mut self, row: &Row) -> io::Result<()> {
        writeln!(self.log, "{}", serde_json::to_string(row)?)?;
        let stage = stage_name(row.stage);
        let epoch = row.epoch as u64;
        for (name, value) in terms(row.loss) {
            self.events.scalar(&format!("{stage}/loss/{name}"), epoch, value)?;
        }
        for (name, value) in row.val.into_iter().flatten() {
            self.events.scalar(&format!("{stage}/val/{name}"), epoch, *value)?;
        }
        Ok(())
    }
}

/// One line of `log.jsonl`.
#[derive(serde::Serialize)]
struct Row<'a> {
    stage: Stage,
    epoch: usize,
    seconds: u64,
    loss: &'a LossTerms,
    val: Option<&'a BTreeMap<String, f64>>,
}

impl Observer for Journal {
    fn begin(&mut self, what: &str, parts: u64) {
        self.bar.finish_and_clear();
        self.bar = progress::of_things(what, parts);
    }

    fn advance(&mut self, parts: u64) {
        self.bar.inc(parts);
    }

    fn epoch(&mut self, stage: Stage, epoch: usize, loss: &LossTerms, scores: Option<&BTreeMap<String, f64>>) {
        let seconds = self.started.elapsed().as_secs();
        let written = self.write(&Row { stage, epoch, seconds, loss, val: scores });
        let line = epoch_line(seconds, stage, epoch, loss, scores);
        self.bar.suspend(|| eprintln!("{line}"));
        // A full disk should not end a run whose checkpoints may lie elsewhere; it is told once.
        if let (Err(error), false) = (written, self.has_failed) {
            self.has_failed = true;
            self.bar.suspend(|| output::warn(&format!("the log of the run has gaps: {error}")));
        }
    }

    fn message(&mut self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }
}

fn epoch_line(
    seconds: u64,
    stage: Stage,
    epoch: usize,
    loss: &LossTerms,
    scores: Option<&BTreeMap<String, f64>>,
) -> String {
    let scores: String = scores.into_iter().flatten().map(|(name, value)| format!("  {name} {value:.3}")).collect();
    let LossTerms { total, l1, giou, presence, attention, spread, contrast } = loss;
    format!(
        "{seconds:5}s {stage:?} {epoch:3}  loss {total:.3} l1 {l1:.3} giou {giou:.3} pres {presence:.3} att {attention:.3} \
         spr {spread:.3} con {contrast:.3}{scores}"
    )
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Anatomy => "anatomy",
        Stage::Findings => "findings",
    }
}

fn terms(loss: &LossTerms) -> [(&'static str, f64); 7] {
    [
        ("total", loss.total),
        ("l1", loss.l1),
        ("giou", loss.giou),
        ("presence", loss.presence),
        ("attention", loss.attention),
        ("spread", loss.spread),
        ("contrast", loss.contrast),
    ]
}
