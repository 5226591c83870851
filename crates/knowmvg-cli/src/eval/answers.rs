//! The answers of one system, added line by line and to be interrupted at any time.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use knowmvg_eval::Prediction;

use crate::batch_row::{Line, next_line};
use crate::failure::{Exit, Failure};
use crate::output;

/// Longest line: some hundred findings, each with its map.
const MAX_ANSWER_BYTES: u64 = 1 << 24;

/// A file of predictions that grows.
pub struct Answers {
    file: File,
    path: PathBuf,
    /// Items that have an answer.
    answered: BTreeSet<String>,
}

impl Answers {
    /// Opens the file, notes what is there and cuts off a last line that was not finished.
    ///
    /// # Errors
    /// When it cannot be written, or holds something else than answers to `items`; it is not touched then.
    pub fn open(path: &Path, items: &BTreeSet<&str>) -> Result<Self, Failure> {
        let unusable = |e| Failure::about(Exit::Work, "cannot write the predictions", path, e);
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(unusable)?;
        let (answered, whole) = earlier(&file, path, items)?;
        file.set_len(whole).map_err(unusable)?;
        Ok(Self { file, path: path.to_owned(), answered })
    }

    /// Whether an item has an answer.
    pub fn has(&self, item: &str) -> bool {
        self.answered.contains(item)
    }

    /// How many items have an answer.
    pub fn len(&self) -> usize {
        self.answered.len()
    }

    /// Writes one line at once, so that an interruption tears at most this one.
    pub fn append(&mut self, prediction: &Prediction) -> Result<(), Failure> {
        let line = output::json_line(prediction)?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.flush());
        written.map_err(|e| Failure::about(Exit::Work, "cannot write the predictions", &self.path, e))?;
        self.answered.insert(prediction.item.clone());
        Ok(())
    }
}

fn earlier(file: &File, path: &Path, items: &BTreeSet<&str>) -> Result<(BTreeSet<String>, u64), Failure> {
    let foreign = |number: usize, found: &str| {
        let problem = format!("expected an answer to one of these items, found {found} in line {number}");
        Failure::about(Exit::Input, "cannot go on with the predictions", path, problem)
            .fix("choose another --out, or remove the file")
    };
    let (mut answered, mut whole) = (BTreeSet::new(), 0);
    let mut reader = BufReader::new(file);
    for number in 1.. {
        let read = next_line(&mut reader, MAX_ANSWER_BYTES);
        let (line, length) = read.map_err(|e| Failure::about(Exit::Input, "cannot read the predictions", path, e))?;
        match line {
            Line::Whole(bytes) => {
                let found: Prediction =
                    serde_json::from_slice(&bytes).map_err(|_| foreign(number, "something else"))?;
                if !items.contains(found.item.as_str()) {
                    return Err(foreign(number, "one to another item"));
                }
                if !answered.insert(found.item) {
                    return Err(foreign(number, "a second answer to the same item"));
                }
                whole += length;
            }
            Line::TooLong => return Err(foreign(number, "a line that is too long")),
            Line::Torn(_) | Line::End => break,
        }
    }
    Ok((answered, whole))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(name: &str, text: &str) -> (PathBuf, Result<Answers, Failure>) {
        let path = std::env::temp_dir().join(format!("knowmvg-answers-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        let opened = Answers::open(&path, &BTreeSet::from(["a", "b"]));
        (path, opened)
    }

    fn line(item: &str) -> String {
        format!("{{\"item\":\"{item}\",\"findings\":[]}}\n")
    }

    #[test]
    fn a_torn_line_is_answered_again() {
        let (path, opened) = open("torn", &(line("a") + &line("b")[..9]));
        let mut answers = opened.unwrap();
        assert!(answers.has("a") && !answers.has("b"));
        answers.append(&Prediction { item: "b".into(), findings: vec![], answer: None }).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), line("a") + &line("b"));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn files_of_something_else_are_not_touched_and_not_quoted() {
        let wrong = [("other", line("SECRET")), ("twice", line("a") + &line("a")), ("text", "SECRET\n".to_owned())];
        for (name, text) in wrong {
            let (path, opened) = open(name, &text);
            let failure = opened.err().expect(name);
            assert!(failure.exit == Exit::Input && !failure.to_string().contains("SECRET"));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            fs::remove_file(path).unwrap();
        }
    }
}
