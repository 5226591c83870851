//! Checks that places agree with their mirror images and lie where their names say.

use std::collections::HashMap;

use super::load::PLACES;
use super::node::{Level, Place};
use super::validate::{Checked, ensure};
use crate::geometry::{Box2, Thorax};
use crate::grounding::Side;

/// Regions reach this far beyond the lungs at most, in units of the thorax.
const REACH: f64 = 1.0;
/// Farthest that the centre of a region may be from the mirror image of its counterpart's; the heart pushes the
/// borders, hila and angles of the two sides that far apart.
const MAX_ASYMMETRY: f64 = 0.2;
/// Largest ratio between the areas of the two.
const MAX_AREA_RATIO: f64 = 2.5;
/// How far beyond the midline the centre of a sided place may lie.
const MIDLINE_SLACK: f64 = 0.02;

pub(super) fn check_places(places: &[Place]) -> Checked {
    let by_id: HashMap<&str, &Place> = places.iter().map(|p| (p.id.as_str(), p)).collect();
    for place in places {
        let parent = place.parent.as_deref();
        let is_known = parent.is_none_or(|id| by_id.contains_key(id));
        ensure(is_known, PLACES, &place.id, || "expected a parent that is a place".to_owned())?;
        check_region(place)?;
        check_parent_region(place, parent.and_then(|id| by_id.get(id).copied()))?;
        check_mirror(place, &by_id)?;
    }
    Ok(())
}

fn check_region(place: &Place) -> Checked {
    let corners = place.region.xyxy();
    let is_near = corners.iter().all(|c| (-REACH..=1.0 + REACH).contains(c));
    ensure(is_near && place.region.area() > 0.0, PLACES, &place.id, || {
        format!("expected a region with area within {REACH} of the lungs, found {corners:?}")
    })?;
    let [x, y, _, _] = place.region.cxcywh();
    let on_side = match place.side {
        Some(Side::Left) => x > 0.5 - MIDLINE_SLACK,
        Some(Side::Right) => x < 0.5 + MIDLINE_SLACK,
        Some(Side::Midline) => (0.25..0.85).contains(&x),
        Some(Side::Bilateral) | None => true,
    };
    ensure(on_side, PLACES, &place.id, || format!("expected a region on its side, found its centre at x = {x:.3}"))?;
    let at_height = match place.zone {
        Some(Level::Upper) => y < 0.5,
        Some(Level::Mid) => (0.25..0.75).contains(&y),
        Some(Level::Lower) => y > 0.5,
        Some(Level::Apical) => y < 0.35,
        Some(Level::Basal) => y > 0.6,
        None => true,
    };
    ensure(at_height, PLACES, &place.id, || format!("expected a region in its zone, found its centre at y = {y:.3}"))
}

fn check_parent_region(place: &Place, parent: Option<&Place>) -> Checked {
    let touches = parent.is_none_or(|p| place.region.iou(&p.region) > 0.0);
    ensure(touches, PLACES, &place.id, || "expected a region that overlaps its parent's".to_owned())
}

fn check_mirror(place: &Place, by_id: &HashMap<&str, &Place>) -> Checked {
    let id = &place.id;
    let Some(mirror_id) = place.mirror.as_deref() else {
        let has_twin =
            is_sided(place) && twin_id(id).is_some_and(|t| by_id.get(t.as_str()).is_some_and(|p| is_sided(p)));
        return ensure(!has_twin, PLACES, id, || "expected its counterpart as mirror, found null".to_owned());
    };
    let mirror = by_id.get(mirror_id).copied();
    let is_mutual = mirror.is_some_and(|m| m.mirror.as_deref() == Some(id) && m.id != *id);
    ensure(is_mutual, PLACES, id, || "expected a mirror that names this place as its own".to_owned())?;
    let Some(mirror) = mirror else { return Ok(()) };
    let are_opposite = matches!(
        (place.side, mirror.side),
        (Some(Side::Left), Some(Side::Right)) | (Some(Side::Right), Some(Side::Left))
    );
    ensure(are_opposite, PLACES, id, || "expected a mirror on the other side".to_owned())?;
    ensure(place.zone == mirror.zone, PLACES, id, || "expected a mirror in the same zone".to_owned())?;
    ensure(are_alike(&place.region, &mirror.region), PLACES, id, || {
        "expected a region that resembles the mirror image of its counterpart's".to_owned()
    })
}

fn is_sided(place: &Place) -> bool {
    matches!(place.side, Some(Side::Left | Side::Right))
}

fn twin_id(id: &str) -> Option<String> {
    let left = id.strip_prefix("left_").map(|base| format!("right_{base}"));
    left.or_else(|| id.strip_prefix("right_").map(|base| format!("left_{base}")))
}

fn are_alike(a: &Box2<Thorax>, b: &Box2<Thorax>) -> bool {
    let ([ax, ay, _, _], [bx, by, _, _]) = (a.cxcywh(), b.cxcywh());
    let is_near = (ax - (1.0 - bx)).abs() <= MAX_ASYMMETRY && (ay - by).abs() <= MAX_ASYMMETRY;
    let ratio = a.area() / b.area();
    is_near && (1.0 / MAX_AREA_RATIO..=MAX_AREA_RATIO).contains(&ratio)
}
