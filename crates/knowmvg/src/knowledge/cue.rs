//! Cues and section titles, as the file holds them.

use serde::{Deserialize, Serialize};

/// Words that tell how a statement is meant, and the titles of sections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cues {
    /// The finding is denied.
    pub negation: Vec<Cue>,
    /// Looks like a negation and denies nothing.
    #[serde(default)]
    pub pseudo_negation: Vec<Cue>,
    /// The finding is suspected.
    pub uncertainty: Vec<Cue>,
    /// The finding belongs to the past or to the question.
    pub history: Vec<Cue>,
    /// The text says what to do next.
    pub recommendation: Vec<Cue>,
    /// The text tells what is true of patients in general.
    #[serde(default)]
    pub general: Vec<Cue>,
    /// Other cues do not reach past this.
    pub scope_end: Vec<Cue>,
    /// Sections and their titles.
    pub sections: Vec<Section>,
}

impl Cues {
    /// Every list of cues with its key in the file.
    pub fn lists(&self) -> [(&'static str, &[Cue]); 7] {
        [
            ("negation", &self.negation),
            ("pseudo_negation", &self.pseudo_negation),
            ("uncertainty", &self.uncertainty),
            ("history", &self.history),
            ("recommendation", &self.recommendation),
            ("general", &self.general),
            ("scope_end", &self.scope_end),
        ]
    }
}

/// Words that tell how a statement is meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cue {
    /// The words.
    pub text: String,
    /// Where the words that it governs stand.
    pub direction: Direction,
    /// ISO 639-1; English if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// Where the words that a cue governs stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// After the cue.
    Forward,
    /// Before the cue.
    Backward,
    /// Before and after.
    Both,
}

/// One section of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// E.g. `impression`.
    pub id: String,
    /// Words that announce it.
    pub titles: Vec<String>,
}
