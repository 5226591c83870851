//! The knowledge base: its data, its laws, and what happens to files that are wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use knowmvg::grounding::{Assertion, Side};
use knowmvg::knowledge::{
    How, KnowledgeBase, KnowledgeError, MAX_FILE_BYTES, MAX_NODE_WORDS, Node, NodeKind, RelationKind, explain, link,
    node_text, normalize, region, region_on,
};
use knowmvg::report::{self, Phrase, Zone};
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../knowledge");
const FILES: [&str; 5] = ["manifest", "findings", "places", "modifiers", "cues"];

fn chest() -> &'static KnowledgeBase {
    KnowledgeBase::chest()
}

fn json(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(format!("{FOLDER}/{path}")).unwrap()).unwrap()
}

fn bare(text: &str) -> Phrase {
    Phrase {
        span: 0..text.len(),
        text: text.to_owned(),
        finding: None,
        places: Vec::new(),
        side: None,
        zone: None,
        severity: None,
        size: None,
        number: None,
        change: None,
        assertion: Assertion::Present,
        section: None,
        mentions: Vec::new(),
    }
}

// --- the data

#[test]
fn holds_what_the_models_classes_need() {
    let kb = chest();
    assert!(kb.findings().len() >= 70, "{}", kb.findings().len());
    assert!(kb.places().len() >= 110, "{}", kb.places().len());
    let findings = [
        "atelectasis",
        "calcification",
        "cardiomegaly",
        "consolidation",
        "diffuse_nodule",
        "pleural_effusion",
        "emphysema",
        "pulmonary_fibrosis",
        "fracture",
        "infiltrate",
        "pulmonary_mass",
        "pulmonary_nodule",
        "pleural_thickening",
        "pneumonia",
        "pneumothorax",
        "lung_opacity",
        "active_tuberculosis",
        "obsolete_pulmonary_tuberculosis",
    ];
    for id in findings {
        assert!(kb.finding(id).is_some_and(|f| f.groundable), "{id}");
    }
    for id in ["left_lung", "right_lung", "heart", "left_clavicle", "right_clavicle", "mediastinum", "trachea"] {
        assert!(kb.place(id).is_some(), "{id}");
    }
}

#[test]
fn every_term_resolves_to_its_node() {
    let kb = chest();
    let mut terms = 0;
    for node in kb.nodes() {
        let synonyms = node.synonyms().values().flatten();
        for term in synonyms.chain(node.abbreviations()).map(String::as_str).chain([node.name()]) {
            let found = kb.lexicon().lookup(term);
            assert!(found.iter().any(|e| e.id == node.id()), "{term} of {}", node.id());
            assert!(
                found.iter().filter(|e| !matches!(e.kind, NodeKind::Modifier(_))).count() <= 1,
                "{term} is ambiguous"
            );
            terms += 1;
        }
    }
    assert!(terms > 4000, "{terms}");
}

#[test]
fn radiologists_words_reach_the_expected_node() {
    let expected = [
        ("enlarged cardiac silhouette", "cardiomegaly"),
        ("blunting of the costophrenic angles", "blunted_costophrenic_angle"),
        ("air-space opacities", "airspace_opacity"),
        ("collapse", "atelectasis"),
        ("fluid in the pleural space", "pleural_effusion"),
        ("PTX", "pneumothorax"),
        ("CHF", "congestive_heart_failure"),
        ("pulmonary oedema", "pulmonary_edema"),
        ("PICC line", "picc"),
        ("LLL", "left_lower_lobe"),
        ("RUL", "right_upper_lobe"),
        ("bibasilar", "both_lung_bases"),
        ("Pleuraerguss", "pleural_effusion"),
        ("épanchement pleural", "pleural_effusion"),
        ("derrame pleural", "pleural_effusion"),
        ("left-sided", "left"),
    ];
    for (term, id) in expected {
        assert!(chest().lexicon().lookup(term).iter().any(|e| e.id == id), "{term}");
    }
    let how = |term: &str| chest().lexicon().lookup(term).first().map(|e| e.how);
    assert_eq!(how("Pneumothorax"), Some(How::Exact));
    assert_eq!(how("ptx"), Some(How::Abbreviation));
    assert_eq!(how("air in the pleural space"), Some(How::Synonym));
}

