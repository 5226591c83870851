//! The published JSON Schema and the type `Grounding` say the same.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use knowmvg::grounding::Grounding;
use serde_json::{Value, json};
use support::{KEYWORDS, check, groundings, keywords, published};

fn schema() -> Value {
    published("grounding.schema.json")
}

fn check_document(value: &Value) -> Result<(), String> {
    let schema = schema();
    check(&schema, &schema, value, "")
}

#[test]
fn what_the_type_writes_is_valid_and_read_back() {
    for grounding in groundings() {
        let value = serde_json::to_value(&grounding).unwrap();
        check_document(&value).unwrap();
        assert_eq!(serde_json::from_value::<Grounding>(value).unwrap(), grounding);
    }
}

/// Adds the keys of every object in a value to the definition that describes the object.
fn keys_written(root: &Value, schema: &Value, value: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
    if let Some(any) = schema["anyOf"].as_array() {
        any.iter().for_each(|one| keys_written(root, one, value, found));
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(&reference[1..]).expect("the reference leads somewhere");
        if let Some(object) = value.as_object() {
            found.entry(reference.to_owned()).or_default().extend(object.keys().cloned());
        }
        return keys_written(root, target, value, found);
    }
    for item in value.as_array().into_iter().flatten() {
        keys_written(root, &schema["items"], item, found);
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        keys_written(root, &schema["properties"][name], inner, found);
    }
}

#[test]
fn the_schema_names_exactly_the_keys_that_the_type_writes() {
    let root = schema();
    let mut written = BTreeMap::new();
    for grounding in groundings() {
        keys_written(&root, &root, &serde_json::to_value(&grounding).unwrap(), &mut written);
    }
    let objects = root["$defs"].as_object().unwrap().iter().filter(|(_, definition)| definition["type"] == "object");
    let named: BTreeMap<String, BTreeSet<String>> = objects
        .map(|(name, object)| {
            let keys = object["properties"].as_object().unwrap().keys().cloned().collect();
            (format!("#/$defs/{name}"), keys)
        })
        .collect();
    assert_eq!(written, named);
}

#[test]
fn what_the_schema_requires_the_type_requires_or_defaults_to_nothing() {
    let [_, full] = groundings();
    let full = serde_json::to_value(full).unwrap();
    for name in schema()["$defs"]["Grounding"]["required"].as_array().unwrap() {
        let mut value = full.clone();
        value.as_object_mut().unwrap().remove(name.as_str().unwrap());
        assert!(check_document(&value).is_err(), "{name} may be missing for the schema");
        assert!(serde_json::from_value::<Grounding>(value).is_err(), "{name} may be missing for the type");
    }
    for name in ["id", "warnings"] {
        let mut value = full.clone();
        value.as_object_mut().unwrap().remove(name);
        check_document(&value).unwrap();
        serde_json::from_value::<Grounding>(value).unwrap();
    }
}

#[test]
fn wrong_documents_are_found() {
    let [_, full] = groundings();
    let full = serde_json::to_value(full).unwrap();
    let wrong = [
        ("/schema_version", json!("2.0")),
        ("/image/width", json!(-1)),
        ("/image", json!({})),
        ("/findings/0/assertion", json!("maybe")),
        ("/findings/0/side", json!("both")),
        ("/findings/0/boxes/0/box", json!([1, 2, 3])),
        ("/findings/0/boxes/0/confidence", json!(1.5)),
        // What serde writes for a number that is not finite.
        ("/findings/0/boxes/0/confidence", json!(null)),
        ("/findings/0/phrase/span", json!([0.5, 2])),
        ("/findings/0/evidence/prior_box", json!("left")),
        ("/findings/0/evidence/support", json!(null)),
        ("/model", json!({"name": "", "version": "", "sha256": "", "knowledge": "", "extra": 1})),
    ];
    for (pointer, value) in wrong {
        let mut document = full.clone();
        *document.pointer_mut(pointer).unwrap() = value.clone();
        assert!(check_document(&document).is_err(), "{value} at {pointer} passes");
    }
}

#[test]
fn the_checker_knows_every_keyword_and_every_object_is_closed() {
    let schema = schema();
    let mut found = BTreeSet::new();
    keywords(&schema, &mut found);
    let unknown: Vec<_> = found.iter().filter(|keyword| !KEYWORDS.contains(&keyword.as_str())).collect();
    assert!(unknown.is_empty(), "unchecked keywords {unknown:?}");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        if definition["type"] == "object" {
            assert_eq!(definition["additionalProperties"], json!(false), "{name} is open");
        }
    }
}
