//! Content items of reports and of acquisition contexts (Clean Structured Content).
//!
//! No item is taken away: others may refer to it by its place (PS3.3 §C.17.3.2.5), and templates ask for it. What is coded,
//! measured or drawn stays; names, dates and UIDs have their own attributes, which the table names; words are replaced, unless
//! they can be told to be this program's own.

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::dummy::{self, REMOVED};
use super::profile::ProfileOption;
use super::rewrite::Rewriter;
use crate::tree::Item;

/// Value types whose attributes are known (PS3.3 table C.17.3-7).
const KNOWN: [&str; 15] = [
    "CODE",
    "COMPOSITE",
    "CONTAINER",
    "DATE",
    "DATETIME",
    "IMAGE",
    "NUM",
    "PNAME",
    "SCOORD",
    "SCOORD3D",
    "TCOORD",
    "TEXT",
    "TIME",
    "UIDREF",
    "WAVEFORM",
];

/// PS3.16 TID 1007: Subject Sex, Age.
const SUBJECT: [&str; 2] = ["121032", "121033"];

/// PS3.16 TID 1007: Subject Birth Date, which is not shifted, since it is not where other birth dates stand.
const BIRTH_DATE: &str = "121031";

/// PS3.16 TID 1004: name, manufacturer, model and serial number of an observing device.
const DEVICE: [&str; 4] = ["121013", "121014", "121015", "121016"];

/// Sequences of codes whose scheme may be somebody's own.
const CODES: [dicom_core::Tag; 2] = [tags::CONCEPT_NAME_CODE_SEQUENCE, tags::CONCEPT_CODE_SEQUENCE];

/// The items of one level.
pub(super) fn cleaned(items: &[Item], rewriter: &Rewriter<'_>) -> Vec<Item> {
    items.iter().map(|item| one(item, items, rewriter)).collect()
}

fn one(item: &Item, beside: &[Item], rewriter: &Rewriter<'_>) -> Item {
    let value_type = item.term(tags::VALUE_TYPE);
    // Without a value type it refers to another item by its place.
    if value_type.as_deref().is_some_and(|value_type| !KNOWN.contains(&value_type)) {
        return dummy::items(tags::CONTENT_SEQUENCE, std::slice::from_ref(item), rewriter.key).remove(0);
    }
    let mut cleaned = rewriter.item(item);
    for tag in CODES {
        if item.items(tag).iter().any(is_private) {
            cleaned.insert_items(tag, vec![dummy::code(REMOVED, "99REMOVED", REMOVED)]);
        }
    }
    if is_concept(item, &SUBJECT) && !rewriter.profile.has(ProfileOption::RetainPatientCharacteristics) {
        without_value(&mut cleaned);
    }
    if is_concept(item, &[BIRTH_DATE]) {
        cleaned.insert(tags::DATE, VR::DA, dummy::value(VR::DA));
    }
    if value_type.as_deref() == Some("TEXT") {
        let words = harmless(item, beside, rewriter).unwrap_or_else(|| dummy::value(VR::UT));
        cleaned.insert(tags::TEXT_VALUE, VR::UT, words);
    }
    cleaned
}

/// A measurement may be without a value, a code may not.
fn without_value(item: &mut Item) {
    if !item.items(tags::MEASURED_VALUE_SEQUENCE).is_empty() {
        item.insert_items(tags::MEASURED_VALUE_SEQUENCE, Vec::new());
    }
    if !item.items(tags::CONCEPT_CODE_SEQUENCE).is_empty() {
        item.insert_items(tags::CONCEPT_CODE_SEQUENCE, vec![dummy::code(REMOVED, "99REMOVED", REMOVED)]);
    }
}

