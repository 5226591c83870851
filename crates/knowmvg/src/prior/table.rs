//! All priors of a model as two tensors: what ships instead of the training boxes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::estimator::PriorEstimator;
use super::{Location, MAP_SIDE, Prior};
use crate::geometry::{Box2, Thorax};
use crate::grounding::Side;
use crate::knowledge::KnowledgeBase;
use crate::model::params::NamedParam;
use crate::model::weights::{Loader, WeightError};
use crate::report::Zone;

/// Sides that a table has entries for.
const SIDES: [Option<Side>; 4] = [None, Some(Side::Left), Some(Side::Right), Some(Side::Midline)];
/// Zones that a table has entries for.
const ZONES: [Option<Zone>; 4] = [None, Some(Zone::Upper), Some(Zone::Mid), Some(Zone::Lower)];
/// Name of the entry for a phrase without a known finding.
const ANY: &str = "any finding";

/// Priors by finding, side and zone; by default, none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PriorTable {
    entries: BTreeMap<String, Vec<Prior>>,
}

/// The names of a table's rows, stored as metadata beside its tensors.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Index {
    findings: Vec<String>,
    sources: Vec<String>,
}

impl PriorTable {
    /// Asks the estimator for every finding that has boxes, and for any finding.
    pub fn from_estimator(estimator: &PriorEstimator) -> Self {
        let mut entries = BTreeMap::new();
        let all =
            |finding: Option<&str>| locations().map(|location| estimator.estimate(finding, location, None)).collect();
        for finding in estimator.counts().into_keys() {
            entries.insert(finding.to_owned(), all(Some(finding)));
        }
        entries.insert(ANY.to_owned(), all(None));
        Self { entries }
    }

    /// The prior of a finding or of its nearest ancestor that has one.
    pub fn get(&self, finding: Option<&str>, location: Location, knowledge: &KnowledgeBase) -> Prior {
        let location = Location { side: location.side.filter(|s| *s != Side::Bilateral), ..location };
        let slot = locations().position(|l| l == location).expect("every location has a slot");
        let entry = |id: &str| self.entries.get(id).map(|row| row[slot].clone());
        let own = finding.and_then(entry);
        let inherited = || {
            let ancestors = finding.map(|id| knowledge.ancestors(id)).unwrap_or_default();
            ancestors.iter().find_map(|id| entry(id))
        };
        own.or_else(inherited).or_else(|| entry(ANY)).unwrap_or_else(Prior::flat)
    }

    /// The tensors `prior.maps` and `prior.boxes`, and the metadata that names their rows.
    ///
    /// # Shapes
    /// - `prior.maps`: `[findings * 16, MAP_SIDE * MAP_SIDE]`; `prior.boxes`: `[findings * 16, 4]`
    pub fn to_params(&self) -> (Vec<NamedParam>, String) {
        let rows = || self.entries.values().flatten();
        let maps = rows().flat_map(|p| p.map.iter().copied()).collect();
        let boxes = rows().flat_map(|p| p.reference.xyxy().map(|c| c as f32)).collect();
        let count = rows().count();
        let index = Index {
            findings: self.entries.keys().cloned().collect(),
            sources: rows().map(|p| p.source.clone()).collect(),
        };
        let params = vec![
            NamedParam { name: "prior.maps".into(), shape: vec![count, MAP_SIDE * MAP_SIDE], values: maps },
            NamedParam { name: "prior.boxes".into(), shape: vec![count, 4], values: boxes },
        ];
        (params, serde_json::to_string(&index).expect("strings serialize"))
    }

    /// Reads what [`PriorTable::to_params`] wrote.
    ///
    /// # Errors
    /// When the metadata does not fit the tensors or a box is none.
    pub fn load(loader: &mut Loader, prefix: &str, metadata: &str) -> Result<Self, WeightError> {
        let malformed = |what: &str| WeightError::Format(format!("the prior table {what}"));
        let index: Index = serde_json::from_str(metadata).map_err(|_| malformed("has no valid index"))?;
        let slots = locations().count();
        let count = index.findings.len() * slots;
        if index.sources.len() != count {
            return Err(malformed("names another number of rows than it has"));
        }
        let maps = loader.tensor(&format!("{prefix}prior.maps"), &[count, MAP_SIDE * MAP_SIDE]);
        let boxes = loader.tensor(&format!("{prefix}prior.boxes"), &[count, 4]);
        let mut rows = Vec::with_capacity(count);
        for ((map, corners), source) in
            maps.chunks_exact(MAP_SIDE * MAP_SIDE).zip(boxes.chunks_exact(4)).zip(&index.sources)
        {
            let corners: [f64; 4] = std::array::from_fn(|i| f64::from(corners[i]));
            let reference: Box2<Thorax> =
                Box2::from_xyxy(corners).map_err(|_| malformed("holds a box with swapped corners"))?;
            rows.push(Prior { map: map.to_vec(), reference, source: source.clone() });
        }
        let mut rows = rows.into_iter();
        let entries = index.findings.into_iter().map(|f| (f, rows.by_ref().take(slots).collect())).collect();
        Ok(Self { entries })
    }
}

fn locations() -> impl Iterator<Item = Location> {
    SIDES.into_iter().flat_map(|side| ZONES.into_iter().map(move |zone| Location { side, zone }))
}
