//! Items and the answers of every system on a made-up corpus.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::ran::{Folder, Ran, knowmvg};

const SYSTEMS: [&str; 6] = ["model", "blind-on-lungs", "blind", "constant", "shuffled-images", "shuffled-knowledge"];

fn corpus() -> Folder {
    let folder = Folder::new();
    knowmvg(["synth", &folder.at("corpus"), "--images", "24", "--size", "64"]).ended_with(0);
    folder
}

fn ask(folder: &Folder, out: &str, more: &[&str]) -> Ran {
    let (corpus, out) = (folder.at("corpus"), folder.at(out));
    let args = ["eval", &corpus, "--split", "train", "--limit", "2", "--out", &out];
    knowmvg(args.iter().chain(more))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON a line")).collect()
}

fn answers(folder: &Folder, out: &str, system: &str) -> String {
    folder.read(&format!("{out}/predictions/{system}.jsonl"))
}

#[test]
fn every_system_answers_every_item_and_goes_on_where_it_stopped() {
    let folder = corpus();
    let more = ["--task", "class", "--anatomy"];
    ask(&folder, "out", &more).ended_with(0);
    let items = lines(&folder.read("out/items.jsonl"));
    let ids: BTreeSet<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), items.len());
    let has = |wanted: &dyn Fn(&Value) -> bool| items.iter().any(wanted);
    assert!(has(&|item| item["text"] == "left lung") && has(&|item| item["targets"][0]["boxes"] == json!([])));
    for system in SYSTEMS {
        let found = lines(&answers(&folder, "out", system));
        let answered: BTreeSet<&str> = found.iter().map(|row| row["item"].as_str().unwrap()).collect();
        assert_eq!(answered, ids, "{system}");
        assert!(found.iter().all(|row| row["findings"].as_array().unwrap().len() == 1), "{system}");
    }
    let heat = &lines(&answers(&folder, "out", "model"))[0]["findings"][0]["heat"];
    let largest = heat["values"].as_array().unwrap().iter().filter_map(Value::as_u64).max();
    assert_eq!((&heat["cols"], largest), (&json!(32), Some(255)));
    assert_ne!(answers(&folder, "out", "shuffled-images"), answers(&folder, "out", "model"));

    scored_again_and_compared(&folder, items.len());

    // The last answer of the model was being written when the power went.
    let whole = answers(&folder, "out", "model");
    folder.write("out/predictions/model.jsonl", &whole[..whole.len() - 9]);
    let ran = ask(&folder, "out", &more).ended_with(0);
    assert!(ran.stderr.contains("1 new answers"), "{ran:?}");
    assert_eq!(answers(&folder, "out", "model"), whole);

    let ran = ask(&folder, "out", &["--task", "class", "--anatomy", "--seed", "1"]).ended_with(3);
    assert!(ran.stderr.contains("settings.json") && ran.stderr.contains("--out"), "{ran:?}");
}

/// The files alone give the same scores, and a system is no better than itself.
fn scored_again_and_compared(folder: &Folder, items: usize) {
    let first = folder.read("out/scores.json");
    let scores = knowmvg(["eval", "score", &folder.at("out"), "--json"]).ended_with(0).json();
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap(), scores);
    assert_eq!(scores.as_array().unwrap().len(), SYSTEMS.len());
    assert!(scores.as_array().unwrap().iter().all(|system| system["parts"][0]["counts"]["items"] == items));
    let of = |system: &str| folder.at(&format!("out/predictions/{system}.jsonl"));
    let compare = |a: &str, b: &str| knowmvg(["eval", "compare", &of(a), &of(b), "--json"]).ended_with(0).json();
    let iou = |compared: &Value| compared["parts"][0]["differences"]["mean_iou"]["difference"]["value"].as_f64();
    assert_eq!(iou(&compare("model", "model")), Some(0.0));
    assert_ne!(iou(&compare("model", "blind")), Some(0.0));
}

#[test]
fn what_is_true_of_an_image_does_not_reach_the_answers_about_its_report() {
    let folder = corpus();
    let more = ["--task", "report"];
    ask(&folder, "before", &more).ended_with(0);
    move_boxes(&folder, &folder.read("before/items.jsonl"));
    ask(&folder, "after", &more).ended_with(0);
    let [before, after] = ["before", "after"].map(|out| lines(&folder.read(&format!("{out}/items.jsonl"))));
    assert!(before.iter().zip(&after).all(|(b, a)| b["text"] == a["text"] && b["targets"] != a["targets"]));
    assert!(before.iter().all(|item| !item["targets"].as_array().unwrap().is_empty()));
    // The constant box is learnt from other images too, so only systems with fixed weights must not move.
    for system in ["model", "shuffled-images", "shuffled-knowledge"] {
        assert_eq!(answers(&folder, "before", system), answers(&folder, "after", system), "{system}");
        assert!(lines(&answers(&folder, "before", system)).iter().any(|row| row["findings"] != json!([])));
    }
}

