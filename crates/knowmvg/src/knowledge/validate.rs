//! Checks that the entries of a knowledge base agree with each other.

use std::collections::{HashMap, HashSet};

use super::base::nodes;
use super::error::KnowledgeError;
use super::lexicon::terms;
use super::load::{CUES, FINDINGS, MANIFEST, MODIFIERS, PLACES, Parsed};
use super::node::{Finding, Node, NodeKind};
use super::normal::normalize;
use super::validate_place::check_places;

/// Longest id, name or term, in bytes.
const MAX_TERM_BYTES: usize = 160;
/// Longest definition or attribute, in bytes.
const MAX_TEXT_BYTES: usize = 600;
/// Most nodes of one list, and most entries of one list within a node.
const MAX_NODES: usize = 20_000;
const MAX_LIST: usize = 400;

pub(super) type Checked = Result<(), KnowledgeError>;

/// The ids that the rest of the program refers to by name.
const SIDES: [&str; 4] = ["left", "right", "midline", "bilateral"];
const ZONES: [&str; 3] = ["upper", "mid", "lower"];

/// Checks everything; the first contradiction is reported.
pub(super) fn validate(parsed: &Parsed) -> Checked {
    check_manifest(parsed)?;
    check_ids(parsed)?;
    for finding in &parsed.findings {
        check_finding(finding, parsed)?;
    }
    check_parents(FINDINGS, parsed.findings.iter().map(|f| (f.id.as_str(), f.parent.as_deref())))?;
    check_places(&parsed.places)?;
    check_parents(PLACES, parsed.places.iter().map(|p| (p.id.as_str(), p.parent.as_deref())))?;
    check_modifiers(parsed)?;
    check_cues(parsed)?;
    check_terms(parsed)
}

/// An error unless `holds`.
pub(super) fn ensure(holds: bool, file: &'static str, id: &str, problem: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(KnowledgeError::Invalid { file, id: shown(id), problem: problem() }) }
}

/// A hostile id must not flood a message.
fn shown(id: &str) -> String {
    id.chars().take(MAX_TERM_BYTES).filter(|c| !c.is_control()).collect()
}

pub(super) fn file_of(node: Node) -> &'static str {
    match node.kind() {
        NodeKind::Finding => FINDINGS,
        NodeKind::Place => PLACES,
        NodeKind::Modifier(_) => MODIFIERS,
    }
}

fn check_manifest(parsed: &Parsed) -> Checked {
    let version = &parsed.manifest.version;
    let parts: Vec<&str> = version.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.len() < 6 && part.bytes().all(|b| b.is_ascii_digit());
    let holds = parts.len() == 3 && parts.iter().all(is_number);
    ensure(holds, MANIFEST, version, || "expected a version of three numbers".to_owned())
}

fn check_ids(parsed: &Parsed) -> Checked {
    let mut seen = HashSet::new();
    for list in [parsed.findings.len(), parsed.places.len(), parsed.modifiers.iter().count()] {
        ensure(list <= MAX_NODES, MANIFEST, "", || {
            format!("expected at most {MAX_NODES} nodes in a list, found {list}")
        })?;
    }
    for node in nodes(parsed) {
        let (file, id) = (file_of(node), node.id());
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let holds = !id.is_empty() && id.len() <= MAX_TERM_BYTES && id.bytes().all(is_plain);
        ensure(holds, file, id, || "expected an id of a-z, 0-9 and _".to_owned())?;
        ensure(seen.insert(id), file, id, || "expected an id that no other node has".to_owned())?;
        check_texts(node, file)?;
    }
    Ok(())
}

fn check_texts(node: Node, file: &'static str) -> Checked {
    for (count, (term, _, language)) in terms(node).enumerate() {
        ensure(count < MAX_LIST, file, node.id(), || format!("expected at most {MAX_LIST} terms"))?;
        let holds = term.len() <= MAX_TERM_BYTES && !normalize(term).is_empty();
        ensure(holds, file, node.id(), || {
            format!("expected terms of 1 to {MAX_TERM_BYTES} bytes with a letter or digit")
        })?;
        let is_code = language.len() == 2 && language.bytes().all(|b| b.is_ascii_lowercase());
        ensure(is_code, file, node.id(), || "expected a language of two letters".to_owned())?;
    }
    Ok(())
}

