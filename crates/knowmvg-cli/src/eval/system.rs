//! What each system answers. None of them is given anything of an item but [`Text`] and the size of the image.

use std::collections::BTreeMap;

use knowmvg::decoder::Decoder;
use knowmvg::geometry::{Box2, Image};
use knowmvg::question::{self, NO};
use knowmvg::report::Phrase;
use knowmvg_eval::{Found, Prediction, ScoredBox, Task};

use super::asked::{Asked, Text};
use super::constant::Constant;
use super::reading::Reading;
use super::seen::{Frame, Seen, Shown};

/// A way of answering; the first is what is measured, the others say what it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// The model.
    Model,
    /// Its prior on the lungs that it finds.
    BlindOnLungs,
    /// Its prior on a typical thorax.
    Blind,
    /// The best box of the training split.
    Constant,
    /// The model on another image of the same source.
    ShuffledImages,
    /// The model with the knowledge of another finding.
    ShuffledKnowledge,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Model, Self::BlindOnLungs, Self::Blind, Self::Constant, Self::ShuffledImages, Self::ShuffledKnowledge];

    /// Name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::BlindOnLungs => "blind-on-lungs",
            Self::Blind => "blind",
            Self::Constant => "constant",
            Self::ShuffledImages => "shuffled-images",
            Self::ShuffledKnowledge => "shuffled-knowledge",
        }
    }

    /// Whether it looks at pixels of the item's own image.
    pub fn looks(self) -> bool {
        matches!(self, Self::Model | Self::BlindOnLungs | Self::ShuffledKnowledge)
    }
}

/// What systems know before any image.
pub struct Known<'g> {
    /// The decoder with its priors.
    pub decoder: Decoder<'g>,
    /// The training split.
    pub constant: Constant,
    /// Names of findings as the source calls them.
    pub labels: Labels,
    /// Findings that have boxes somewhere, in order; whose knowledge is shuffled.
    pub findings: Vec<String>,
    /// Side of the square in pixels.
    pub side: usize,
}

/// The labels of each source by finding.
#[derive(Debug, Clone, Default)]
pub struct Labels(pub BTreeMap<(String, String), String>);

impl Labels {
    fn of(&self, source: &str, phrase: &Phrase) -> Option<String> {
        let finding = phrase.finding.as_ref()?;
        Some(self.0.get(&(source.to_owned(), finding.clone())).unwrap_or(finding).clone())
    }
}

/// What a system may read of an item.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Id of the item.
    pub item: &'a str,
    /// Where the image is from, which says what the source calls its classes.
    pub source: &'a str,
    /// Width and height of the image in pixels.
    pub size: [u32; 2],
    /// The words.
    pub text: Text<'a>,
}