/// Moves the boxes of the images that were asked about, by too little for other words.
fn move_boxes(folder: &Folder, items: &str) {
    let asked: BTreeSet<String> = lines(items).iter().map(|item| item["image"].as_str().unwrap().to_owned()).collect();
    let mut records = lines(&folder.read("corpus/annotations.jsonl"));
    for record in records.iter_mut().filter(|record| asked.contains(record["id"].as_str().unwrap())) {
        for labelled in record["findings"].as_array_mut().unwrap() {
            let corner = labelled["box"][0].as_f64().unwrap();
            labelled["box"][0] = json!(corner + 1e-4);
        }
    }
    folder.write("corpus/annotations.jsonl", records.iter().map(|record| format!("{record}\n")).collect::<String>());
}

#[test]
fn phrases_and_questions_have_their_truth() {
    let folder = corpus();
    ask(&folder, "phrases", &["--task", "phrase", "--text", "zone"]).ended_with(0);
    let phrases = lines(&folder.read("phrases/items.jsonl"));
    let boxes = |item: &Value| item["targets"][0]["boxes"].as_array().unwrap().len();
    assert!(phrases.iter().all(|item| item["level"] == "zone" && boxes(item) <= 1));
    assert!(phrases.iter().any(|item| boxes(item) == 1) && phrases.iter().any(|item| boxes(item) == 0));

    ask(&folder, "questions", &["--task", "vqa"]).ended_with(0);
    let questions = lines(&folder.read("questions/items.jsonl"));
    let (yes, no) = (json!("yes"), json!("no"));
    for item in &questions {
        let is_there = item["text"].as_str().unwrap().starts_with("Is there");
        assert_eq!(is_there, item["answer"] == yes || item["answer"] == no, "{item}");
        assert_eq!(boxes(item) == 0, item["answer"] == no, "{item}");
    }
    let answered = lines(&answers(&folder, "questions", "model"));
    assert!(answered.iter().all(|row| !row["answer"].as_str().unwrap().is_empty()));
}

#[test]
fn what_cannot_be_asked_is_told() {
    let folder = corpus();
    ask(&folder, "out", &["--task", "phrase", "--text", "report"]).ended_with(2);
    let ran = ask(&folder, "out", &["--task", "phrase", "--source", "nowhere"]).ended_with(3);
    assert!(ran.stderr.contains("found none") && ran.stderr.contains("--source"), "{ran:?}");
    folder.write("corpus/annotations.jsonl", "{\"id\": \"SECRET\"}\n");
    let ran = ask(&folder, "out", &["--task", "phrase"]).ended_with(3);
    assert!(ran.stderr.contains("line 1") && !ran.stderr.contains("SECRET"), "{ran:?}");

    for text in ["SECRET\n", "{\"id\":\"SECRET\"}\n"] {
        folder.write("items.jsonl", text);
        let ran = knowmvg(["eval", "score", &folder.at("")]).ended_with(3);
        assert!(ran.stderr.contains("items.jsonl") && !ran.stderr.contains("SECRET"), "{ran:?}");
    }
}

#[test]
fn damaged_reports_are_asked_at_every_severity_and_shown_on_the_page() {
    let folder = corpus();
    ask(&folder, "out", &["--task", "report", "--noise", "typos", "--noise", "wrong-side"]).ended_with(0);
    let items = lines(&folder.read("out/items.jsonl"));
    let levels: BTreeSet<&str> = items.iter().map(|item| item["level"].as_str().unwrap()).collect();
    assert_eq!(levels.len(), 2 * 5);
    let at = |level: &str| items.iter().find(|item| item["level"] == level).unwrap();
    let (clean, damaged) = (at("noise-typos-0"), at("noise-typos-4"));
    assert_ne!(clean["text"], damaged["text"]);
    assert_eq!(clean["targets"], damaged["targets"]);
    assert_eq!(clean["text"], at("noise-wrong-side-0")["text"]);
    let page = folder.read("out/page.html");
    assert!(page.contains("<svg") && page.contains("not a medical device") && !page.contains("http://"), "{page}");

    // The same page comes out of the files alone, but for the pictures.
    let scores = folder.read("out/scores.json");
    knowmvg(["eval", "score", &folder.at("out")]).ended_with(0);
    assert_eq!(folder.read("out/scores.json"), scores);
    assert!(folder.read("out/page.html").len() <= page.len());

    let ran = ask(&folder, "other", &["--task", "report", "--noise", "hail"]).ended_with(2);
    assert!(ran.stderr.contains("wrong-side"), "{ran:?}");
}
