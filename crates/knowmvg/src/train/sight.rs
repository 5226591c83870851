//! Features for scoring, as the tower of the model in question gives them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::dataset::Sample;
use super::features::FeatureCache;
use super::tower;
use crate::model::adapters::TowerAdapters;
use crate::model::encode::MIDDLE_LAYER;
use crate::model::input::Features;
use crate::model::vision::VisionTower;
use crate::model::visual_tokens::standardise;

/// The cache, seen with changed last layers of the tower if there are any; each image is made once.
pub(super) struct Sight<'r> {
    cache: &'r FeatureCache,
    changed: Option<VisionTower>,
    made: RefCell<BTreeMap<String, Features>>,
}

impl<'r> Sight<'r> {
    pub(super) fn new(cache: &'r FeatureCache, tower: &VisionTower, adapters: Option<&TowerAdapters>) -> Self {
        let changed = adapters.map(|adapters| adapters.merged_into(tower));
        Self { cache, changed, made: RefCell::default() }
    }

    /// The stored image of a sample, as the decoder reads it.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub(super) fn read(&self, sample: &Sample) -> std::io::Result<Features> {
        let id = &sample.record.id;
        let Some(tower) = &self.changed else { return self.cache.read(id, 0) };
        if let Some(features) = self.made.borrow().get(id) {
            return Ok(features.clone());
        }
        let mut features = self.cache.read(id, 0)?;
        let stream = self.cache.read_stream(id, 0, &features)?;
        let width = tower.config().hidden_size;
        let mut last = tower.continue_after(MIDDLE_LAYER, stream).split_off(width);
        standardise(&mut last, width);
        tower::write_last(&mut features.tokens, 2 * width, &last);
        self.made.borrow_mut().insert(id.clone(), features.clone());
        Ok(features)
    }
}
