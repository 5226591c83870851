//! A checker of JSON Schema, as far as the published schemas need it, and groundings to check.

use std::collections::BTreeSet;

use knowmvg::geometry::Box2;
use knowmvg::grounding::*;
use serde_json::{Map, Value, json};

/// The keywords that `check` understands; another one in the schema would be skipped silently.
pub const KEYWORDS: [&str; 18] = [
    "$schema",
    "$ref",
    "$defs",
    "title",
    "description",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "enum",
    "anyOf",
    "minimum",
    "maximum",
    "pattern",
    "const",
];

/// A schema of the folder `schemas`.
pub fn published(file: &str) -> Value {
    let text = match file {
        "grounding.schema.json" => include_str!("../../../../schemas/grounding.schema.json"),
        "review.schema.json" => include_str!("../../../../schemas/review.schema.json"),
        other => panic!("no schema {other}"),
    };
    serde_json::from_str(text).expect("the schema is JSON")
}

/// Checks a value against a schema, whose references lead into `root` or into another published schema; on failure says where and against which keyword.
pub fn check(root: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let schema = schema.as_object().ok_or_else(|| format!("{path}: expected an object as schema"))?;
    for (keyword, rule) in schema {
        check_keyword(root, schema, keyword, rule, value, path)?;
    }
    Ok(())
}

fn check_keyword(
    root: &Value,
    schema: &Map<String, Value>,
    keyword: &str,
    rule: &Value,
    value: &Value,
    path: &str,
) -> Result<(), String> {
    let bound = || rule.as_f64().expect("a bound is a number");
    let length = || value.as_array().map(|items| items.len() as u64);
    let holds = match keyword {
        "$ref" => {
            let (file, pointer) = rule.as_str().and_then(|r| r.split_once('#')).expect("a reference with a place");
            let other = (!file.is_empty()).then(|| published(file));
            let root = other.as_ref().unwrap_or(root);
            let target = root.pointer(pointer).ok_or_else(|| format!("{path}: nothing at {pointer}"))?;
            return check(root, target, value, path);
        }
        "properties" => return check_properties(root, rule, value, path),
        "items" => return check_items(root, rule, value, path),
        "additionalProperties" => {
            assert_eq!(rule, &json!(false), "only closed objects are used");
            value.as_object().is_none_or(|o| o.keys().all(|key| schema["properties"].get(key).is_some()))
        }
        "required" => {
            let names = rule.as_array().expect("a list of names");
            value.as_object().is_none_or(|o| names.iter().all(|name| o.contains_key(name.as_str().unwrap_or(""))))
        }
        "type" => match rule {
            Value::Array(any) => any.iter().any(|one| has_type(value, one)),
            one => has_type(value, one),
        },
        "enum" => rule.as_array().expect("a list of values").contains(value),
        "const" => rule == value,
        "anyOf" => rule.as_array().expect("a list of schemas").iter().any(|any| check(root, any, value, path).is_ok()),
        "minimum" => value.as_f64().is_none_or(|number| number >= bound()),
        "maximum" => value.as_f64().is_none_or(|number| number <= bound()),
        "minItems" => length().is_none_or(|found| found >= rule.as_u64().expect("a length")),
        "maxItems" => length().is_none_or(|found| found <= rule.as_u64().expect("a length")),
        "pattern" => {
            let pattern = regex::Regex::new(rule.as_str().expect("a pattern")).expect("a regular expression");
            value.as_str().is_none_or(|text| pattern.is_match(text))
        }
        _ => true,
    };
    if holds { Ok(()) } else { Err(format!("{path}: {value} fails {keyword} {rule}")) }
}

fn check_properties(root: &Value, properties: &Value, value: &Value, path: &str) -> Result<(), String> {
    let Some(object) = value.as_object() else { return Ok(()) };
    for (name, property) in properties.as_object().expect("schemas by name") {
        if let Some(inner) = object.get(name) {
            check(root, property, inner, &format!("{path}/{name}"))?;
        }
    }
    Ok(())
}

fn check_items(root: &Value, item: &Value, value: &Value, path: &str) -> Result<(), String> {
    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
        check(root, item, inner, &format!("{path}/{index}"))?;
    }
    Ok(())
}

