//! Where the lungs of each image lie, as a run keeps it in its folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::dataset::Sample;
use crate::geometry::{Box2, Map, Model, Thorax};

/// Name of the file in a run's folder.
pub const FILE: &str = "thorax.json";

/// The box around both lungs of each image, by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thoraxes(BTreeMap<String, Box2<Model>>);

impl Thoraxes {
    /// Reads a [`FILE`].
    ///
    /// # Errors
    /// When it cannot be read, or holds something else than boxes by id.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// Writes a [`FILE`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, serde_json::to_vec(self)?)
    }

    /// Whether the lungs of an image are known.
    pub fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Notes the lungs of an image.
    pub fn note(&mut self, id: &str, model_from_thorax: &Map<Model, Thorax>) {
        let unit = Box2::from_xyxy([0.0, 0.0, 1.0, 1.0]).expect("a constant box");
        self.0.insert(id.to_owned(), model_from_thorax.apply(&unit));
    }

    /// Places a sample's thorax on its lungs; a sample whose lungs are not known has none.
    pub fn place(&self, sample: &mut Sample) {
        sample.model_from_thorax = self.0.get(&sample.record.id).and_then(Map::from_unit_square);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::KnowledgeBase;
    use crate::train::dataset::LabelMap;

    fn placed(lungs: &Thoraxes, id: &str) -> Option<Map<Model, Thorax>> {
        let record = serde_json::json!({
            "id": id, "source": "s", "image": "1.png", "tier": "open", "split": "val", "width": 100, "height": 100,
        });
        let record = serde_json::from_value(record).unwrap();
        let mut sample = Sample::new(&record, 448, &mut LabelMap::new(KnowledgeBase::chest())).unwrap();
        lungs.place(&mut sample);
        sample.model_from_thorax
    }

    #[test]
    fn lungs_are_those_of_the_file_and_none_are_made_up() {
        let file = std::env::temp_dir().join(format!("knowmvg-thorax-{}.json", std::process::id()));
        fs::write(&file, r#"{"a": [0.1, 0.2, 0.9, 0.8]}"#).unwrap();
        let lungs = Thoraxes::read(&file).unwrap();
        let centre = placed(&lungs, "a").unwrap().apply_point([0.5, 0.5]);
        assert!(centre.iter().all(|c| (c - 0.5).abs() < 1e-12), "{centre:?}");
        assert!(placed(&lungs, "b").is_none());
        fs::write(&file, r#"{"a": [0.9, 0.2, 0.1, 0.8]}"#).unwrap();
        assert!(Thoraxes::read(&file).is_err(), "a box whose right side is left of its left one");
        fs::remove_file(&file).unwrap();
    }
}
