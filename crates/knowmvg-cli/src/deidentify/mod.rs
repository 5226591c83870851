//! `knowmvg deidentify FILE..`.

mod args;
mod inputs;
mod key;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use knowmvg_dicom::deidentify::{BurnedIn, Deidentified, Deidentifier, DeidentifyError, Profile, ProfileOption};
use knowmvg_dicom::{MAX_FILE_BYTES, is_dicom};
use serde_json::{Value, json};

pub use args::{DeidentifyArgs, ResultDeidentifyArgs};

use crate::failure::{Exit, Failure};
use crate::{files, output, progress};
use inputs::Input;

/// De-identifies files.
pub fn run(args: &DeidentifyArgs) -> Result<(), Failure> {
    if args.new_key {
        key::make(&args.key)?;
    }
    let deidentifier = deidentifier(&args.key, args.options(), args.allow_burned_in)?;
    let inputs = inputs::all(&args.inputs)?;
    files::create_folder(&args.out)?;
    let mut done = Done::default();
    let bar = progress::of_things("de-identifying", inputs.len() as u64);
    for input in &inputs {
        match one(&deidentifier, input, &args.out) {
            Ok(outcome) => done.add(&input.path, outcome),
            // Of one file the error is the answer.
            Err(failure) if inputs.len() == 1 => return Err(failure),
            Err(failure) => {
                bar.suspend(|| output::warn(&failure.on_one_line()));
                done.failed.push(json!({"file": input.path, "problem": failure.on_one_line()}));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    done.tell(args.json)?;
    done.end(inputs.len())
}

/// With the key of a file.
fn deidentifier(key: &Path, options: Vec<ProfileOption>, allow_burned_in: bool) -> Result<Deidentifier, Failure> {
    let burned_in = if allow_burned_in { BurnedIn::Allow } else { BurnedIn::Refuse };
    Ok(Deidentifier::new(key::read(key)?, Profile::new(options, burned_in)))
}

/// What `knowmvg ground` or `knowmvg serve` was asked for.
pub fn of_results(args: &ResultDeidentifyArgs) -> Result<Option<Deidentifier>, Failure> {
    let Some(key) = args.key.as_deref().filter(|_| args.deidentify) else { return Ok(None) };
    let options = args.deidentify_option.iter().map(|option| (*option).into()).collect();
    deidentifier(key, options, args.allow_burned_in).map(Some)
}

/// A file without its patient.
pub fn file(deidentifier: &Deidentifier, bytes: &[u8], path: &Path) -> Result<Deidentified, Failure> {
    deidentifier.file(bytes).map_err(|error| {
        let failure = |error: DeidentifyError| Failure::about(Exit::Input, "cannot de-identify the file", path, error);
        match error {
            DeidentifyError::BurnedIn => {
                let fix = "blacken the text with a program for that, or look at the image and give --allow-burned-in";
                failure(error).fix(fix)
            }
            error => failure(error),
        }
    })
}

/// What became of a file.
enum Outcome {
    /// It is written, or was there with the same bytes.
    Written { path: PathBuf, warnings: Vec<&'static str>, is_new: bool },
    /// It is not DICOM.
    PassedOver,
}

fn one(deidentifier: &Deidentifier, input: &Input, out: &Path) -> Result<Outcome, Failure> {
    let bytes = files::bytes_at_most(&input.path, MAX_FILE_BYTES);
    let bytes = bytes.map_err(|e| Failure::about(Exit::Input, "cannot read the file", &input.path, e))?;
    if !input.is_named && !is_dicom(&bytes) {
        return Ok(Outcome::PassedOver);
    }
    let done = file(deidentifier, &bytes, &input.path)?;
    let path = out.join(format!("{}.dcm", done.sop_instance_uid));
    let is_new = write_new(&path, &done.bytes)?;
    Ok(Outcome::Written { path, warnings: done.warnings, is_new })
}

/// Whether the file was written: one that is there is left alone, and is an error if it differs.
fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, Failure> {
    let unwritten = |e| Failure::about(Exit::Work, "cannot write the file", path, e);
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => match file.write_all(bytes) {
            Ok(()) => Ok(true),
            Err(error) => {
                // Half of a file would stop the next run.
                drop(fs::remove_file(path));
                Err(unwritten(error))
            }
        },
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if fs::read(path).is_ok_and(|there| there == bytes) {
                return Ok(false);
            }
            let problem = "a file of that name is there, with other content";
            let fix = "name another folder with --out: options differ, or two files have one SOP Instance UID";
            Err(Failure::about(Exit::Work, "cannot write the file", path, problem).fix(fix))
        }
        Err(error) => Err(unwritten(error)),
    }
}

/// What became of all files.
#[derive(Default)]
struct Done {
    written: usize,
    already_there: usize,
    passed_over: usize,
    files: Vec<Value>,
    failed: Vec<Value>,
    warnings: BTreeMap<&'static str, usize>,
}

impl Done {
    fn add(&mut self, input: &Path, outcome: Outcome) {
        match outcome {
            Outcome::PassedOver => self.passed_over += 1,
            Outcome::Written { path, warnings, is_new } => {
                if is_new {
                    self.written += 1
                } else {
                    self.already_there += 1
                }
                warnings.iter().for_each(|warning| *self.warnings.entry(warning).or_default() += 1);
                self.files.push(json!({"file": input, "out": path, "warnings": warnings}));
            }
        }
    }

    fn tell(&self, as_json: bool) -> Result<(), Failure> {
        for (warning, count) in &self.warnings {
            output::warn(&format!("{warning} ({count} {})", if *count == 1 { "file" } else { "files" }));
        }
        let Self { written, already_there, passed_over, files, failed, .. } = self;
        if as_json {
            return output::print_json(&json!({
                "written": written, "already_there": already_there, "not_dicom": passed_over, "files": files, "skipped": failed,
            }));
        }
        output::print(&format!(
            "{written} written, {already_there} already there, {passed_over} not DICOM, {} skipped\n",
            failed.len()
        ))
    }

    fn end(&self, inputs: usize) -> Result<(), Failure> {
        if !self.failed.is_empty() {
            return Err(Failure::new(Exit::BadRows, format!("{} of {inputs} files were skipped", self.failed.len())));
        }
        if self.files.is_empty() {
            return Err(Failure::new(Exit::Input, "there is no DICOM file to de-identify"));
        }
        Ok(())
    }
}