fn has_type(value: &Value, name: &Value) -> bool {
    match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        other => panic!("unexpected type {other:?} in the schema"),
    }
}

fn match_of(kind: &str, how: &str) -> KnowledgeMatch {
    KnowledgeMatch {
        id: "finding/effusion".into(),
        name: "pleural effusion".into(),
        kind: kind.into(),
        matched_text: "effusion".into(),
        how: how.into(),
        score: 1.0,
    }
}

fn bare_evidence() -> Evidence {
    Evidence {
        knowledge: vec![],
        prior_box: None,
        prior_source: None,
        support: Support::None,
        attention_in_box: None,
        knowledge_gate: None,
    }
}

fn full_evidence(support: Support) -> Evidence {
    Evidence {
        knowledge: vec![match_of("finding", "exact"), match_of("place", "typo")],
        prior_box: Some(Box2::from_xyxy([0.0, 0.5, 10.0, 20.25]).unwrap()),
        prior_source: Some("effusion + left".into()),
        support,
        attention_in_box: Some(0.75),
        knowledge_gate: Some(0.0),
    }
}

fn phrase(assertion: Assertion, side: Option<Side>, evidence: Evidence) -> GroundedPhrase {
    let scored = ScoredBox {
        box_in_image: Box2::from_xyxy([1.0, 2.0, 3.0, 4.0]).unwrap(),
        confidence: 0.5,
        spread: [0.0, 1.0, 2.5, 3.0],
        by_person: false,
    };
    let placed = ScoredBox { by_person: evidence.support == Support::Prior, ..scored.clone() };
    GroundedPhrase {
        phrase: PhraseText { text: "small left effusion".into(), span: side.map(|_| Range2(3, 22)) },
        assertion,
        finding: side.map(|_| "pleural effusion".into()),
        side,
        presence: side.map(|_| 0.75),
        boxes: if evidence.support == Support::None { vec![] } else { vec![scored, placed] },
        evidence,
    }
}

/// Every variant of every enum and every optional field once present and once missing.
pub fn groundings() -> [Grounding; 2] {
    let empty = Grounding {
        schema_version: SCHEMA_VERSION.into(),
        notice: NOTICE.into(),
        id: None,
        image: ImageInfo {
            width: 2,
            height: 3,
            sha256: "00".repeat(32),
            format: "PNG".into(),
            grey_mapping: "full range".into(),
        },
        anatomy: vec![],
        findings: vec![],
        warnings: vec![],
        model: ModelInfo {
            name: "knowmvg-compact".into(),
            version: "0.1.0".into(),
            sha256: "ff".repeat(32),
            knowledge: "1".into(),
        },
    };
    let mut full = empty.clone();
    full.id = Some("request-1".into());
    full.warnings = vec!["one lung was not found".into()];
    full.anatomy = vec![AnatomyBox {
        name: "left lung".into(),
        box_in_image: Box2::from_xyxy([0.0, 0.0, 1.0, 1.0]).unwrap(),
        confidence: 1.0,
    }];
    full.findings = vec![
        phrase(Assertion::Present, Some(Side::Left), full_evidence(Support::Image)),
        phrase(Assertion::Uncertain, Some(Side::Right), full_evidence(Support::Prior)),
        phrase(Assertion::Absent, Some(Side::Midline), bare_evidence()),
        phrase(Assertion::Present, Some(Side::Bilateral), bare_evidence()),
        phrase(Assertion::Present, None, bare_evidence()),
    ];
    [empty, full]
}

/// Every keyword of a schema, without the names of properties and definitions.
pub fn keywords(schema: &Value, found: &mut BTreeSet<String>) {
    for (keyword, rule) in schema.as_object().into_iter().flatten() {
        found.insert(keyword.clone());
        match keyword.as_str() {
            "properties" | "$defs" => rule.as_object().unwrap().values().for_each(|inner| keywords(inner, found)),
            "anyOf" => rule.as_array().unwrap().iter().for_each(|inner| keywords(inner, found)),
            _ => keywords(rule, found),
        }
    }
}