/// The words that may stand in a text item, if any may.
fn harmless(item: &Item, beside: &[Item], rewriter: &Rewriter<'_>) -> Option<Vec<u8>> {
    let text = item.term(tags::TEXT_VALUE)?;
    let concept = concept(item)?;
    let own = match concept.as_str() {
        // Tracking Identifier: two items about one thing still are.
        "112039" if is_own_label(&text) => text,
        "112039" => rewriter.key.pseudonym("tracking", &text),
        // Algorithm Name, Parameters, Version.
        "111001" | "111002" | "111003" if is_own_algorithm(&text) => text,
        // Comment: what the finding beside it is called, since viewers show comments as labels.
        "121106" => return finding(beside),
        code if DEVICE.contains(&code) && (is_own_algorithm(&text) || rewriter.profile.has(RETAIN_DEVICE)) => text,
        _ => return None,
    };
    // Terms are read byte by byte, and are written so.
    own.chars().map(|c| u8::try_from(c).ok()).collect::<Option<Vec<u8>>>().map(even)
}

const RETAIN_DEVICE: ProfileOption = ProfileOption::RetainDeviceIdentity;

fn even(mut bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.len().is_multiple_of(2) {
        bytes.push(b' ');
    }
    bytes
}

/// Code Meaning of a Finding (121071, DCM) among some items.
fn finding(beside: &[Item]) -> Option<Vec<u8>> {
    let finding = beside.iter().find(|item| is_concept(item, &["121071"]))?;
    let code = finding.items(tags::CONCEPT_CODE_SEQUENCE).first().filter(|code| !is_private(code))?;
    let meaning = code.value(tags::CODE_MEANING)?;
    Some(meaning.bytes.clone())
}

/// `KnowMVG 3a`.
fn is_own_label(text: &str) -> bool {
    let Some(number) = text.strip_prefix("KnowMVG ") else { return false };
    let digits = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let letters = number.len() - digits.len();
    !digits.is_empty() && digits.len() <= 4 && letters <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What this program writes about itself: its name, versions, and the hash of its weights.
fn is_own_algorithm(text: &str) -> bool {
    let is_version = |text: &str| {
        !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.split_once('=') {
        None => text == "KnowMVG" || is_version(text),
        Some(("weights_sha256", hash)) => is_hash(hash),
        Some(("knowledge", version)) => is_version(version),
        Some(_) => false,
    }
}

fn is_concept(item: &Item, values: &[&str]) -> bool {
    concept(item).is_some_and(|concept| values.contains(&concept.as_str()))
}

/// The value of a concept name of DICOM's own.
fn concept(item: &Item) -> Option<String> {
    let name = item.items(tags::CONCEPT_NAME_CODE_SEQUENCE).first()?;
    (name.term(tags::CODING_SCHEME_DESIGNATOR)? == "DCM").then(|| name.term(tags::CODE_VALUE)).flatten()
}

/// A code of a scheme that somebody made for himself (PS3.16 §8.2), other than this program.
fn is_private(code: &Item) -> bool {
    let scheme = code.term(tags::CODING_SCHEME_DESIGNATOR).unwrap_or_default();
    scheme != "99KMVG" && (scheme.is_empty() || scheme.starts_with("99") || scheme == "L")
}

/// Whether a data set has a tree of content items.
pub(super) fn is_report(item: &Item) -> bool {
    item.term(tags::VALUE_TYPE).as_deref() == Some("CONTAINER")
}

/// The root's own heading, which is a content item too.
pub(super) fn heading(root: &Item, rewritten: &mut Item) {
    if root.items(tags::CONCEPT_NAME_CODE_SEQUENCE).iter().any(is_private) {
        rewritten.insert_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![dummy::code(REMOVED, "99REMOVED", REMOVED)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_program_writes_is_its_own() {
        let hash = format!("weights_sha256={}", "5e".repeat(32));
        for own in ["KnowMVG", "0.1.0", "knowledge=1.0.0", &hash] {
            assert!(is_own_algorithm(own), "{own}");
        }
        for other in ["", "CANARY", "model=CANARY", "knowledge=CANARY", "weights_sha256=CANARY", "19400305CANARY"] {
            assert!(!is_own_algorithm(other), "{other}");
        }
        assert!(is_own_label("KnowMVG 3a") && is_own_label("KnowMVG 12"));
        assert!(!is_own_label("KnowMVG CANARY") && !is_own_label("KnowMVG ") && !is_own_label("KnowMVG 3canary"));
    }
}
