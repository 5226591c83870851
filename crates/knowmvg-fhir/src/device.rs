//! The program and its weights as a Device.

use knowmvg::grounding::ModelInfo;
use serde_json::{Value, json};

use crate::id::identifier;
use crate::version::Version;

/// The resource.
pub(crate) fn device(model: &ModelInfo, urn: &str, version: Version) -> Value {
    let name = json!([{"type": "user-friendly-name"}]);
    let named = |key: &str| {
        let mut name = name.clone();
        name[0][key] = json!(model.name);
        name
    };
    let mut device = json!({
        "resourceType": "Device",
        "identifier": [identifier(urn)],
        "manufacturer": "KnowMVG",
        "version": [
            {"type": {"text": "program"}, "value": model.version},
            {"type": {"text": "weights, SHA-256"}, "value": model.sha256},
            {"type": {"text": "knowledge base"}, "value": model.knowledge},
        ],
    });
    match version {
        Version::R5 => device["name"] = named("value"),
        Version::R4 => device["deviceName"] = named("name"),
    }
    device
}
