//! Content items: the nodes of a report's tree.
//!
//! # Source
//! PS3.3 §C.17.3, tables C.17-5 and C.18-1 to C.18-8.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use crate::derived::code::{self, Code};
use crate::derived::object::Object;

/// How an item relates to the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Contains,
    HasObservationContext,
    HasAcquisitionContext,
    HasConceptModifier,
    InferredFrom,
    SelectedFrom,
}

impl Relation {
    fn term(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::HasObservationContext => "HAS OBS CONTEXT",
            Self::HasAcquisitionContext => "HAS ACQ CONTEXT",
            Self::HasConceptModifier => "HAS CONCEPT MOD",
            Self::InferredFrom => "INFERRED FROM",
            Self::SelectedFrom => "SELECTED FROM",
        }
    }
}

/// What an item is, and what stands below it, before it is known what it stands below.
#[derive(Clone)]
pub(super) struct Item {
    object: Object,
    children: Vec<Object>,
}

impl Item {
    fn new(value_type: &str, name: impl Into<Code>) -> Self {
        Self::unnamed(value_type).with(|object| object.item(tags::CONCEPT_NAME_CODE_SEQUENCE, name.into().item()))
    }

    fn unnamed(value_type: &str) -> Self {
        Self { object: Object::new().text(tags::VALUE_TYPE, value_type), children: Vec::new() }
    }

    fn with(self, add: impl FnOnce(Object) -> Object) -> Self {
        Self { object: add(self.object), children: self.children }
    }

    fn with_text(self, tag: Tag, value: &str) -> Self {
        self.with(|object| object.text(tag, value))
    }

    /// A heading over other items, by a template of PS3.16 if it has one.
    pub fn container(name: impl Into<Code>, template: Option<&str>) -> Self {
        let container = Self::new("CONTAINER", name).with_text(tags::CONTINUITY_OF_CONTENT, "SEPARATE");
        let Some(id) = template else { return container };
        let template = Object::new().text(tags::MAPPING_RESOURCE, "DCMR").text(tags::TEMPLATE_IDENTIFIER, id);
        container.with(|object| object.item(tags::CONTENT_TEMPLATE_SEQUENCE, template))
    }

    pub fn text(name: impl Into<Code>, value: &str) -> Self {
        Self::new("TEXT", name).with_text(tags::TEXT_VALUE, &plain(value))
    }

    pub fn code(name: impl Into<Code>, value: impl Into<Code>) -> Self {
        Self::new("CODE", name).with(|object| object.item(tags::CONCEPT_CODE_SEQUENCE, value.into().item()))
    }

    pub fn uid(name: impl Into<Code>, value: &str) -> Self {
        Self::new("UIDREF", name).with_text(tags::UID, value)
    }

    /// A number as the decimal string that it is written as.
    pub fn number(name: impl Into<Code>, value: &str, unit: impl Into<Code>) -> Self {
        let measured = Object::new()
            .text(tags::NUMERIC_VALUE, value)
            .item(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, unit.into().item());
        Self::new("NUM", name).with(|object| object.item(tags::MEASURED_VALUE_SEQUENCE, measured))
    }

    /// A closed line on an image.
    pub fn polyline(points: &[f32]) -> Self {
        let region = Self::new("SCOORD", code::IMAGE_REGION).with_text(tags::GRAPHIC_TYPE, "POLYLINE");
        region.with(|object| object.floats(tags::GRAPHIC_DATA, points))
    }

    /// An image, by its reference.
    pub fn image(reference: Object) -> Self {
        Self::unnamed("IMAGE").with(|object| object.item(tags::REFERENCED_SOP_SEQUENCE, reference))
    }

    /// Puts an item below.
    pub fn has(mut self, relation: Relation, child: Self) -> Self {
        self.children.push(child.object().text(tags::RELATIONSHIP_TYPE, relation.term()));
        self
    }

    /// Puts items below, all related alike.
    pub fn has_all(self, relation: Relation, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, |item, child| item.has(relation, child))
    }

    /// The data set.
    pub fn object(self) -> Object {
        if self.children.is_empty() { self.object } else { self.object.items(tags::CONTENT_SEQUENCE, self.children) }
    }
}

/// Text without control characters, which would be read as the start of another character set; never empty.
fn plain(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if plain.trim().is_empty() { "-".to_owned() } else { plain }
}
