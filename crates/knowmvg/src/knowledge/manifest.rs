//! What a folder of knowledge says of itself.

use serde::{Deserialize, Serialize};

/// What a folder of knowledge is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Semantic version of the data.
    pub version: String,
    /// E.g. `chest radiograph`.
    pub modality: String,
    /// What the regions are fractions of.
    pub frame: String,
    /// Languages of the synonyms, ISO 639-1.
    pub languages: Vec<String>,
    /// Licence of the data, SPDX.
    pub licence: String,
    /// Where facts, names and codes come from.
    pub sources: Vec<Source>,
}

/// One origin of the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// What was taken.
    pub used_for: String,
}