fn check_finding(finding: &Finding, parsed: &Parsed) -> Checked {
    let is_finding = |id: &String| parsed.findings.iter().any(|f| f.id == *id);
    let is_place = |id: &String| parsed.places.iter().any(|p| p.id == *id);
    for (key, ids) in [("mimics", &finding.mimics), ("implies", &finding.implies)] {
        check_references(finding, key, ids, is_finding)?;
    }
    check_references(finding, "typical_places", &finding.typical_places, is_place)?;
    check_references(finding, "parent", finding.parent.as_slice(), is_finding)?;
    let has_place = !finding.groundable || !finding.typical_places.is_empty();
    ensure(has_place, FINDINGS, &finding.id, || {
        "expected a typical place for a finding that is groundable".to_owned()
    })?;
    let texts = [finding.definition.as_str()].into_iter().chain(finding.attributes.stated().map(|(_, value)| value));
    let mut lengths = texts.map(str::len);
    ensure(lengths.all(|n| n > 0 && n <= MAX_TEXT_BYTES), FINDINGS, &finding.id, || {
        format!("expected a definition and attributes of 1 to {MAX_TEXT_BYTES} bytes")
    })
}

fn check_references(finding: &Finding, key: &str, ids: &[String], is_known: impl Fn(&String) -> bool) -> Checked {
    let id = &finding.id;
    ensure(ids.len() <= MAX_LIST, FINDINGS, id, || format!("expected at most {MAX_LIST} {key}"))?;
    let mut seen = HashSet::new();
    for to in ids {
        ensure(is_known(to), FINDINGS, id, || {
            format!("expected {key} to name an existing node, found `{}`", shown(to))
        })?;
        ensure(to != id, FINDINGS, id, || format!("expected {key} to name another finding, found itself"))?;
        ensure(seen.insert(to), FINDINGS, id, || format!("expected each of {key} once, found `{}` again", shown(to)))?;
    }
    Ok(())
}

/// Following the parents must end.
fn check_parents<'p>(file: &'static str, parents: impl Iterator<Item = (&'p str, Option<&'p str>)>) -> Checked {
    let parents: HashMap<&str, Option<&str>> = parents.collect();
    // Nodes whose chain is known to end; each node is walked over once.
    let mut ended: HashSet<&str> = HashSet::new();
    let mut ids: Vec<&&str> = parents.keys().collect();
    ids.sort();
    for start in ids {
        let mut chain = HashSet::new();
        let mut at = Some(*start);
        while let Some(id) = at.filter(|id| !ended.contains(id)) {
            ensure(chain.insert(id), file, id, || "expected parents that lead to a root, found a cycle".to_owned())?;
            at = parents.get(id).copied().flatten();
        }
        ended.extend(chain);
    }
    Ok(())
}

fn check_modifiers(parsed: &Parsed) -> Checked {
    for (key, list, expected) in
        [("side", &parsed.modifiers.side, &SIDES[..]), ("zone", &parsed.modifiers.zone, &ZONES[..])]
    {
        let found: HashSet<&str> = list.iter().map(|m| m.id.as_str()).collect();
        let holds = found == expected.iter().copied().collect();
        ensure(holds, MODIFIERS, key, || format!("expected exactly the ids {}", expected.join(", ")))?;
    }
    Ok(())
}

fn check_cues(parsed: &Parsed) -> Checked {
    for (key, list) in parsed.cues.lists() {
        ensure(list.len() <= MAX_NODES, CUES, key, || format!("expected at most {MAX_NODES} cues"))?;
        let is_short = |text: &str| !text.is_empty() && text.len() <= MAX_TERM_BYTES;
        let holds = list.iter().all(|cue| is_short(&cue.text));
        ensure(holds, CUES, key, || format!("expected texts of 1 to {MAX_TERM_BYTES} bytes"))?;
        let mut seen = HashSet::new();
        let twice = list.iter().find(|c| !seen.insert((&c.text, c.direction as u8, &c.language)));
        ensure(twice.is_none(), CUES, key, || "expected each cue once".to_owned())?;
    }
    check_sections(parsed)
}

fn check_sections(parsed: &Parsed) -> Checked {
    let mut owners: HashMap<String, &str> = HashMap::new();
    for (id, title) in parsed.cues.sections.iter().flat_map(|s| s.titles.iter().map(move |t| (s.id.as_str(), t))) {
        let is_first = *owners.entry(normalize(title)).or_insert(id) == id;
        let holds = is_first && !title.is_empty() && title.len() <= MAX_TERM_BYTES;
        ensure(holds, CUES, id, || "expected short titles that announce one section only".to_owned())?;
    }
    Ok(())
}

/// A term may name one finding or one place, and besides one modifier of each kind.
fn check_terms(parsed: &Parsed) -> Checked {
    let mut owners: HashMap<(String, Option<NodeKind>), &str> = HashMap::new();
    for node in nodes(parsed) {
        let class = matches!(node.kind(), NodeKind::Modifier(_)).then(|| node.kind());
        for (term, _, _) in terms(node) {
            let owner = *owners.entry((normalize(term), class)).or_insert(node.id());
            ensure(owner == node.id(), file_of(node), node.id(), || {
                format!("expected terms that name one node, found `{}` also at `{owner}`", shown(term))
            })?;
        }
    }
    Ok(())
}