#[test]
fn mirrored_places_agree() {
    let kb = chest();
    let (mut pairs, mut places, mut alike) = (0, 0, 0);
    for place in kb.places() {
        let Some(mirror) = place.mirror.as_deref().and_then(|id| kb.place(id)) else { continue };
        assert_eq!(mirror.mirror.as_deref(), Some(place.id.as_str()));
        let swapped = |text: &str| text.replace("left", "\0").replace("right", "left").replace('\0', "right");
        if place.id.starts_with("left_") && mirror.id == swapped(&place.id) {
            assert_eq!(swapped(&place.name), mirror.name);
            assert_eq!(
                swapped(place.parent.as_deref().unwrap_or_default()),
                mirror.parent.as_deref().unwrap_or_default()
            );
            pairs += 1;
        }
        let [x0, y0, x1, y1] = place.region.xyxy();
        let reflected = knowmvg::geometry::Box2::from_xyxy([1.0 - x1, y0, 1.0 - x0, y1]).unwrap();
        places += 1;
        alike += usize::from(reflected.iou(&mirror.region) > 0.9);
    }
    assert!(pairs >= 40, "{pairs}");
    // The rest are the heart's borders, the hila, the angles beside the heart, the domes of the diaphragm and the lobes.
    assert!(alike as f64 > 0.75 * places as f64, "{alike} of {places}");
}

#[test]
fn the_patients_left_is_on_the_right_of_the_image() {
    let centre = |id| region(id, chest()).unwrap().cxcywh()[0];
    assert!(centre("left_lung") > 0.5 && centre("right_lung") < 0.5);
    assert!(centre("stomach") > 0.5 && centre("liver") < 0.5);
    let heart = region("heart", chest()).unwrap();
    assert!(heart.cxcywh()[0] > 0.5, "the heart leans to the patient's left");
}

// --- schemas

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn schemas_and_types_have_the_same_keys() {
    let kb = chest();
    let union = |values: Vec<Value>| values.iter().flat_map(keys).collect::<BTreeSet<_>>();
    let findings: Vec<Value> = kb.findings().iter().map(|f| serde_json::to_value(f).unwrap()).collect();
    let places: Vec<Value> = kb.places().iter().map(|p| serde_json::to_value(p).unwrap()).collect();
    let cues = serde_json::to_value(kb.cues()).unwrap();
    let modifiers = serde_json::to_value(kb.modifiers()).unwrap();
    let manifest = serde_json::to_value(kb.manifest()).unwrap();
    let of = |list: &[Value], key: &str| list.iter().map(|v| v[key].clone()).collect::<Vec<_>>();
    let both_codes = of(&findings, "codes").into_iter().chain(of(&places, "codes")).collect();
    let cases = [
        ("findings", "/$defs/finding/properties", union(findings.clone())),
        ("findings", "/$defs/finding/properties/attributes/properties", union(of(&findings, "attributes"))),
        ("findings", "/$defs/finding/properties/codes/properties", union(both_codes)),
        ("places", "/$defs/place/properties", union(places)),
        ("modifiers", "/properties", keys(&modifiers)),
        ("modifiers", "/$defs/modifier/properties", keys(&modifiers["side"][0])),
        ("cues", "/properties", keys(&cues)),
        ("cues", "/$defs/cue/properties", union(cues["negation"].as_array().unwrap().clone())),
        ("manifest", "/properties", keys(&manifest)),
        ("manifest", "/properties/sources/items/properties", keys(&manifest["sources"][0])),
    ];
    for (file, pointer, found) in cases {
        let schema = json(&format!("schema/{file}.schema.json"));
        assert_eq!(keys(schema.pointer(pointer).unwrap()), found, "{file}{pointer}");
    }
}

