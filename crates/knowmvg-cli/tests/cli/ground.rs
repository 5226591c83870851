//! One image with the shipped model.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::ran::{Folder, Ran, knowmvg, knowmvg_reading, repository, repository_arg};

const SCHEMA: &str = include_str!("../../../../schemas/grounding.schema.json");
const NOTICE: &str = "Research software, not a medical device. Not for diagnosis.";
/// Of `samples/rg1.dcm`, in pixels.
const SIZE: [f64; 2] = [1841.0, 1955.0];

/// The sample with its report and every file that can be asked for; the image is encoded once for all tests.
struct Everything {
    folder: Folder,
    ran: Ran,
    report: Vec<u8>,
}

fn everything() -> &'static Everything {
    static RUN: OnceLock<Everything> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = Folder::new();
        let (image, report) = (repository_arg("samples/rg1.dcm"), repository_arg("samples/rg1-report.txt"));
        let files = ["out.json", "overlay.png", "boxes.svg", "explained"].map(|name| folder.at(name));
        let [out, overlay, svg, explain] = files.each_ref().map(String::as_str);
        let mut args = vec!["ground", &image, "--report", &report, "--phrase", "left basal mass", "--json"];
        args.extend(["--out", out, "--overlay", overlay, "--svg", svg, "--explain", explain]);
        let ran = knowmvg(args).ended_with(0);
        Everything { folder, ran, report: fs::read(report).expect("the sample is committed") }
    })
}

fn findings(grounding: &Value) -> &Vec<Value> {
    grounding["findings"].as_array().expect("a list of findings")
}

/// Checks that objects have the documented keys and no other; what values may be is tested with the library.
fn has_documented_fields(root: &Value, schema: &Value, value: &Value, path: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).expect("a reference into the schema");
        return has_documented_fields(root, target, value, path);
    }
    if let Some(alternatives) = schema["anyOf"].as_array().filter(|_| !value.is_null()) {
        return has_documented_fields(root, &alternatives[0], value, path);
    }
    if let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object()) {
        let keys = |object: &Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
        let required = schema["required"].as_array().expect("a list of keys").iter();
        let required: BTreeSet<String> = required.map(|key| key.as_str().expect("a key").to_owned()).collect();
        assert!(required.is_subset(&keys(object)) && keys(object).is_subset(&keys(properties)), "{path}: {object:?}");
        object
            .iter()
            .for_each(|(key, value)| has_documented_fields(root, &properties[key], value, &format!("{path}.{key}")));
    }
    for item in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        has_documented_fields(root, &schema["items"], item, path);
    }
}

#[test]
fn the_json_has_the_documented_fields() {
    let grounding = everything().ran.json();
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    has_documented_fields(&schema, &schema, &grounding, "grounding");
    assert_eq!(grounding["notice"], NOTICE);
    assert_eq!([&grounding["image"]["width"], &grounding["image"]["height"]], [1841, 1955]);
    let names: Vec<&str> =
        grounding["anatomy"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["left lung", "right lung", "heart"]);
    assert!(findings(&grounding).len() >= 10);
}

#[test]
fn spans_index_into_the_bytes_of_the_report() {
    let Everything { ran, report, .. } = everything();
    let grounding = ran.json();
    let (from_user, from_report): (Vec<&Value>, Vec<&Value>) =
        findings(&grounding).iter().map(|finding| &finding["phrase"]).partition(|phrase| phrase["span"].is_null());
    for phrase in &from_report {
        let [start, end] = [0, 1].map(|i| phrase["span"][i].as_u64().expect("an offset") as usize);
        assert_eq!(&report[start..end], phrase["text"].as_str().unwrap().as_bytes());
    }
    assert!(from_report.len() >= 10);
    assert_eq!(from_user.iter().map(|phrase| &phrase["text"]).collect::<Vec<_>>(), ["left basal mass"]);
}

