//! What a user gives → [`Asked`]: a report and typed phrases become the phrases to ground.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::grounder::{Asked, Session};
use crate::grounding::{Assertion, GroundedPhrase, Grounding};
use crate::knowledge::KnowledgeBase;
use crate::question::{NO, Shown, other_answer};
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
    /// Without words of the question.
    pub warnings: Vec<String>,
}

/// An answer beside the boxes of the phrases that it points at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroundedAnswer {
    /// In words.
    pub answer: String,
    /// What the answer points at; without boxes where it says that nothing is there.
    pub grounding: Grounding,
}

impl Answered {
    /// The answer to `question` beside the grounding of its phrases, unless their boxes say otherwise, which a warning then tells.
    pub fn beside(self, question: &str, mut grounding: Grounding) -> GroundedAnswer {
        grounding.warnings.extend(self.warnings);
        let size = [grounding.image.width, grounding.image.height];
        let shown = |found: &GroundedPhrase| {
            Shown::new(found.presence, found.boxes.iter().map(|shown| &shown.box_in_image), size)
        };
        let shown: Vec<Shown> = grounding.findings.iter().map(shown).collect();
        let other = other_answer(question, &self.text, &shown);
        if let Some(other) = &other {
            let told = format!("the language model said otherwise; what the decoder finds on the image says {other}");
            grounding.warnings.push(told);
        }
        let answer = other.unwrap_or(self.text);
        if answer == NO {
            grounding.findings.iter_mut().for_each(|found| found.boxes.clear());
        }
        GroundedAnswer { answer, grounding }
    }
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
        Ok(Answered { text: reply.text, asked, warnings: reply.warnings })
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
            asking.asked =
                match asking.noted(read) {
                    Some(Reading { phrases, warnings }) => {
                        asking.warnings.extend(warnings);
                        let (asked, added) = with_rules(phrases, report);
                        asking.warnings.extend((added > 0).then(|| {
                            format!("{added} phrases that the language model passed over were read by rules")
                        }));
                        asked
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

/// What was read, with what rules find besides: denials, which readers pass over, are listed and get no box, and nothing that
/// the report states is lost with a reader that stops early. Returns how many statements were added.
fn with_rules(read: Vec<ReadPhrase>, report: &str) -> (Vec<Asked>, usize) {
    let spans: Vec<Range<usize>> = read.iter().map(|read| read.phrase.span.clone()).collect();
    let is_read = |phrase: &Phrase| spans.iter().any(|s| s.start < phrase.span.end && phrase.span.start < s.end);
    let mut found = report::phrases(report, KnowledgeBase::chest());
    found.retain(|phrase| phrase.assertion == Assertion::Absent || !is_read(phrase));
    let added = found.iter().filter(|phrase| phrase.assertion != Assertion::Absent).count();
    let mut asked: Vec<Asked> =
        read.into_iter().map(Asked::from_reader).chain(found.into_iter().map(Asked::from_report)).collect();
    asked.sort_by_key(Asked::start);
    (asked, added)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_add_denials_and_what_a_reader_passed_over_and_nothing_twice() {
        let report = "Left pleural effusion. Cardiomegaly. No pneumothorax.";
        let words = "Left pleural effusion";
        let phrase = Phrase { span: 0..words.len(), ..report::query(words, KnowledgeBase::chest()) };
        let (asked, added) = with_rules(vec![ReadPhrase { phrase, embed: vec![1.0] }], report);
        let starts: Vec<usize> = asked.iter().map(Asked::start).collect();
        assert_eq!((asked.len(), added), (3, 1));
        assert!(starts.is_sorted() && starts[0] == 0, "{starts:?}");
        let (asked, added) = with_rules(vec![], report);
        assert_eq!((asked.len(), added), (3, 2));
    }
}