#[test]
fn types_keep_everything_the_files_say() {
    let kb = chest();
    let read = [
        ("findings", serde_json::to_value(kb.findings()).unwrap()),
        ("places", serde_json::to_value(kb.places()).unwrap()),
        ("modifiers", serde_json::to_value(kb.modifiers()).unwrap()),
        ("cues", serde_json::to_value(kb.cues()).unwrap()),
        ("manifest", serde_json::to_value(kb.manifest()).unwrap()),
    ];
    for (file, value) in read {
        assert!(value == json(&format!("chest/{file}.json")), "{file}");
    }
}

// --- the graph

#[test]
fn back_off_goes_from_special_to_general() {
    let kb = chest();
    assert_eq!(kb.ancestors("pneumonia"), ["airspace_opacity", "lung_opacity", "lung_abnormality"]);
    let above = kb.ancestors("left_lower_lobe");
    assert_eq!(above[..2], ["lower_lobe", "left_lung"]);
    assert!(above.contains(&"lung") && above.contains(&"thorax"));
    assert!(kb.ancestors("thorax").is_empty() && kb.ancestors("no such id").is_empty());
    assert!(kb.children("left_lung").contains(&"left_lower_lobe"));
}

#[test]
fn relations_lead_to_nodes_of_the_right_kind() {
    let kb = chest();
    for node in kb.nodes() {
        assert!(!kb.ancestors(node.id()).contains(&node.id()), "{} is its own ancestor", node.id());
        for relation in kb.relations(node.id()) {
            let to = kb.node(&relation.to).unwrap();
            let is_place = matches!(to, Node::Place(_));
            let wants_place = match relation.kind {
                RelationKind::IsA => matches!(node, Node::Place(_)),
                RelationKind::PartOf | RelationKind::MirrorOf | RelationKind::LocatedIn => true,
                RelationKind::Mimics | RelationKind::Implies => false,
            };
            assert_eq!(is_place, wants_place, "{} {:?} {}", node.id(), relation.kind, relation.to);
        }
    }
}

#[test]
fn node_texts_are_short_and_say_the_name() {
    let kb = chest();
    for node in kb.nodes() {
        let text = node_text(node.id(), kb);
        assert!(text.starts_with(node.name()), "{text}");
        assert!(text.split_whitespace().count() <= MAX_NODE_WORDS, "{text}");
    }
    let effusion = node_text("pleural_effusion", kb);
    assert!(effusion.contains("meniscus") && effusion.contains("costophrenic"), "{effusion}");
    assert_eq!(node_text("no such id", kb), "");
}

#[test]
fn node_texts_differ() {
    let texts: BTreeSet<String> = chest().nodes().map(|n| node_text(n.id(), chest())).collect();
    assert_eq!(texts.len(), chest().nodes().count());
}

#[test]
fn regions_respect_the_side() {
    let kb = chest();
    for finding in kb.findings().iter().filter(|f| f.groundable) {
        assert!(region(&finding.id, kb).is_some(), "{}", finding.id);
    }
    let effusion = |side| region_on("pleural_effusion", side, kb).unwrap();
    assert!(effusion(Some(Side::Left)).xyxy()[0] > 0.5);
    assert!(effusion(Some(Side::Right)).xyxy()[2] < 0.5);
    assert!(effusion(None).area() > effusion(Some(Side::Left)).area() * 1.9);
    assert_eq!(region("left", kb), None);
}

// --- linking

#[test]
fn a_phrase_links_to_its_finding_place_and_side() {
    let kb = chest();
    let knowledge = link(&report::query("small effusion at the left base", kb), kb);
    assert_eq!(knowledge.finding.as_deref(), Some("pleural_effusion"));
    assert_eq!(knowledge.places, ["left_lung_base"]);
    assert_eq!((knowledge.side, knowledge.zone), (Some(Side::Left), Some(Zone::Lower)));
    assert!(knowledge.missing.is_empty() && knowledge.coverage == 1.0, "{:?}", knowledge.missing);
}

#[test]
fn a_side_elsewhere_in_the_phrase_moves_a_general_place() {
    let kb = chest();
    let phrase = Phrase {
        finding: Some("atelectasis".into()),
        places: vec!["lower_lobe".into()],
        side: Some(Side::Right),
        ..bare("")
    };
    let knowledge = link(&phrase, kb);
    assert_eq!(knowledge.places, ["right_lower_lobe"]);
    assert!(knowledge.matches.iter().any(|m| m.id == "right_lower_lobe" && m.how == "relation"));
    assert!(knowledge.region(kb).unwrap().xyxy()[2] < 0.5);
}

