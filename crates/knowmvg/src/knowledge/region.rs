//! Where anatomy alone would look.

use super::base::KnowledgeBase;
use crate::geometry::{Box2, Thorax};
use crate::grounding::Side;

/// The region of a place, or the box around the typical places of a finding. `None` for other ids.
pub fn region(id: &str, kb: &KnowledgeBase) -> Option<Box2<Thorax>> {
    region_on(id, None, kb)
}

/// [`region`] on one side of the patient, where the place, or the finding's places, have sides.
pub fn region_on(id: &str, side: Option<Side>, kb: &KnowledgeBase) -> Option<Box2<Thorax>> {
    if let Some(finding) = kb.finding(id) {
        return hull(finding.typical_places.iter().map(String::as_str), side, kb);
    }
    hull([id], side, kb)
}

/// The box around the regions of `places`, each on `side`.
pub(super) fn hull<'i>(
    places: impl IntoIterator<Item = &'i str>,
    side: Option<Side>,
    kb: &KnowledgeBase,
) -> Option<Box2<Thorax>> {
    let regions = places.into_iter().filter_map(|id| Some(kb.place_on_side(id, side)?.region));
    regions.reduce(|a, b| a.enclosing(&b))
}
