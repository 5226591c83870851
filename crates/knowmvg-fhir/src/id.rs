//! Names of resources that follow from what they describe, so that a bundle that is sent twice adds nothing.

use knowmvg_dicom::name_based_uuid;
use serde_json::{Value, json};

/// What makes a bundle the one that it is.
pub(crate) struct Names {
    parts: Vec<String>,
}

impl Names {
    /// From everything that distinguishes this result from others.
    pub fn new(parts: &[&str]) -> Self {
        Self { parts: parts.iter().map(|part| (*part).to_owned()).collect() }
    }

    /// `urn:uuid:` and a UUID of version 8 (RFC 9562 §5.8) for a resource.
    pub fn urn(&self, resource: &str) -> String {
        let parts: Vec<&str> = self.parts.iter().map(String::as_str).chain([resource]).collect();
        let bytes = name_based_uuid("knowmvg-fhir", &parts);
        let hex = knowmvg::model::weights::hex(&bytes);
        format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// An identifier that is a URI itself.
pub(crate) fn identifier(urn: &str) -> Value {
    json!({"system": "urn:ietf:rfc:3986", "value": urn})
}

/// A UID of DICOM as an identifier.
pub(crate) fn uid(uid: &str) -> Value {
    json!({"system": "urn:dicom:uid", "value": format!("urn:oid:{uid}")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_uuid_and_follows_from_its_parts() {
        let names = Names::new(&["a", "b"]);
        let urn = names.urn("device");
        assert_eq!(urn, Names::new(&["a", "b"]).urn("device"));
        assert_ne!(urn, names.urn("report"));
        assert_ne!(urn, Names::new(&["ab", ""]).urn("device"));
        let groups: Vec<usize> = urn.strip_prefix("urn:uuid:").unwrap().split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
    }
}
