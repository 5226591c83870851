//! Laws of the spatial prior: what votes, what does not, and what is left when nothing does.

use knowmvg::geometry::{Box2, Thorax};
use knowmvg::grounding::Side;
use knowmvg::image::augment::mirrored;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::prior::estimator::{PriorBox, PriorEstimator};
use knowmvg::prior::table::PriorTable;
use knowmvg::prior::{Location, Prior};
use knowmvg::report::Zone;

const LEFT_BASE: Location = Location { side: Some(Side::Left), zone: Some(Zone::Lower) };
const RIGHT_BASE: Location = Location { side: Some(Side::Right), zone: Some(Zone::Lower) };

fn bounds(corners: [f64; 4]) -> Box2<Thorax> {
    Box2::from_xyxy(corners).unwrap()
}

fn boxed(finding: &str, corners: [f64; 4], patient: &str) -> PriorBox {
    let side = if corners[0] > 0.5 { Side::Left } else { Side::Right };
    PriorBox { finding: finding.into(), side, zone: Zone::Lower, bounds: bounds(corners), patient: patient.into() }
}

fn estimate(boxes: Vec<PriorBox>, finding: &str, location: Location, without: Option<&str>) -> Prior {
    PriorEstimator::new(boxes, KnowledgeBase::chest()).estimate(Some(finding), location, without)
}

/// The model must never see its own box in its prior.
#[test]
fn a_patient_left_out_has_no_vote() {
    let others: Vec<PriorBox> =
        (0..5).map(|i| boxed("pleural_effusion", [0.6, 0.7, 0.9, 1.0], &format!("p{i}"))).collect();
    let mut all = others.clone();
    all.push(boxed("pleural_effusion", [0.55, 0.1, 0.98, 1.0], "own"));
    let without = estimate(all.clone(), "pleural_effusion", LEFT_BASE, Some("own"));
    assert_eq!(without, estimate(others, "pleural_effusion", LEFT_BASE, None));
    assert_ne!(without.map, estimate(all, "pleural_effusion", LEFT_BASE, None).map);
}

/// A finding seen on one side only borrows its mirror image for the other.
#[test]
fn the_other_side_is_a_mirror() {
    let corners = [0.6, 0.7, 0.9, 0.95];
    let boxes = (0..4).map(|i| boxed("pleural_effusion", corners, &format!("p{i}"))).collect();
    let prior = estimate(boxes, "pleural_effusion", RIGHT_BASE, None);
    assert_eq!(prior.reference, mirrored(&bounds(corners)));
}

/// With no box of its own a finding leans on its siblings more than on strangers.
#[test]
fn relatives_come_before_strangers() {
    let knowledge = KnowledgeBase::chest();
    let [near, far] = [[0.60, 0.70, 0.80, 0.90], [0.65, 0.60, 0.98, 1.00]];
    let parent = knowledge.finding("pulmonary_nodule").and_then(|f| f.parent.clone()).expect("a nodule has a parent");
    let sibling =
        knowledge.findings().iter().find(|f| f.parent.as_ref() == Some(&parent) && f.id != "pulmonary_nodule");
    let sibling = &sibling.expect("the parent has another child").id;
    let of_both = |i: usize| [boxed(sibling, near, &format!("a{i}")), boxed("fracture", far, &format!("b{i}"))];
    let boxes = (0..10).flat_map(of_both).collect();
    assert_eq!(estimate(boxes, "pulmonary_nodule", LEFT_BASE, None).reference, bounds(near));
}

/// Without any box the atlas answers, on the side and in the zone that were asked for.
#[test]
fn the_atlas_lies_beneath() {
    for finding in ["pleural_effusion", "pneumonia", "pulmonary_mass"] {
        let [cx, cy, _, _] = estimate(vec![], finding, LEFT_BASE, None).reference.cxcywh();
        assert!(cx > 0.55 && cy > 0.5, "{finding}: {cx} {cy}");
    }
}

/// A table answers for a finding without boxes with its ancestor's entry, and for an unknown one with the general entry.
#[test]
fn a_table_backs_off_along_the_graph() {
    let knowledge = KnowledgeBase::chest();
    let boxes = vec![boxed("pulmonary_nodule", [0.6, 0.7, 0.7, 0.8], "a")];
    let table = PriorTable::from_estimator(&PriorEstimator::new(boxes, knowledge));
    let child = knowledge.findings().iter().find(|f| knowledge.ancestors(&f.id).contains(&"pulmonary_nodule"));
    let of = |id: Option<&str>| table.get(id, LEFT_BASE, knowledge);
    let child = child.expect("some finding is a kind of nodule");
    assert_eq!(of(Some(&child.id)), of(Some("pulmonary_nodule")));
    assert_eq!(of(Some("not a finding")), of(None));
}
