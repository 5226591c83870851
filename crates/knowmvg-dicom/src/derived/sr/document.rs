//! TID 1500: the whole report.

use knowmvg::grounding::{Grounding, ModelInfo};

use super::group::{Shared, group};
use super::item::{Item, Relation};
use crate::derived::code::{self, Code, Concept};
use crate::derived::identity::{self, Identity};
use crate::derived::object::Object;
use crate::derived::reference;
use crate::derived::region::Region;
use crate::derived::source::{ImageLaterality, Source};

/// The tree, as the attributes of its root.
pub(super) fn document(source: &Source, grounding: &Grounding, regions: &[Region<'_>], identity: &Identity) -> Object {
    use Relation::{Contains, HasConceptModifier, HasObservationContext};
    let image = reference::to_image(source);
    let shared = Shared { image: &image, algorithm: &algorithm(&grounding.model) };
    let groups = regions.iter().map(|region| group(region, &identity.tracking(&region.label), &shared));
    let root = Item::container(code::IMAGING_MEASUREMENT_REPORT, Some("1500"))
        .has(HasConceptModifier, Item::code(code::LANGUAGE, code::ENGLISH))
        .has_all(HasObservationContext, observer(grounding))
        .has(HasConceptModifier, Item::code(code::PROCEDURE_REPORTED, code::PLAIN_CHEST_X_RAY))
        .has(Contains, library(source, &image))
        .has(Contains, Item::container(code::IMAGING_MEASUREMENTS, None).has_all(Contains, groups));
    root.object()
}

/// TID 1002 with TID 1004.
fn observer(grounding: &Grounding) -> [Item; 5] {
    [
        Item::code(code::OBSERVER_TYPE, code::DEVICE),
        Item::uid(code::DEVICE_UID, &identity::device(grounding)),
        Item::text(code::DEVICE_NAME, "KnowMVG"),
        Item::text(code::DEVICE_MANUFACTURER, "KnowMVG"),
        Item::text(code::DEVICE_MODEL, &grounding.model.name),
    ]
}

/// TID 4019.
fn algorithm(model: &ModelInfo) -> Vec<Item> {
    vec![
        Item::text(code::ALGORITHM_NAME, "KnowMVG"),
        Item::text(code::ALGORITHM_VERSION, &model.version),
        Item::text(code::ALGORITHM_PARAMETERS, &format!("model={}", model.name)),
        Item::text(code::ALGORITHM_PARAMETERS, &format!("weights_sha256={}", model.sha256)),
        Item::text(code::ALGORITHM_PARAMETERS, &format!("knowledge={}", model.knowledge)),
    ]
}

/// TID 1600 with the rows of TID 1602 that the image answers.
fn library(source: &Source, image: &Object) -> Item {
    let facts = &source.image;
    let pixels = |name: Concept, count: u16| Item::number(name, &count.to_string(), code::PIXELS);
    let modality = facts.modality.as_deref().map(|term| Item::code(code::MODALITY, modality(term)));
    let side = facts.laterality.map(|side| match side {
        ImageLaterality::Left => Item::code(code::IMAGE_LATERALITY, code::LEFT),
        ImageLaterality::Right => Item::code(code::IMAGE_LATERALITY, code::RIGHT),
    });
    let [rows, columns] = [(code::PIXEL_DATA_ROWS, facts.rows), (code::PIXEL_DATA_COLUMNS, facts.columns)];
    let size = [pixels(rows.0, rows.1), pixels(columns.0, columns.1)];
    let descriptors = modality.into_iter().chain(side).chain(size).chain(spacing(facts.spacing));
    let entry = Item::image(image.clone()).has_all(Relation::HasAcquisitionContext, descriptors);
    let group = Item::container(code::IMAGE_LIBRARY_GROUP, None).has(Relation::Contains, entry);
    Item::container(code::IMAGE_LIBRARY, Some("1600")).has(Relation::Contains, group)
}

fn spacing(spacing: Option<[f64; 2]>) -> Vec<Item> {
    let Some([between_rows, between_columns]) = spacing else { return Vec::new() };
    let length = |name: Concept, mm: f64| Item::number(name, &decimal(mm), code::MILLIMETRES);
    vec![length(code::HORIZONTAL_SPACING, between_columns), length(code::VERTICAL_SPACING, between_rows)]
}

/// A decimal string has at most 16 characters (PS3.5 §6.2).
fn decimal(number: f64) -> String {
    let plain = number.to_string();
    if plain.len() <= 16 { plain } else { format!("{number:.8e}") }
}

/// CID 29; the term is the code.
fn modality(term: &str) -> Code {
    let meaning = match term {
        "CR" => "Computed Radiography",
        "DX" => "Digital Radiography",
        "RG" => "Radiographic imaging",
        "OT" => "Other",
        other => other,
    };
    Code { value: term.to_owned(), scheme: "DCM".to_owned(), meaning: meaning.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_keep_to_their_length() {
        for number in [0.139, 1.0 / 3.0, 1e-9, 123_456.789_012_345, 1e20, f64::MIN_POSITIVE] {
            let text = decimal(number);
            let read: f64 = text.parse().unwrap();
            assert!(text.len() <= 16 && (read / number - 1.0).abs() < 1e-8, "{text}");
        }
    }
}