#[test]
fn unknown_words_fall_back_on_letters_and_say_so() {
    let kb = chest();
    let knowledge = link(&bare("cardiomegalic"), kb);
    let best = knowledge.matches.first().unwrap();
    assert_eq!((best.id.as_str(), best.how.as_str()), ("cardiomegaly", "similar"));
    assert!(best.score < 1.0 && best.matched_text == "cardiomegalic");
}

#[test]
fn nonsense_links_to_nothing() {
    for text in ["", "zzxqy wvut", "the quick brown fox", "🫁", "1234 5.6"] {
        let knowledge = link(&bare(text), chest());
        assert_eq!(knowledge.finding, None, "{text}");
        assert!(knowledge.matches.is_empty() && knowledge.coverage == 0.0, "{text}: {:?}", knowledge.matches);
    }
    assert_eq!(link(&bare("zzxqy wvut"), chest()).missing, ["zzxqy", "wvut"]);
}

#[test]
fn ids_that_the_base_lacks_are_dropped() {
    let phrase = Phrase { finding: Some("no such id".into()), places: vec!["nowhere".into()], ..bare("zzxqy") };
    let knowledge = link(&phrase, chest());
    assert!(knowledge.finding.is_none() && knowledge.places.is_empty() && knowledge.matches.is_empty());
}

#[test]
fn linking_obeys_its_laws() {
    let kb = chest();
    for (i, finding) in kb.findings().iter().enumerate() {
        let place = &kb.places()[(i * 7) % kb.places().len()];
        let text = format!("{} in the {}", finding.name, place.name);
        let phrase = report::query(&text, kb);
        let knowledge = link(&phrase, kb);
        assert_eq!(knowledge, link(&phrase, kb), "linking is deterministic");
        assert!((0.0..=1.0).contains(&knowledge.coverage), "{text}");
        assert!(knowledge.missing.is_empty(), "{text}: {:?}", knowledge.missing);
        let ids: BTreeSet<&str> = knowledge.matches.iter().map(|m| m.id.as_str()).collect();
        assert_eq!(ids.len(), knowledge.matches.len(), "{text}: a node twice");
        assert!(knowledge.finding.iter().chain(&knowledge.places).all(|id| ids.contains(id.as_str())), "{text}");
        for found in &knowledge.matches {
            assert!((0.0..=1.0).contains(&found.score));
            assert!(["exact", "synonym", "abbreviation", "typo", "similar", "relation"].contains(&found.how.as_str()));
        }
    }
}

#[test]
fn a_finding_named_alone_links_to_itself() {
    let kb = chest();
    for finding in kb.findings() {
        let knowledge = explain(&finding.name, kb).knowledge;
        assert_eq!(knowledge.finding.as_deref(), Some(finding.id.as_str()));
    }
}

