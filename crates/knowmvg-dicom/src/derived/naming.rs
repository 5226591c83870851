//! Findings and places of the knowledge base → [`Code`]s.

use knowmvg::grounding::{GroundedPhrase, Side};
use knowmvg::knowledge::{Codes, KnowledgeBase, Place};

use super::code::{self, Code, Concept};

/// What a phrase says is there.
///
/// SNOMED CT where the knowledge base states a code for the very concept, then RadLex, then the id in the knowledge base.
pub fn finding(phrase: &GroundedPhrase) -> Code {
    let Some(id) = &phrase.finding else { return code::UNNAMED_FINDING.into() };
    match KnowledgeBase::chest().finding(id) {
        Some(finding) => {
            public(&finding.codes, &finding.name).unwrap_or_else(|| Code::private(id, &sentence_case(&finding.name)))
        }
        None => unknown(id),
    }
}

/// Where it is.
pub struct Site {
    /// The place, coded without a side.
    pub place: Code,
    /// The patient's side; `None` for a place that lies between them.
    pub laterality: Option<Code>,
}

/// The place that a phrase names; the thorax if it only names a side, `None` if neither.
///
/// What the knowledge base adds, where such a finding typically is, is no observation and does not count.
pub fn site(phrase: &GroundedPhrase) -> Option<Site> {
    let named = phrase.evidence.knowledge.iter().find(|node| node.kind == "place" && node.how != "relation");
    let side = phrase.side.and_then(laterality);
    let Some(node) = named else {
        return side.map(|side| Site { place: code::THORAX.into(), laterality: Some(side.into()) });
    };
    let (place, side) = match KnowledgeBase::chest().place(&node.id) {
        Some(place) => (of_place(place), place.side.map_or(side, laterality)),
        None => (unknown(&node.id), side),
    };
    Some(Site { place, laterality: side.map(Code::from) })
}

/// A paired place is coded without its side, which is said beside it: few codes exist for one side alone.
fn of_place(place: &Place) -> Code {
    let kb = KnowledgeBase::chest();
    let unpaired = place.id.strip_prefix("left_").or_else(|| place.id.strip_prefix("right_"));
    let both = unpaired.and_then(|id| kb.place(id));
    let candidates = [Some(place), both];
    let candidates = candidates.iter().flatten();
    let snomed = candidates.clone().find(|place| place.codes.snomed.is_some());
    let found = snomed.or_else(|| candidates.clone().find(|place| radlex(&place.codes).is_some()));
    let coded = found.and_then(|place| public(&place.codes, &place.name));
    let nearest = both.unwrap_or(place);
    coded.unwrap_or_else(|| Code::private(&nearest.id, &sentence_case(&nearest.name)))
}

/// CID 244; the midline is no side.
fn laterality(side: Side) -> Option<Concept> {
    match side {
        Side::Left => Some(code::LEFT),
        Side::Right => Some(code::RIGHT),
        Side::Bilateral => Some(code::BILATERAL),
        Side::Midline => None,
    }
}

fn public(codes: &Codes, name: &str) -> Option<Code> {
    let code = |value: &String, scheme: &str| Code {
        value: value.clone(),
        scheme: scheme.to_owned(),
        meaning: sentence_case(name),
    };
    let snomed = codes.snomed.as_ref().map(|value| code(value, "SCT"));
    snomed.or_else(|| radlex(codes).map(|value| code(value, "RADLEX")))
}

/// Ids put together from several, with underscores, are not RadLex's own.
fn radlex(codes: &Codes) -> Option<&String> {
    codes.radlex.as_ref().filter(|id| !id.contains('_'))
}

/// A node that this version of the knowledge base does not have.
fn unknown(id: &str) -> Code {
    Code::private(id, &sentence_case(&id.replace('_', " ")))
}

fn sentence_case(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn phrase(finding: Option<&str>, side: Option<&str>, places: &[(&str, &str)]) -> GroundedPhrase {
        let knowledge = places.iter().map(
            |(id, how)| json!({"id": id, "name": id, "kind": "place", "matched_text": id, "how": how, "score": 1.0}),
        );
        let knowledge: Vec<_> = knowledge.collect();
        serde_json::from_value(json!({
            "phrase": {"text": "words", "span": null}, "assertion": "present", "finding": finding, "side": side, "boxes": [],
            "evidence": {"knowledge": knowledge, "prior_box": null, "prior_source": null, "support": "none",
                         "attention_in_box": null, "knowledge_gate": null},
        }))
        .unwrap()
    }

    fn named(side: Option<&str>, places: &[(&str, &str)]) -> Option<(String, String, Option<String>)> {
        let Site { place, laterality } = site(&phrase(None, side, places))?;
        Some((place.value, place.scheme, laterality.map(|side| side.meaning)))
    }

    fn owned(place: (&str, &str), side: Option<&str>) -> Option<(String, String, Option<String>)> {
        Some((place.0.to_owned(), place.1.to_owned(), side.map(str::to_owned)))
    }

    #[test]
    fn public_codes_come_first_and_ids_last() {
        let of = |id| finding(&phrase(id, None, &[]));
        let effusion = Code { value: "60046008".into(), scheme: "SCT".into(), meaning: "Pleural effusion".into() };
        assert_eq!(of(Some("pleural_effusion")), effusion);
        assert_eq!(of(Some("pulmonary_mass")), Code::private("pulmonary_mass", "Pulmonary mass"));
        assert_eq!(of(Some("not_there_yet")).meaning, "Not there yet");
        assert!(code::UNNAMED_FINDING.is(&of(None)));
    }

    #[test]
    fn a_paired_place_is_coded_with_its_side_beside_it() {
        assert_eq!(named(None, &[("left_lower_lobe", "exact")]), owned(("90572001", "SCT"), Some("Left")));
        assert_eq!(named(Some("right"), &[("lung", "exact")]), owned(("39607008", "SCT"), Some("Right")));
        assert_eq!(named(None, &[("right_hemidiaphragm", "exact")]), owned(("RID1526", "RADLEX"), Some("Right")));
        assert_eq!(
            named(None, &[("right_mid_lung_zone", "synonym")]),
            owned(("mid_lung_zone", "99KMVG"), Some("Right"))
        );
        assert_eq!(named(Some("midline"), &[("heart", "synonym")]), owned(("80891009", "SCT"), None));
    }

    #[test]
    fn only_what_the_words_name_is_a_site() {
        assert_eq!(named(None, &[("lung", "relation")]), None);
        assert_eq!(named(Some("left"), &[("lung", "relation")]), owned(("816094009", "SCT"), Some("Left")));
        assert_eq!(named(Some("midline"), &[]), None);
    }

    #[test]
    fn every_code_of_the_knowledge_base_fits_its_attribute() {
        let kb = KnowledgeBase::chest();
        let findings = kb.findings().iter().map(|f| public(&f.codes, &f.name));
        let places = kb.places().iter().map(|place| Some(of_place(place)));
        for code in findings.chain(places).flatten() {
            assert!(!code.value.is_empty() && !code.value.contains('\\'), "{code:?}");
            assert!(code.scheme == "99KMVG" || code.value.len() <= 16, "{code:?}");
        }
    }
}
