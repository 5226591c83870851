//! Findings and places, as the files hold them, and [`Node`], any of the entries.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::modifier::{Modifier, ModifierKind};
use crate::geometry::{Box2, Thorax};
use crate::grounding::Side;
use crate::report::Zone;

/// Terms by language (ISO 639-1).
pub type Synonyms = BTreeMap<String, Vec<String>>;

/// What a radiograph may show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Unique among all nodes.
    pub id: String,
    /// Preferred name, English.
    pub name: String,
    /// The more general finding.
    pub parent: Option<String>,
    /// Other names.
    pub synonyms: Synonyms,
    /// Short forms, e.g. `PTX`.
    pub abbreviations: Vec<String>,
    /// One sentence.
    pub definition: String,
    /// How it looks.
    pub attributes: Attributes,
    /// Ids of places, most typical first.
    pub typical_places: Vec<String>,
    /// How it relates to the sides.
    pub laterality: Laterality,
    /// Ids of findings that look alike.
    pub mimics: Vec<String>,
    /// Ids of findings that come with it.
    pub implies: Vec<String>,
    /// Whether a box can show it.
    pub groundable: bool,
    /// Its codes elsewhere.
    pub codes: Codes,
}

/// How a finding looks on a radiograph.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// Brighter, darker, of what material.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<String>,
    /// Outline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// Edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub border: Option<String>,
    /// How much of the lung it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<String>,
}

impl Attributes {
    /// The stated ones with their names, in fixed order.
    pub fn stated(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all =
            [("density", &self.density), ("shape", &self.shape), ("border", &self.border), ("extent", &self.extent)];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// How a finding relates to the sides of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Laterality {
    /// Each occurrence lies on one side.
    Sided,
    /// It lies between the lungs.
    Midline,
    /// It takes both sides at once.
    Bilateral,
    /// Any of these.
    Any,
}

/// Codes of the same concept in other terminologies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    /// RadLex id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radlex: Option<String>,
    /// SNOMED CT concept id, as DICOM context groups use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snomed: Option<String>,
    /// Open Imaging Finding Model id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oifm: Option<String>,
}

/// Where a finding may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Unique among all nodes; starts with `left_` or `right_` for one side of a paired place.
    pub id: String,
    /// Preferred name, English.
    pub name: String,
    /// The place that it is part of.
    pub parent: Option<String>,
    /// Its counterpart on the other side.
    pub mirror: Option<String>,
    /// The patient's side; `None` if it can be on either.
    pub side: Option<Side>,
    /// Its height, if that is characteristic.
    pub zone: Option<Level>,
    /// Other names.
    pub synonyms: Synonyms,
    /// Short forms, e.g. `LLL`.
    pub abbreviations: Vec<String>,
    /// Where it is seen on a frontal radiograph; may exceed 0..1.
    pub region: Box2<Thorax>,
    /// Its codes elsewhere.
    pub codes: Codes,
}

/// Height of a place within the thorax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Above the hilum.
    Upper,
    /// At the height of the hilum.
    Mid,
    /// Below the hilum.
    Lower,
    /// At the very top.
    Apical,
    /// At the very bottom.
    Basal,
}

impl Level {
    /// The third of the thorax it belongs to.
    pub fn zone(self) -> Zone {
        match self {
            Self::Upper | Self::Apical => Zone::Upper,
            Self::Mid => Zone::Mid,
            Self::Lower | Self::Basal => Zone::Lower,
        }
    }
}

/// Which list a node is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeKind {
    /// [`Finding`].
    Finding,
    /// [`Place`].
    Place,
    /// [`Modifier`].
    Modifier(ModifierKind),
}

impl NodeKind {
    /// `finding`, `place` or `modifier`, as [`KnowledgeMatch`](crate::grounding::KnowledgeMatch) says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::Place => "place",
            Self::Modifier(_) => "modifier",
        }
    }
}

/// Any entry that has an id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node<'k> {
    /// A finding.
    Finding(&'k Finding),
    /// A place.
    Place(&'k Place),
    /// A modifier and what it says.
    Modifier(ModifierKind, &'k Modifier),
}

impl<'k> Node<'k> {
    /// Its id.
    pub fn id(self) -> &'k str {
        match self {
            Self::Finding(finding) => &finding.id,
            Self::Place(place) => &place.id,
            Self::Modifier(_, modifier) => &modifier.id,
        }
    }

    /// Its preferred name.
    pub fn name(self) -> &'k str {
        match self {
            Self::Finding(finding) => &finding.name,
            Self::Place(place) => &place.name,
            Self::Modifier(_, modifier) => &modifier.name,
        }
    }

    /// Which list it is from.
    pub fn kind(self) -> NodeKind {
        match self {
            Self::Finding(_) => NodeKind::Finding,
            Self::Place(_) => NodeKind::Place,
            Self::Modifier(kind, _) => NodeKind::Modifier(kind),
        }
    }

    /// Its other names, by language.
    pub fn synonyms(self) -> &'k Synonyms {
        match self {
            Self::Finding(finding) => &finding.synonyms,
            Self::Place(place) => &place.synonyms,
            Self::Modifier(_, modifier) => &modifier.synonyms,
        }
    }

    /// Its short forms.
    pub fn abbreviations(self) -> &'k [String] {
        match self {
            Self::Finding(finding) => &finding.abbreviations,
            Self::Place(place) => &place.abbreviations,
            Self::Modifier(..) => &[],
        }
    }
}
