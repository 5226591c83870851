//! `knowmvg ground --batch`: many rows, one process, one result a line, to be interrupted at any time.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use knowmvg::ask::{Asking, report_warnings};
use knowmvg::grounder::{Grounder, Session};
use serde::Deserialize;

use crate::args::GroundArgs;
use crate::batch_row::{Line, MAX_LINE_BYTES, Row, next_line};
use crate::failure::{Exit, Failure};
use crate::{files, model_folder, output, progress};

/// Longest line of results: a row whose words come back as phrases, with what the knowledge base says of each.
const MAX_RESULT_BYTES: u64 = 1 << 26;

/// Grounds every row that has no result yet.
pub fn run(args: &GroundArgs) -> Result<(), Failure> {
    let (Some(input), Some(out)) = (&args.batch, &args.out) else {
        return Err(Failure::new(Exit::Usage, "expected --batch with --out"));
    };
    let rows = File::open(input).map_err(|e| Failure::about(Exit::Input, "cannot read the batch", input, e))?;
    let length = rows.metadata().map_or(0, |metadata| metadata.len());
    let (_, grounder) = model_folder::load_sampling(&args.model, &args.sampling)?;
    let results = Results::open(out, &grounder)?;
    let folder = input.parent().unwrap_or(Path::new("."));
    let bar = progress::of_bytes("grounding", length);
    let mut batch = Batch {
        grounder: &grounder,
        folder,
        results,
        seen: HashSet::new(),
        bar,
        current: None,
        tally: Tally::default(),
    };
    let finished = batch.rows(&mut BufReader::new(rows), input);
    batch.bar.finish_and_clear();
    finished?;
    batch.tally.report(out)
}

/// What became of the rows.
#[derive(Debug, Default)]
struct Tally {
    grounded: usize,
    present: usize,
    bad: usize,
}

impl Tally {
    fn report(&self, out: &Path) -> Result<(), Failure> {
        let Self { grounded, present, bad } = self;
        eprintln!("{grounded} grounded, {present} already there, {bad} skipped: {}", out.display());
        match bad {
            0 => Ok(()),
            _ => Err(Failure::new(Exit::BadRows, format!("{bad} rows of the batch were skipped; see the lines above"))
                .fix("correct these rows and run the same command again; finished rows are left alone")),
        }
    }
}

/// A batch under way.
struct Batch<'g> {
    grounder: &'g Grounder,
    /// Images are relative to it.
    folder: &'g Path,
    results: Results,
    /// Ids of this run's rows.
    seen: HashSet<String>,
    bar: ProgressBar,
    /// The last image; rows about one image often follow each other.
    current: Option<(PathBuf, Session<'g>)>,
    tally: Tally,
}

impl Batch<'_> {
    fn rows(&mut self, reader: &mut BufReader<File>, input: &Path) -> Result<(), Failure> {
        for number in 1_usize.. {
            let read = next_line(reader, MAX_LINE_BYTES);
            let (line, length) = read.map_err(|e| Failure::about(Exit::Input, "cannot read the batch", input, e))?;
            match line {
                Line::End => break,
                Line::TooLong => {
                    self.skip(number, None, &format!("expected a line of at most {MAX_LINE_BYTES} bytes, found more"))
                }
                // A last line without a line break is a row like any other.
                Line::Whole(bytes) | Line::Torn(bytes) => self.line(number, &bytes)?,
            }
            self.bar.inc(length);
        }
        Ok(())
    }

    fn line(&mut self, number: usize, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        let row = match Row::parse(bytes) {
            Ok(row) => row,
            Err(problem) => {
                self.skip(number, Row::id_of(bytes), &problem);
                return Ok(());
            }
        };
        if !self.seen.insert(row.id.clone()) {
            self.skip(number, Some(row.id), "expected an id of its own, found that of an earlier row");
            return Ok(());
        }
        if self.results.ids.contains(&row.id) {
            self.tally.present += 1;
            return Ok(());
        }
        match self.ground(&row) {
            Ok(line) => {
                self.results.append(&line)?;
                self.tally.grounded += 1;
            }
            Err(failure) => self.skip(number, Some(row.id), &failure.on_one_line()),
        }
        Ok(())
    }

    fn ground(&mut self, row: &Row) -> Result<String, Failure> {
        let path = self.folder.join(&row.image);
        if self.current.as_ref().is_none_or(|(encoded, _)| *encoded != path) {
            // The old features go before the new ones come.
            self.current = None;
            let image = files::read_image(&path)?;
            let session = self.grounder.session(&image);
            let session = session.map_err(|e| Failure::about(Exit::Work, "cannot encode the image", &path, e))?;
            self.current = Some((path, session));
        }
        let (_, session) = self.current.as_ref().expect("the image was encoded above");
        let Asking { asked, warnings } = session.asked(row.report.as_deref(), &row.phrases);
        let mut grounding = session.grounding(asked);
        grounding.warnings.extend(warnings);
        grounding.warnings.extend(report_warnings(row.report.as_deref(), &grounding));
        grounding.id = Some(row.id.clone());
        output::json_line(&grounding)
    }

    fn skip(&mut self, number: usize, id: Option<String>, problem: &str) {
        self.tally.bad += 1;
        let id = id.map(|id| format!(" (id {})", output::shortened(&id, 64))).unwrap_or_default();
        self.bar.suspend(|| output::warn(&format!("line {number}{id} was skipped: {problem}")));
    }
}