#[test]
fn denied_findings_have_no_box_and_boxes_lie_on_the_image() {
    let grounding = everything().ran.json();
    let absent = findings(&grounding).iter().filter(|f| f["assertion"] == "absent").collect::<Vec<_>>();
    assert!(absent.len() >= 3, "the report denies effusion, pneumothorax and more");
    assert!(absent.iter().all(|f| f["boxes"].as_array().unwrap().is_empty() && f["evidence"]["support"] == "none"));
    let boxes: Vec<&Value> = findings(&grounding).iter().flat_map(|f| f["boxes"].as_array().unwrap()).collect();
    assert!(boxes.len() >= 5);
    for scored in boxes {
        let [x0, y0, x1, y1] = std::array::from_fn(|i| scored["box"][i].as_f64().unwrap());
        assert!(0.0 <= x0 && x0 <= x1 && x1 <= SIZE[0] && 0.0 <= y0 && y0 <= y1 && y1 <= SIZE[1], "{scored}");
        assert!((0.0..=1.0).contains(&scored["confidence"].as_f64().unwrap()));
    }
}

/// Phrases of the sample's report and the masses that they mean, by eye (`samples/README.md`).
const MASSES: [(&str, [f64; 4]); 4] = [
    ("right mid zone", [290.0, 610.0, 560.0, 840.0]),
    ("right lower zone", [370.0, 1050.0, 640.0, 1250.0]),
    ("left mid zone", [1250.0, 600.0, 1450.0, 830.0]),
    ("left lower zone", [1340.0, 1080.0, 1570.0, 1270.0]),
];

/// Masses that the shipped model misses: it gives the one in the right mid zone the box of its larger neighbour below. The
/// weights before found all four; README.md and MODEL_CARD.md tell it. To be emptied by better weights, not to grow.
const MISSED: [&str; 1] = ["right mid zone"];

/// The shipped model finds what a person sees: most of each other mass, in a box that is not simply the whole lung.
#[test]
fn boxes_hold_the_masses_of_the_sample_but_for_the_known_miss() {
    let grounding = everything().ran.json();
    for (place, [mx0, my0, mx1, my1]) in MASSES.into_iter().filter(|(place, _)| !MISSED.contains(place)) {
        let is_it = |f: &&Value| f["phrase"]["text"].as_str().unwrap().ends_with(place);
        let finding = findings(&grounding).iter().find(is_it).unwrap_or_else(|| panic!("no phrase for the {place}"));
        let [x0, y0, x1, y1] = std::array::from_fn(|i| finding["boxes"][0]["box"][i].as_f64().unwrap());
        let shared = (x1.min(mx1) - x0.max(mx0)).max(0.0) * (y1.min(my1) - y0.max(my0)).max(0.0);
        let mass = (mx1 - mx0) * (my1 - my0);
        assert!(shared >= 0.6 * mass, "{place}: {} of the mass", shared / mass);
        assert!((x1 - x0) * (y1 - y0) <= 4.0 * mass, "{place}: the box is larger than four masses");
    }
}

