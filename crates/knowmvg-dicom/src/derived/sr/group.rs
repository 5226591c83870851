//! TID 1410: one box of one phrase.

use knowmvg::grounding::{Assertion, GroundedPhrase, Support};

use super::item::{Item, Relation};
use crate::derived::code::{self, Concept};
use crate::derived::naming;
use crate::derived::object::Object;
use crate::derived::region::Region;

/// What all groups of a report share.
pub(super) struct Shared<'a> {
    /// Reference to the image.
    pub image: &'a Object,
    /// Algorithm Identification (TID 4019).
    pub algorithm: &'a [Item],
}

/// The group of a box.
///
/// A planar group holds one region (TID 1410, row 6), so a phrase with several boxes becomes several groups, whose identifiers
/// share the phrase's number: `KnowMVG 3a`, `KnowMVG 3b`.
pub(super) fn group(region: &Region<'_>, tracking_uid: &str, shared: &Shared<'_>) -> Item {
    use Relation::{Contains, HasConceptModifier, HasObservationContext};
    let phrase = region.phrase;
    let outline = Item::polyline(&region.outline()).has(Relation::SelectedFrom, Item::image(shared.image.clone()));
    // Viewers look for the region below a measurement, readers of TID 1410 beside it.
    // Neither the algorithm nor its numbers speak for a box that a person put there.
    let is_found = !region.scored.by_person;
    let algorithm = shared.algorithm.iter().filter(|_| is_found).cloned();
    let confidence = is_found
        .then(|| percent(code::BOX_CONFIDENCE, region.scored.confidence).has(Relation::InferredFrom, outline.clone()));
    let support = is_found.then(|| Item::code(code::SUPPORT, support(phrase.evidence.support)));
    let presence = phrase.presence.filter(|_| is_found).map(|presence| percent(code::CERTAINTY_OF_FINDING, presence));
    Item::container(code::MEASUREMENT_GROUP, Some("1410"))
        .has(HasObservationContext, Item::text(code::TRACKING_IDENTIFIER, &format!("KnowMVG {}", region.label)))
        .has(HasObservationContext, Item::uid(code::TRACKING_UID, tracking_uid))
        .has(Contains, Item::code(code::FINDING, naming::finding(phrase)))
        .has_all(HasConceptModifier, site(phrase))
        .has_all(HasConceptModifier, algorithm)
        .has(Contains, outline)
        .has_all(Contains, confidence)
        .has_all(Contains, presence)
        .has(Contains, Item::code(code::ASSERTION, assertion(phrase.assertion)))
        .has_all(Contains, support)
        .has(Contains, Item::text(code::COMMENT, &comment(phrase, is_found)))
}

fn site(phrase: &GroundedPhrase) -> Option<Item> {
    let site = naming::site(phrase)?;
    let laterality = site.laterality.map(|side| Item::code(code::LATERALITY, side));
    Some(Item::code(code::FINDING_SITE, site.place).has_all(Relation::HasConceptModifier, laterality))
}

fn percent(name: Concept, share: f64) -> Item {
    Item::number(name, &format!("{:.2}", share.clamp(0.0, 1.0) * 100.0), code::PERCENT)
}

fn assertion(assertion: Assertion) -> Concept {
    match assertion {
        Assertion::Present => code::PRESENT,
        // What is denied has no box, hence no group.
        Assertion::Uncertain | Assertion::Absent => code::UNCERTAIN,
    }
}

fn support(support: Support) -> Concept {
    match support {
        Support::Image => code::SUPPORT_IMAGE,
        Support::Prior => code::SUPPORT_PRIOR,
        Support::None => code::SUPPORT_NONE,
    }
}

/// The words first: viewers show the beginning as a label.
fn comment(phrase: &GroundedPhrase, is_found: bool) -> String {
    let doubt = if phrase.assertion == Assertion::Uncertain { " (uncertain)" } else { "" };
    let origin = if phrase.phrase.span.is_some() { "Report phrase" } else { "Asked" };
    let prior = phrase.evidence.prior_source.as_ref().map_or_else(String::new, |source| format!("; prior: {source}"));
    let placed = if is_found { "" } else { "; box placed by a person" };
    format!("{origin}{doubt}: {}{placed}{prior}", phrase.phrase.text)
}
