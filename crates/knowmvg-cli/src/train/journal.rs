//! What a run tells while it goes on.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;
use knowmvg::train::Observer;
use knowmvg::train::tensorboard::EventFile;

use crate::failure::{Exit, Failure};
use crate::{output, progress};

/// Bars on standard error, a line an epoch, `log.jsonl` and TensorBoard events in the output folder.
pub struct Journal {
    /// Of the part that is under way.
    pub bar: ProgressBar,
    log: File,
    events: EventFile,
    /// When the run began.
    pub started: Instant,
    has_failed: bool,
}

impl Journal {
    /// Opens the logs of a run below its output folder; what is there already is kept.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        Self::open_files(folder)
            .map_err(|e| Failure::about(Exit::Work, "cannot write the log of the run below", folder, e))
    }

    fn open_files(folder: &Path) -> io::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log.jsonl"))?;
        let events = EventFile::create(&folder.join("tensorboard"))?;
        Ok(Self { bar: ProgressBar::hidden(), log, events, started: Instant::now(), has_failed: false })
    }

    /// Writes one epoch to both logs.
    fn write(&mut self, row: &Row) -> io::Result<()> {
        writeln!(self.log, "{}", serde_json::to_string(row)?)?;
        let stage = row.stage;
        let epoch = row.epoch as u64;
        for (name, value) in &row.loss {
            self.events.scalar(&format!("{stage}/loss/{}", name.replace('_', " ")), epoch, *value)?;
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
    stage: &'a str,
    epoch: usize,
    seconds: u64,
    loss: BTreeMap<&'static str, f64>,
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

    fn epoch(
        &mut self,
        stage: &str,
        epoch: usize,
        terms: &[(&'static str, f64)],
        scores: Option<&BTreeMap<String, f64>>,
    ) {
        let seconds = self.started.elapsed().as_secs();
        let loss = terms.iter().copied().collect();
        let written = self.write(&Row { stage, epoch, seconds, loss, val: scores });
        let line = epoch_line(seconds, stage, epoch, terms, scores);
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
    stage: &str,
    epoch: usize,
    terms: &[(&'static str, f64)],
    scores: Option<&BTreeMap<String, f64>>,
) -> String {
    let scores: String = scores.into_iter().flatten().map(|(name, value)| format!("  {name} {value:.3}")).collect();
    let terms: String = terms.iter().map(|(name, value)| format!(" {} {value:.3}", name.replace('_', " "))).collect();
    format!("{seconds:5}s {stage} {epoch:3} {terms}{scores}")
}
