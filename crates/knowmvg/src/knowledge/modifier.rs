//! Words that narrow a finding, as the file holds them.

use serde::{Deserialize, Serialize};

use super::node::Synonyms;

/// A word that narrows a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modifier {
    /// Unique among all nodes.
    pub id: String,
    /// Preferred word, English.
    pub name: String,
    /// Other words.
    pub synonyms: Synonyms,
}

/// All modifiers, by what they say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modifiers {
    /// Ids are those of [`Side`](crate::grounding::Side).
    pub side: Vec<Modifier>,
    /// Ids are those of [`Zone`](crate::report::Zone).
    pub zone: Vec<Modifier>,
    /// How bad.
    pub severity: Vec<Modifier>,
    /// How large.
    pub size: Vec<Modifier>,
    /// How many.
    pub number: Vec<Modifier>,
    /// Since an earlier image.
    pub change: Vec<Modifier>,
    /// How sure.
    pub certainty: Vec<Modifier>,
}

impl Modifiers {
    /// Every modifier with its kind, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (ModifierKind, &Modifier)> {
        ModifierKind::ALL.into_iter().flat_map(|kind| self.of(kind).iter().map(move |m| (kind, m)))
    }

    /// The modifiers of one kind.
    pub fn of(&self, kind: ModifierKind) -> &[Modifier] {
        match kind {
            ModifierKind::Side => &self.side,
            ModifierKind::Zone => &self.zone,
            ModifierKind::Severity => &self.severity,
            ModifierKind::Size => &self.size,
            ModifierKind::Number => &self.number,
            ModifierKind::Change => &self.change,
            ModifierKind::Certainty => &self.certainty,
        }
    }
}

/// What a modifier says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModifierKind {
    /// Left, right, midline, bilateral.
    Side,
    /// Upper, mid, lower.
    Zone,
    /// How bad.
    Severity,
    /// How large.
    Size,
    /// How many.
    Number,
    /// Since an earlier image.
    Change,
    /// How sure.
    Certainty,
}

impl ModifierKind {
    /// All kinds, in the order of the file.
    pub const ALL: [Self; 7] =
        [Self::Side, Self::Zone, Self::Severity, Self::Size, Self::Number, Self::Change, Self::Certainty];

    /// The key in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Side => "side",
            Self::Zone => "zone",
            Self::Severity => "severity",
            Self::Size => "size",
            Self::Number => "number",
            Self::Change => "change",
            Self::Certainty => "certainty",
        }
    }
}