#[test]
fn explanations_tell_what_and_why() {
    let explained = explain("left pleural effusion with zzxqy", chest());
    assert_eq!(explained.knowledge.missing, ["zzxqy"]);
    let text = explained.to_string();
    for part in ["pleural_effusion", "exact", "located in lung base", "no node explains: zzxqy", "OIFM_CDE_000254"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!(json["knowledge"]["finding"], "pleural_effusion");
    assert_eq!(json["nodes"][0]["relations"][0]["kind"], "is_a");
}

#[test]
fn normal_forms_are_idempotent() {
    for node in chest().nodes() {
        for term in node.synonyms().values().flatten() {
            assert_eq!(normalize(&normalize(term)), normalize(term), "{term}");
        }
    }
}

#[test]
fn hostile_phrases_are_survived() {
    let long = "opacity left ".repeat(20_000);
    let accents = "e\u{301}\u{301}".repeat(5_000);
    let nul = "\0 effusion \u{202e}tfel";
    for text in [long.as_str(), accents.as_str(), nul, "…", "ﬁbrosis", "İ"] {
        let knowledge = explain(text, chest()).knowledge;
        assert!((0.0..=1.0).contains(&knowledge.coverage));
    }
    // A span that does not fit the text is somebody's mistake, not a reason to panic.
    let mention =
        report::Mention { span: 1..2, id: "heart".into(), kind: "place".into(), how: "exact".into(), score: f64::NAN };
    let phrase = Phrase { span: 5..900, mentions: vec![mention], ..bare("é") };
    assert_eq!(link(&phrase, chest()).matches.len(), 1);
}

// --- files that are wrong

/// A copy of the chest folder whose files may be spoilt; removed when dropped.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("knowmvg-knowledge-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for file in FILES {
            fs::copy(format!("{FOLDER}/chest/{file}.json"), folder.join(format!("{file}.json"))).unwrap();
        }
        Self(folder)
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(file), text).unwrap();
    }

    /// Changes entry `id` of a file of entries.
    fn change(&self, file: &str, id: &str, change: impl FnOnce(&mut Value)) {
        let mut value = json(&format!("chest/{file}"));
        change(value.as_array_mut().unwrap().iter_mut().find(|v| v["id"] == id).unwrap());
        self.write(file, value.to_string());
    }

    fn error(&self) -> KnowledgeError {
        KnowledgeBase::from_folder(&self.0).expect_err("the folder is spoilt")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_unspoilt_copy_reads_as_the_built_in_one() {
    let copy = Copy::new("same");
    let kb = KnowledgeBase::from_folder(&copy.0).unwrap();
    assert!(
        kb.findings() == chest().findings() && kb.places() == chest().places() && kb.manifest() == chest().manifest()
    );
}

#[test]
fn contradictions_name_the_file_and_the_id() {
    type Spoil = fn(&mut Value);
    let cases: [(&str, &str, &str, Spoil); 13] = [
        ("findings.json", "atelectasis", "existing node", |v| v["mimics"] = "nothing".split(' ').collect()),
        ("findings.json", "atelectasis", "existing node", |v| v["typical_places"] = "pneumonia".split(' ').collect()),
        ("findings.json", "atelectasis", "typical place", |v| v["typical_places"] = Value::Array(Vec::new())),
        ("findings.json", "lung_opacity", "cycle", |v| v["parent"] = "consolidation".into()),
        ("findings.json", "atelectasis", "name one node", |v| v["name"] = "pneumonias".into()),
        ("findings.json", "atelectasis", "1 to 600 bytes", |v| v["definition"] = "".into()),
        ("findings.json", "atelectasis", "itself", |v| v["implies"] = "atelectasis".split(' ').collect()),
        ("places.json", "left_lung", "cycle", |v| v["parent"] = "left_lower_lobe".into()),
        ("places.json", "left_lung", "on its side", |v| v["region"] = serde_json::json!([0.0, 0.0, 0.47, 1.0])),
        ("places.json", "left_lung", "area", |v| v["region"] = serde_json::json!([0.6, 0.0, 0.6, 1.0])),
        ("places.json", "left_lung_apex", "mirror", |v| v["mirror"] = "heart".into()),
        ("places.json", "left_lung_apex", "counterpart", |v| v["mirror"] = Value::Null),
        ("places.json", "left_lung_apex", "zone", |v| v["region"] = serde_json::json!([0.57, 0.8, 0.88, 1.0])),
    ];
    for (i, (file, id, expected, spoil)) in cases.into_iter().enumerate() {
        let copy = Copy::new(&format!("contradiction{i}"));
        copy.change(file, id, spoil);
        let message = copy.error().to_string();
        assert!(message.contains(file) && message.contains(expected), "case {i}: {message}");
        // A cycle or an ambiguous term is found at another of the nodes that take part in it.
        let is_shared = ["cycle", "name one node", "mirror"].contains(&expected);
        assert!(is_shared || message.contains(&format!("`{id}`")), "case {i}: {message}");
    }
}

#[test]
fn unknown_and_missing_keys_are_errors() {
    let copy = Copy::new("keys");
    copy.change("findings.json", "atelectasis", |v| v["colour"] = "blue".into());
    assert!(matches!(copy.error(), KnowledgeError::Json { .. }));
    assert!(copy.error().to_string().contains("colour"));
    copy.change("findings.json", "atelectasis", |v| drop(v.as_object_mut().unwrap().remove("parent")));
    // `parent` may be null, which is what serde takes an absent key for.
    assert!(KnowledgeBase::from_folder(&copy.0).is_ok());
    copy.change("findings.json", "atelectasis", |v| drop(v.as_object_mut().unwrap().remove("definition")));
    assert!(matches!(copy.error(), KnowledgeError::Json { .. }));
}

#[test]
fn hostile_files_are_refused() {
    let copy = Copy::new("hostile");
    let deep = "[".repeat(100_000);
    for text in ["", "null", "{}", "[1]", &deep, "[{\"id\": 1e999}]", "\u{feff}[]"] {
        copy.write("findings.json", text);
        assert!(matches!(copy.error(), KnowledgeError::Json { .. }), "{}", &text[..text.len().min(20)]);
    }
    copy.write("findings.json", [0xff, 0xfe, 0x00]);
    assert!(matches!(copy.error(), KnowledgeError::Io { .. }));
    copy.write("findings.json", vec![b' '; MAX_FILE_BYTES as usize + 1]);
    assert!(matches!(copy.error(), KnowledgeError::TooLarge { .. }));
    let missing = KnowledgeBase::from_folder(Path::new("no such folder")).unwrap_err();
    assert!(missing.to_string().contains("manifest.json"), "{missing}");
}

#[test]
fn a_folder_for_another_modality_may_be_small() {
    let copy = Copy::new("small");
    copy.write("findings.json", "[]");
    copy.write("places.json", "[]");
    let kb = KnowledgeBase::from_folder(&copy.0).unwrap();
    assert_eq!(link(&bare("pleural effusion"), &kb).finding, None);
    assert_eq!(region("left_lung", &kb), None);
}

// --- against images

/// JSRT says in which lobe and segment each nodule lies, and where the lungs are.
#[test]
fn nodules_lie_where_their_lobe_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus/annotations.jsonl");
    let Ok(text) = fs::read_to_string(path) else {
        return println!("SKIPPED nodules_lie_where_their_lobe_is: {path} is absent");
    };
    let (mut inside, mut total) = (0, 0);
    for image in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).filter(|v| v["source"] == "jsrt")
    {
        let Some(thorax) = lungs(&image) else { continue };
        for finding in image["findings"].as_array().into_iter().flatten() {
            let Some(place) = finding["location"].as_str().and_then(|l| lobe(l, chest())) else { continue };
            let [x0, y0, x1, y1] = corners(&finding["box"]);
            let centre = [(x0 + x1) / 2.0, (y0 + y1) / 2.0];
            let at =
                [(centre[0] - thorax[0]) / (thorax[2] - thorax[0]), (centre[1] - thorax[1]) / (thorax[3] - thorax[1])];
            inside += usize::from(region(&place, chest()).unwrap().contains(at));
            total += 1;
        }
    }
    println!("{inside} of {total} nodules lie in the region of their lobe");
    assert!(total >= 100 && inside as f64 >= 0.85 * total as f64, "{inside} of {total}");
}

fn corners(value: &Value) -> [f64; 4] {
    serde_json::from_value(value.clone()).unwrap()
}

/// The box around both lungs, in fractions of the image.
fn lungs(image: &Value) -> Option<[f64; 4]> {
    let of =
        |label: &str| image["anatomy"].as_array()?.iter().find(|a| a["label"] == label).map(|a| corners(&a["box"]));
    let (l, r) = (of("left lung")?, of("right lung")?);
    Some([l[0].min(r[0]), l[1].min(r[1]), l[2].max(r[2]), l[3].max(r[3])])
}

/// The lobe of `r.upper lobe(S2)`.
fn lobe(location: &str, kb: &KnowledgeBase) -> Option<String> {
    let name = location.split('(').next()?.replace("r.", "right ").replace("l.", "left ");
    kb.lexicon().lookup(&name).iter().find(|e| e.kind == NodeKind::Place).map(|e| e.id.clone())
}