/// The file of results.
struct Results {
    file: File,
    path: PathBuf,
    /// Ids that were there before this run.
    ids: HashSet<String>,
}

/// What is needed to know of an earlier result.
#[derive(Deserialize)]
struct Earlier {
    id: String,
    #[serde(rename = "schema_version")]
    _schema_version: String,
    model: EarlierModel,
}

#[derive(Deserialize)]
struct EarlierModel {
    sha256: String,
}

impl Results {
    /// Opens the file, notes what is there and cuts off a last line that was not finished.
    fn open(path: &Path, grounder: &Grounder) -> Result<Self, Failure> {
        let unusable = |e| Failure::about(Exit::Work, "cannot write the results", path, e);
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(unusable)?;
        let (ids, whole) = earlier(&file, path, &grounder.info().sha256)?;
        file.set_len(whole).map_err(unusable)?;
        Ok(Self { file, path: path.to_owned(), ids })
    }

    /// Writes one line at once, so that an interruption tears at most this one.
    fn append(&mut self, line: &str) -> Result<(), Failure> {
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.flush());
        written.map_err(|e| Failure::about(Exit::Work, "cannot write the results", &self.path, e))
    }
}

/// The ids of the whole lines, and their length together. A file of anything else is not touched.
fn earlier(file: &File, path: &Path, sha256: &str) -> Result<(HashSet<String>, u64), Failure> {
    let foreign = |number: usize, found: &str| {
        let cause = format!("expected results of this model, found {found} in line {number}");
        Failure::about(Exit::Input, "cannot go on with the results", path, cause)
            .fix("choose another --out, or remove the file")
    };
    let (mut ids, mut whole) = (HashSet::new(), 0);
    let mut reader = BufReader::new(file);
    for number in 1.. {
        let read = next_line(&mut reader, MAX_RESULT_BYTES);
        let (line, length) = read.map_err(|e| Failure::about(Exit::Input, "cannot read the results", path, e))?;
        match line {
            Line::Whole(bytes) => {
                let result: Earlier = serde_json::from_slice(&bytes).map_err(|_| foreign(number, "something else"))?;
                if result.model.sha256 != sha256 {
                    return Err(foreign(number, "one of another model"));
                }
                ids.insert(result.id);
                whole += length;
            }
            Line::TooLong => return Err(foreign(number, "a line that is too long")),
            // The run was interrupted here; its row is done again.
            Line::Torn(_) | Line::End => break,
        }
    }
    Ok((ids, whole))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const RESULT: &str = r#"{"schema_version":"1.0","id":"a","model":{"sha256":"ff"}}"#;

    fn file_with(name: &str, text: &str) -> (PathBuf, File) {
        let path = std::env::temp_dir().join(format!("knowmvg-results-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        let file = File::open(&path).unwrap();
        (path, file)
    }

    #[test]
    fn whole_lines_count_and_a_torn_one_does_not() {
        let (path, file) = file_with("torn", &format!("{RESULT}\n{}", &RESULT[..20]));
        let (ids, whole) = earlier(&file, &path, "ff").unwrap();
        assert_eq!((ids, whole), (HashSet::from(["a".to_owned()]), RESULT.len() as u64 + 1));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn files_of_something_else_are_not_touched() {
        for (name, text) in
            [("rows", "{\"id\":\"a\",\"image\":\"a.png\",\"report\":\"SECRET\"}\n"), ("text", "SECRET\n")]
        {
            let (path, file) = file_with(name, text);
            let failure = earlier(&file, &path, "ff").unwrap_err();
            assert!(failure.exit == Exit::Input && !failure.to_string().contains("SECRET"));
            fs::remove_file(path).unwrap();
        }
        let (path, file) = file_with("model", &format!("{RESULT}\n"));
        assert!(earlier(&file, &path, "00").unwrap_err().to_string().contains("another model"));
        fs::remove_file(path).unwrap();
    }
}
