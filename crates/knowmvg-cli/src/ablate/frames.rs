//! Where the lungs of the scored images lie, in a run that was told.
//!
//! Arms that share their frames learn little of lungs, and would be told apart by how badly they find them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use knowmvg::geometry::{Box2, Map, Model};
use knowmvg::train::dataset::Sample;

use crate::failure::{Exit, Failure};

/// Gives samples the lungs of a run's `thorax.json`; an image that is not in it keeps none, and the model looks for them.
pub fn placed(mut samples: Vec<Sample>, file: &Path) -> Result<Vec<Sample>, Failure> {
    let unreadable = |e: String| Failure::about(Exit::Input, "cannot read where the lungs lie", file, e);
    let bytes = fs::read(file).map_err(|e| unreadable(e.to_string()))?;
    let lungs: BTreeMap<String, Box2<Model>> = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.to_string()))?;
    for sample in &mut samples {
        sample.model_from_thorax = lungs.get(&sample.record.id).and_then(Map::from_unit_square);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use knowmvg::knowledge::KnowledgeBase;
    use knowmvg::train::dataset::LabelMap;

    fn sample(id: &str) -> Sample {
        let record = serde_json::json!({
            "id": id, "source": "s", "image": "1.png", "tier": "open", "split": "val", "width": 100, "height": 100,
        });
        let record = serde_json::from_value(record).unwrap();
        Sample::new(&record, 448, &mut LabelMap::new(KnowledgeBase::chest())).unwrap()
    }

    #[test]
    fn lungs_are_those_of_the_file_and_none_are_made_up() {
        let file = std::env::temp_dir().join(format!("knowmvg-thorax-{}.json", std::process::id()));
        fs::write(&file, r#"{"a": [0.1, 0.2, 0.9, 0.8]}"#).unwrap();
        let found = placed(vec![sample("a"), sample("b")], &file).unwrap();
        let centre = found[0].model_from_thorax.unwrap().apply_point([0.5, 0.5]);
        assert!(centre.iter().all(|c| (c - 0.5).abs() < 1e-12), "{centre:?}");
        assert!(found[1].model_from_thorax.is_none());
        fs::write(&file, r#"{"a": [0.9, 0.2, 0.1, 0.8]}"#).unwrap();
        assert!(placed(vec![], &file).is_err(), "a box whose right side is left of its left one");
        fs::remove_file(&file).unwrap();
    }
}
