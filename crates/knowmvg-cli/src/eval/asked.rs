//! Phrases with the knowledge and the prior that a system gives them, before any image.

use knowmvg::decoder::{ANATOMY, Decoder, anatomy_key};
use knowmvg::grounder::MAX_PHRASES;
use knowmvg::grounding::Assertion;
use knowmvg::knowledge::{self, Knowledge};
use knowmvg::prior::{Location, Prior};
use knowmvg::report::{self, Phrase};
use knowmvg::train::compose::canonical;
use knowmvg_eval::Task;

/// A phrase, ready to be grounded.
pub struct Asked {
    /// The words as they were read.
    pub phrase: Phrase,
    /// Nodes, side and zone.
    pub linked: Knowledge,
    /// In the thorax frame; of a structure, on the square.
    pub prior: Prior,
    /// Whether it is the lung or the heart, which carry the thorax frame.
    pub is_structure: bool,
    /// `e_box` of another reader than the decoder's.
    pub embed: Option<Vec<f32>>,
}

/// What a system reads: nothing else of an item may reach it.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// What is asked.
    pub task: Task,
    /// The words.
    pub words: &'a str,
}

impl Text<'_> {
    /// The phrases of a report that may have boxes; of everything else, the whole text as one phrase.
    pub fn phrases(&self, decoder: &Decoder) -> Vec<Phrase> {
        let knowledge = decoder.knowledge;
        let read = match self.task {
            Task::Report => report::phrases(self.words, knowledge),
            _ => vec![report::query(self.words, knowledge)],
        };
        read.into_iter().filter(|phrase| is_groundable(phrase, decoder)).take(MAX_PHRASES).collect()
    }
}

/// Whether a phrase may have a box.
pub fn is_groundable(phrase: &Phrase, decoder: &Decoder) -> bool {
    let finding = phrase.finding.as_deref().and_then(|id| decoder.knowledge.finding(id));
    phrase.assertion != Assertion::Absent && finding.is_none_or(|finding| finding.groundable)
}

impl Asked {
    /// With its own knowledge.
    pub fn new(phrase: Phrase, decoder: &Decoder) -> Self {
        let linked = knowledge::link(&phrase, decoder.knowledge);
        let structure = ANATOMY.iter().find(|name| linked.finding.is_none() && linked.places == [anatomy_key(name)]);
        let prior = structure.map_or_else(|| decoder.prior(&phrase, &linked), |name| decoder.anatomy_prior(name));
        Self { is_structure: structure.is_some(), phrase, linked, prior, embed: None }
    }

    /// With the knowledge of another finding at the same place; the words stay.
    pub fn with_knowledge_of(phrase: Phrase, finding: &str, decoder: &Decoder) -> Self {
        let Some(node) = decoder.knowledge.finding(finding) else { return Self::new(phrase, decoder) };
        let place = Location { side: phrase.side, zone: phrase.zone };
        let other = report::query(&canonical(&node.name, place), decoder.knowledge);
        Self { phrase, ..Self::new(other, decoder) }
    }
}