impl Known<'_> {
    /// The answers of a system that looks at an image, all phrases together.
    pub fn looking(&self, system: System, questions: &[Question], seen: &Seen) -> Vec<Prediction> {
        if system == System::BlindOnLungs {
            let blind = |question: &Question| {
                let phrases = question.text.phrases(&self.decoder).into_iter();
                let asked: Vec<Asked> = phrases.map(|phrase| Asked::new(phrase, &self.decoder)).collect();
                self.blind(question, &asked, &seen.frame)
            };
            return questions.iter().map(blind).collect();
        }
        let readings: Vec<Reading> = questions.iter().map(|question| seen.read(&question.text)).collect();
        let of = |(question, reading): (&Question, &Reading)| -> Vec<Asked> {
            let phrases = reading.phrases.iter().cloned();
            phrases.map(|(phrase, embed)| Asked { embed, ..self.asked(system, question, phrase) }).collect()
        };
        let asked: Vec<Vec<Asked>> = questions.iter().zip(&readings).map(of).collect();
        let mut shown = seen.ground(&asked.iter().flatten().collect::<Vec<_>>()).into_iter();
        let answer = |((question, asked), reading): ((&Question, &Vec<Asked>), &Reading)| {
            let found = asked.iter().zip(shown.by_ref()).map(|(a, shown)| self.found(question, a, shown, seen.size()));
            answered(question, found.collect(), reading.answer.clone())
        };
        questions.iter().zip(&asked).zip(&readings).map(answer).collect()
    }

    /// The answer of a system that looks at none.
    pub fn not_looking(&self, system: System, question: &Question) -> Prediction {
        let phrases = question.text.phrases(&self.decoder);
        let asked: Vec<Asked> = phrases.into_iter().map(|phrase| Asked::new(phrase, &self.decoder)).collect();
        let frame = Frame::typical(question.size, self.side);
        if system == System::Blind {
            return self.blind(question, &asked, &frame);
        }
        let found = asked.iter().map(|asked| {
            let bounds = self.constant.best_box(asked);
            self.guessed(question, asked, bounds.map(|b| (frame.in_image(&b), self.constant.confidence(asked, &b))))
        });
        prediction(question, found.collect())
    }

    fn blind(&self, question: &Question, asked: &[Asked], frame: &Frame) -> Prediction {
        let found = asked.iter().map(|asked| {
            let bounds = frame.prior_box(asked);
            let confidence = self.constant.confidence(asked, &bounds);
            self.guessed(question, asked, Some((frame.in_image(&bounds), confidence)))
        });
        prediction(question, found.collect())
    }

    fn asked(&self, system: System, question: &Question, phrase: Phrase) -> Asked {
        match self.partner(question, &phrase) {
            Some(other) if system == System::ShuffledKnowledge => {
                Asked::with_knowledge_of(phrase, other, &self.decoder)
            }
            _ => Asked::new(phrase, &self.decoder),
        }
    }

    /// Another finding, the same for the same words; `None` for what is no finding.
    fn partner(&self, question: &Question, phrase: &Phrase) -> Option<&str> {
        let own = phrase.finding.as_ref()?;
        let others: Vec<&String> = self.findings.iter().filter(|finding| *finding != own).collect();
        // The words decide, so that the partners of one finding differ and a rerun repeats them.
        let sum: usize = question.item.bytes().chain(phrase.text.bytes()).map(usize::from).sum();
        others.get(sum.checked_rem(others.len())?).map(|finding| finding.as_str())
    }

    fn found(&self, question: &Question, asked: &Asked, shown: Shown, seen: [u32; 2]) -> Found {
        let rescaled = |b: ScoredBox| ScoredBox { bounds: rescaled(&b.bounds, seen, question.size), ..b };
        Found {
            text: Some(asked.phrase.text.clone()),
            label: self.labels.of(question.source, &asked.phrase),
            boxes: shown.boxes.into_iter().map(rescaled).collect(),
            presence: Some(shown.presence),
            heat: Some(shown.heat),
        }
    }

    fn guessed(&self, question: &Question, asked: &Asked, guess: Option<(Box2<Image>, f64)>) -> Found {
        Found {
            text: Some(asked.phrase.text.clone()),
            label: self.labels.of(question.source, &asked.phrase),
            boxes: guess.into_iter().map(|(bounds, confidence)| ScoredBox { bounds, confidence }).collect(),
            presence: Some(self.constant.presence(asked)),
            heat: None,
        }
    }
}

/// A box at the same place of an image of another size.
pub fn rescaled(bounds: &Box2<Image>, from: [u32; 2], to: [u32; 2]) -> Box2<Image> {
    let scale: [f64; 2] = std::array::from_fn(|axis| f64::from(to[axis]) / f64::from(from[axis].max(1)));
    let corners = bounds.xyxy();
    Box2::from_xyxy(std::array::from_fn(|i| corners[i] * scale[i % 2])).expect("scaling keeps a box a box")
}

fn prediction(question: &Question, findings: Vec<Found>) -> Prediction {
    answered(question, findings, None)
}

/// A prediction whose answer to a question is what was said, or made from what was found.
fn answered(asked: &Question, mut findings: Vec<Found>, said: Option<String>) -> Prediction {
    let mut answer = None;
    if asked.text.task == Task::Vqa {
        let words = asked.text.words;
        let of =
            |found: &Found| question::Shown::new(found.presence, found.boxes.iter().map(|b| &b.bounds), asked.size);
        let shown: Vec<_> = findings.iter().map(of).collect();
        let said = said.map(|said| question::other_answer(words, &said, &shown).unwrap_or(said));
        answer = said.or_else(|| shown.first().map(|shown| question::answer(words, shown)));
        if answer.as_deref() == Some(NO) {
            findings.iter_mut().for_each(|found| found.boxes.clear());
        }
    }
    Prediction { item: asked.item.to_owned(), findings, answer }
}