#[test]
fn every_file_is_written() {
    let Everything { folder, ran, .. } = everything();
    assert_eq!(folder.read("out.json"), ran.stdout);
    assert!(fs::read(folder.at("overlay.png")).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    let svg = folder.read("boxes.svg");
    assert!(
        svg.starts_with("<svg") && svg.contains("href=\"data:image/png;base64,iVBORw0KGgo") && svg.contains(NOTICE)
    );
}

#[test]
fn every_phrase_is_explained_and_groundable_ones_have_pictures() {
    let Everything { folder, ran, .. } = everything();
    let explained: Value = serde_json::from_str(&folder.read("explained/explain.json")).unwrap();
    let phrases = explained["phrases"].as_array().unwrap();
    let grounding = ran.json();
    assert_eq!(phrases.len(), findings(&grounding).len());
    for (phrase, finding) in phrases.iter().zip(findings(&grounding)) {
        assert_eq!(&phrase["grounding"], finding);
        let pictures: Vec<&str> = phrase["pictures"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
        assert_eq!(pictures.is_empty(), finding["boxes"].as_array().unwrap().is_empty(), "{phrase}");
        for picture in pictures {
            assert!(fs::read(folder.at(&format!("explained/{picture}"))).unwrap().starts_with(b"\x89PNG"));
        }
    }
    let number = 1 + findings(&grounding).iter().position(|f| !f["boxes"].as_array().unwrap().is_empty()).unwrap();
    for map in ["prior", "global"] {
        assert!(Path::new(&folder.at(&format!("explained/{number:02}-{map}.png"))).is_file(), "{number} {map}");
    }
}

#[test]
fn a_report_from_standard_input_gives_a_table() {
    let report = "Cardiomegaly. No pneumothorax.";
    let image = repository_arg("samples/rg1.dcm");
    let ran = knowmvg_reading(["ground", &image, "--report", "-"], report.as_bytes()).ended_with(0);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].contains("phrase") && lines[0].contains("confidence"), "{ran:?}");
    let line = |word: &str| lines.iter().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {ran:?}"));
    assert!(line("neumothorax").ends_with("absent – not boxed"));
    assert!(line("ardiomegaly").contains("present"));
    assert!(line("anatomy:").contains("heart"));
    assert_eq!(lines.last(), Some(&NOTICE));
}

#[test]
fn standard_error_has_no_word_of_the_report() {
    let ran = knowmvg_reading(["ground", &repository_arg("samples/rg1.dcm"), "--report", "-"], b"SECRET words only.");
    let ran = ran.ended_with(0);
    assert!(ran.stderr.contains("warning: ") && !ran.stderr.contains("SECRET"), "{ran:?}");
    assert!(ran.stdout.contains("no finding"), "{ran:?}");
}

#[test]
fn the_model_says_what_it_is() {
    assert!(repository("models/knowmvg.config.json").is_file(), "the model is part of the repository");
    let info = knowmvg(["info", "--json"]).ended_with(0).json();
    assert_eq!((&info["notice"], info["model"]["sha256"].as_str().map(str::len)), (&NOTICE.into(), Some(64)));
    assert!(info["knowledge"]["findings"].as_u64().unwrap() > 20 && info["threads"].as_u64().unwrap() >= 1);
    let text = knowmvg(["info"]).ended_with(0).stdout;
    assert!(text.contains(info["model"]["sha256"].as_str().unwrap()) && text.contains(NOTICE));
}

#[test]
fn the_benchmark_prints_the_line_that_is_documented() {
    let line = knowmvg(["info", "--bench", "tower", "--repeats", "1", "--json"]).ended_with(0).json();
    let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = ["implementation", "version", "side", "threads", "milliseconds", "median_ms", "class_token"];
    assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(documented));
    assert_eq!((&line["implementation"], &line["side"]), (&"knowmvg".into(), &448.into()));
    assert_eq!([&line["milliseconds"], &line["class_token"]].map(|list| list.as_array().unwrap().len()), [1, 8]);
    assert!(line["median_ms"].as_f64().unwrap() > 0.0);
}

/// Lungs and heart are found in a frame of their own; asked for by name, they must be what `anatomy` says.
#[test]
fn structures_asked_for_are_the_structures_found() {
    let image = repository_arg("samples/rg1.dcm");
    let names = ["left lung", "right lung", "heart"];
    let args = ["ground", &image, "--phrase", names[0], "--phrase", names[1], "--phrase", names[2], "--json"];
    let grounding = knowmvg(args).ended_with(0).json();
    for (index, name) in names.into_iter().enumerate() {
        let numbers = |list: &Value| list.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
        let [asked, found] =
            [&findings(&grounding)[index]["boxes"][0], &grounding["anatomy"][index]].map(|b| numbers(&b["box"]));
        let apart = asked.iter().zip(&found).map(|(a, f)| (a - f).abs()).fold(0.0, f64::max);
        assert!(apart < 0.5, "{name}: {asked:?} and {found:?}");
    }
}
