//! What a user gives → [`Asked`]: a report and typed phrases become the phrases to ground.

use crate::grounder::{Asked, Session};
use crate::grounding::{Assertion, Grounding};
use crate::knowledge::KnowledgeBase;
use crate::reader::{PhraseReader, ReadPhrase, Reading};
use crate::report::{self, MAX_REPORT_BYTES, Phrase};

/// The phrases to ground, and what should be known of how they were read.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    /// The observations of the report, then the phrases that the user gave.
    pub asked: Vec<Asked>,
    /// Without words of the report.
    pub warnings: Vec<String>,
}

/// An answer, and the phrases that it points at.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// In words.
    pub text: String,
    /// To be grounded.
    pub asked: Vec<Asked>,
}

impl Session<'_> {
    /// Answers a question.
    ///
    /// # Errors
    /// When the model has no reader that answers, or the question cannot be read; the message has no word of it.
    pub fn answer(&self, question: &str) -> Result<Answered, String> {
        let reader = self.reader().ok_or("the model has no language model")?;
        let reply = self.seen(|seen| reader.question(seen, question))?;
        let asked = reply.phrases.into_iter().map(|read| Asked::typed(read.phrase, Some(read.embed))).collect();
        Ok(Answered { text: reply.text, asked })
    }

    /// Reads a report and typed phrases: with the model's reader if it has one, else by rules.
    pub fn asked(&self, report: Option<&str>, phrases: &[String]) -> Asking {
        match self.reader() {
            Some(reader) => self.read_by(reader, report, phrases),
            None => Asking { asked: asked_by_rules(report, phrases), warnings: vec![] },
        }
    }

    fn read_by(&self, reader: &dyn PhraseReader, report: Option<&str>, phrases: &[String]) -> Asking {
        let mut asking = Asking::default();
        if let Some(report) = report {
            let read = self.seen(|seen| reader.report(seen, report));
            asking.asked = match asking.noted(read) {
                Some(Reading { phrases, warnings }) => {
                    asking.warnings.extend(warnings);
                    with_denials(phrases, report)
                }
                None => asked_by_rules(Some(report), &[]),
            };
        }
        let typed: Vec<Phrase> = phrases.iter().map(|text| report::query(text, KnowledgeBase::chest())).collect();
        if !typed.is_empty() {
            let read = self.seen(|seen| reader.phrases(seen, &typed));
            let embeds = asking.noted(read).unwrap_or_default();
            let embeds = embeds.into_iter().map(Some).chain(std::iter::repeat(None));
            asking.asked.extend(typed.into_iter().zip(embeds).map(|(phrase, embed)| Asked::typed(phrase, embed)));
        }
        asking
    }
}

impl Asking {
    /// What was read; a failure becomes a warning, because rules can read in its place.
    fn noted<T>(&mut self, read: Result<T, String>) -> Option<T> {
        read.map_err(|problem| {
            self.warnings.push(format!("the language model did not read this ({problem}); rules did"));
        })
        .ok()
    }
}

/// What was read with the findings that the report denies, which readers pass over: they are listed and get no box.
fn with_denials(read: Vec<ReadPhrase>, report: &str) -> Vec<Asked> {
    let denied = report::phrases(report, KnowledgeBase::chest()).into_iter();
    let denied = denied.filter(|phrase| phrase.assertion == Assertion::Absent).map(Asked::from_report);
    let mut asked: Vec<Asked> = read.into_iter().map(Asked::from_reader).chain(denied).collect();
    asked.sort_by_key(Asked::start);
    asked
}

/// The observations of a report as rules find them, then the phrases that the user gave.
pub fn asked_by_rules(report: Option<&str>, phrases: &[String]) -> Vec<Asked> {
    let knowledge = KnowledgeBase::chest();
    let from_report = report.into_iter().flat_map(|text| report::phrases(text, knowledge)).map(Asked::from_report);
    from_report.chain(phrases.iter().map(|text| Asked::from_user(report::query(text, knowledge)))).collect()
}

/// What was not read of a report; belongs among the warnings of its grounding.
pub fn report_warnings(report: Option<&str>, grounding: &Grounding) -> Vec<String> {
    let Some(report) = report else { return Vec::new() };
    let mut warnings = Vec::new();
    if report.len() > MAX_REPORT_BYTES {
        let found = report.len();
        warnings.push(format!("only the first {MAX_REPORT_BYTES} of {found} bytes of the report were read"));
    }
    if !grounding.findings.iter().any(|phrase| phrase.phrase.span.is_some()) {
        warnings.push("the report names no finding that the knowledge base has".to_owned());
    }
    warnings
}
