//! [`without_words`]: a grounding → the same in words of the knowledge base.

use knowmvg::grounding::{GroundedPhrase, Grounding};
use knowmvg::knowledge::KnowledgeBase;

use crate::derived::{coded_finding, coded_site};

/// Puts the names that the knowledge base has in the place of the words of the report, which may name somebody.
///
/// What is found, where, and how sure it is stays; byte offsets into the report and the caller's own name for the request go. `Finding`
/// and the number of the phrase stand for what the knowledge base has no name for.
pub fn without_words(grounding: &Grounding) -> Grounding {
    let mut renamed = grounding.clone();
    renamed.id = None;
    for (index, phrase) in renamed.findings.iter_mut().enumerate() {
        phrase.phrase.text = name(phrase, index + 1);
        phrase.phrase.span = None;
        phrase.evidence.knowledge.iter_mut().for_each(|node| node.matched_text.clone_from(&node.name));
    }
    renamed
}

fn name(phrase: &GroundedPhrase, number: usize) -> String {
    let is_known = phrase.finding.as_deref().is_some_and(|id| KnowledgeBase::chest().finding(id).is_some());
    let finding = if is_known { coded_finding(phrase).meaning } else { format!("Finding {number}") };
    let Some(site) = coded_site(phrase) else { return finding };
    let side = site.laterality.map_or_else(String::new, |side| format!(", {}", side.meaning.to_lowercase()));
    format!("{finding}, {}{side}", site.place.meaning.to_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn grounding(finding: Value, side: Value, places: Value) -> Grounding {
        serde_json::from_value(json!({
            "schema_version": "1.2", "notice": "n", "id": "CANARY",
            "image": {"width": 9, "height": 9, "sha256": "", "format": "", "grey_mapping": ""}, "anatomy": [],
            "findings": [{
                "phrase": {"text": "CANARY has an effusion", "span": [3, 9]}, "assertion": "present", "finding": finding,
                "side": side, "boxes": [],
                "evidence": {"knowledge": places, "prior_box": null, "prior_source": null, "support": "none",
                             "attention_in_box": null, "knowledge_gate": null},
            }],
            "model": {"name": "m", "version": "0", "sha256": "ab", "knowledge": "1"},
        }))
        .unwrap()
    }

    #[test]
    fn findings_and_places_are_named_and_nothing_else_is() {
        let lung = json!([{"id": "left_lung", "name": "left lung", "kind": "place", "matched_text": "CANARY", "how": "typo",
                           "score": 1.0}]);
        let renamed = without_words(&grounding(json!("pleural_effusion"), json!("left"), lung));
        assert_eq!(renamed.findings[0].phrase.text, "Pleural effusion, lung, left");
        assert!(!serde_json::to_string(&renamed).unwrap().contains("CANARY"));
        let unnamed = without_words(&grounding(Value::Null, Value::Null, json!([])));
        assert_eq!(unnamed.findings[0].phrase.text, "Finding 1");
    }
}
