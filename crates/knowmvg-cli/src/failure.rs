//! [`Failure`]: what went wrong, why, what to do about it, and the exit code.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// Exit codes beside 0; the help text and the README list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The work failed.
    Work = 1,
    /// The arguments make no sense together; the argument parser itself uses the same code.
    Usage = 2,
    /// An input file cannot be read or is not what it should be.
    Input = 3,
    /// The model is missing or broken.
    Model = 4,
    /// A batch is finished, and some of its rows were skipped.
    BadRows = 5,
}

impl Exit {
    /// For the operating system.
    pub fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// Why the program stops.
#[derive(Debug)]
pub struct Failure {
    /// The code it stops with.
    pub exit: Exit,
    what: String,
    cause: Option<Box<dyn Error>>,
    fix: Option<String>,
}

impl Failure {
    /// From one sentence.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), cause: None, fix: None }
    }

    /// About a file, because of an error; the path comes last.
    pub fn about(exit: Exit, what: &str, path: &Path, cause: impl Into<Box<dyn Error>>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(exit, format!("{what}: {}", path.display())) }
    }

    /// Adds the error beneath.
    pub fn because(mut self, cause: impl Into<Box<dyn Error>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds what the user can do.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The whole chain on one line, for the report of a row.
    pub fn on_one_line(&self) -> String {
        self.chain().join(": ")
    }

    /// The sentences from the outside in. Many errors repeat their source in their own words, which is then left out.
    fn chain(&self) -> Vec<String> {
        let mut sentences = vec![self.what.clone()];
        let mut next: Option<&dyn Error> = self.cause.as_deref();
        while let Some(error) = next {
            let sentence = error.to_string();
            if !sentences.iter().any(|said| said.contains(&sentence)) {
                sentences.push(sentence);
            }
            next = error.source();
        }
        sentences
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = self.chain();
        let (what, causes) = chain.split_first().expect("a chain begins with what happened");
        writeln!(f, "error: {what}")?;
        causes.iter().try_for_each(|cause| writeln!(f, "  because: {cause}"))?;
        self.fix.iter().try_for_each(|fix| writeln!(f, "  fix: {fix}"))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_chain_says_everything_once() {
        let io = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let failure = Failure::about(Exit::Input, "cannot read the report", Path::new("r.txt"), io).fix("give another");
        assert_eq!(
            failure.to_string(),
            "error: cannot read the report: r.txt\n  because: no such file\n  fix: give another\n"
        );
        let repeated = Failure::new(Exit::Work, "it broke: no such file").because("no such file");
        assert_eq!(repeated.on_one_line(), "it broke: no such file");
    }
}
