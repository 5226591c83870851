use knowmvg::grounding::Assertion;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::reader::{PhraseReader, ReadPhrase, Reading, Reply, Seen};
use knowmvg::report::{self, Phrase};

use super::adapter::GroundingAdapter;
use super::align::align;
use super::answer::Named;
use super::config::MODEL_TYPE;
use super::folder::LanguageOptions;
use super::prompt::Words;
use super::speaker::{Look, Speaker};
use crate::Result;
use crate::generate::Sampling;

/// Phrases that are read together.
const ROWS: usize = 8;

/// A language model as the reader of a decoder.
pub struct LanguageReader {
    speaker: Speaker,
    adapter: GroundingAdapter,
    sha256: String,
    name: String,
    sampling: Sampling,
}

impl LanguageReader {
    /// A language model with what it has learnt, loaded as `how` says; `sha256` names both.
    pub fn new(speaker: Speaker, adapter: GroundingAdapter, sha256: String, how: &LanguageOptions) -> Self {
        // Other numbers give other answers, so a result names those that somebody chose.
        let name = how.weights.map_or_else(|| MODEL_TYPE.to_owned(), |weights| format!("{MODEL_TYPE}-{weights}"));
        Self { speaker, adapter, sha256, name, sampling: how.sampling.clone() }
    }

    fn look(&self, seen: &Seen) -> Result<Look> {
        self.speaker.look(&self.adapter, &[seen.features], seen.decoder.config.token_width)
    }
}

impl PhraseReader for LanguageReader {
    fn name(&self) -> &str {
        &self.name
    }

    fn sha256(&self) -> &str {
        &self.sha256
    }

    fn report(&self, seen: &Seen, report: &str) -> Result<Reading, String> {
        let look = self.look(seen).map_err(|e| e.to_string())?;
        let answered = self.speaker.answer(&self.adapter, seen, &look, Words::Report(report), &self.sampling);
        let answered = answered.map_err(|e| e.to_string())?;
        let mut reading = in_report(answered.named, report);
        reading.warnings.extend(drawn(&self.sampling));
        if !answered.has_ended {
            reading.warnings.push("the language model did not end its answer; phrases may be missing".into());
        }
        Ok(reading)
    }

    fn phrases(&self, seen: &Seen, phrases: &[Phrase]) -> Result<Vec<Vec<f32>>, String> {
        let look = self.look(seen).map_err(|e| e.to_string())?;
        let mut embeds = vec![];
        for few in phrases.chunks(ROWS) {
            let read = self.speaker.read_phrases(&self.adapter, seen, &look, few);
            embeds.extend(read.map_err(|e| e.to_string())?);
        }
        Ok(embeds)
    }

    fn question(&self, seen: &Seen, question: &str) -> Result<Reply, String> {
        let look = self.look(seen).map_err(|e| e.to_string())?;
        let answered = self.speaker.answer(&self.adapter, seen, &look, Words::Question(question), &self.sampling);
        let answered = answered.map_err(|e| e.to_string())?;
        Ok(Reply { warnings: drawn(&self.sampling).into_iter().collect(), ..reply(answered.named, answered.rest) })
    }
}

/// How words were drawn by chance, so that a result says how to get it again.
fn drawn(sampling: &Sampling) -> Option<String> {
    let Sampling::Random { temperature, top_p, seed, .. } = sampling else { return None };
    Some(format!("the language model drew its words by chance: temperature {temperature}, top-p {top_p}, seed {seed}"))
}

/// Phrases where they stand in the report; what does not stand there is left out, and told.
fn in_report(named: Vec<Named>, report: &str) -> Reading {
    let denied: Vec<Phrase> = report::phrases(report, KnowledgeBase::chest());
    let denied: Vec<&Phrase> = denied.iter().filter(|phrase| phrase.assertion == Assertion::Absent).collect();
    let mut reading = Reading::default();
    let (mut from, mut lost, mut contradicted) = (0, 0, 0);
    for Named { text, embed } in named {
        let Some(span) = align(&text, report, from) else {
            lost += 1;
            continue;
        };
        let is_denied = denied.iter().any(|other| other.span.start < span.end && span.start < other.span.end);
        if is_denied {
            contradicted += 1;
            continue;
        }
        from = span.end;
        let words = &report[span.clone()];
        let phrase = Phrase { span, text: words.to_owned(), ..report::query(words, KnowledgeBase::chest()) };
        reading.phrases.push(ReadPhrase { phrase, embed });
    }
    if lost > 0 {
        reading.warnings.push(format!("{lost} phrases that the language model named are not in the report"));
    }
    if contradicted > 0 {
        reading.warnings.push(format!("{contradicted} phrases that the language model named are denied by the report"));
    }
    reading
}

/// The first words are the answer; what is named after them is what it points at.
pub(crate) fn reply(named: Vec<Named>, rest: String) -> Reply {
    let mut reply = Reply::default();
    for (index, Named { text, embed }) in named.into_iter().enumerate() {
        let (answer, phrase) = match text.split_once(". ") {
            Some((answer, phrase)) if index == 0 => (Some(answer), phrase),
            _ => (None, text.as_str()),
        };
        if let Some(answer) = answer {
            reply.text = answer.to_owned();
        }
        reply.phrases.push(ReadPhrase { phrase: report::query(phrase, KnowledgeBase::chest()), embed });
    }
    if reply.text.is_empty() {
        reply.text = reply.phrases.first().map_or(rest, |first| first.phrase.text.clone());
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Named {
        Named { text: text.into(), embed: vec![1.0] }
    }

    #[test]
    fn what_is_not_in_the_report_or_denied_there_is_left_out_and_told() {
        let report = "Left pleural effusion. No pneumothorax.";
        let reading = in_report(["left pleural effusion", "pneumothorax", "rib fracture"].map(named).into(), report);
        let texts: Vec<&str> = reading.phrases.iter().map(|read| read.phrase.text.as_str()).collect();
        assert_eq!(texts, ["Left pleural effusion"]);
        assert_eq!(reading.warnings.len(), 2);
        assert!(reading.warnings.iter().all(|warning| !warning.contains("fracture")), "no words of the answer");
    }

    #[test]
    fn a_reply_is_what_comes_before_the_first_phrase() {
        let found = reply(vec![named("yes. left effusion"), named("right effusion")], String::new());
        assert_eq!(found.text, "yes");
        let texts: Vec<&str> = found.phrases.iter().map(|read| read.phrase.text.as_str()).collect();
        assert_eq!(texts, ["left effusion", "right effusion"]);
        assert_eq!(reply(vec![], "no".into()).text, "no");
    }
}
