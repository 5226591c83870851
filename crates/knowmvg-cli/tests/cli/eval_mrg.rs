//! The benchmark of reports without images, on rows made by hand in its format.

use serde_json::{Value, json};

use crate::ran::{Folder, Ran, knowmvg};

/// A row about a made-up image; `x` moves the box.
fn row(patient: usize, side: &str, x: u32) -> Value {
    let report = format!("The radiograph shows an effusion at the {side} base. No fracture is seen.");
    json!({
        "image": format!("{patient:08}_000.png"),
        "box_xywh_640": [x, 420, 150, 160],
        "report": report,
        "phrase": format!("Effusion, position: {side} bottom"),
    })
}

fn text(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn side(patient: usize) -> (&'static str, u32) {
    if patient.is_multiple_of(2) { ("left", 420) } else { ("right", 60) }
}

/// Patients 0 to 39, every second one with an effusion on the left.
fn benchmark() -> Folder {
    let folder = Folder::new();
    let part = |range: std::ops::Range<usize>| {
        range.map(|patient| row(patient, side(patient).0, side(patient).1)).collect::<Vec<_>>()
    };
    folder.write("gpt_train.jsonl", text(&part(0..24)));
    folder.write("gpt_val.jsonl", text(&part(24..32)));
    folder.write("gpt_test.jsonl", text(&part(30..40)));
    folder
}

fn run(folder: &Folder, more: &[&str]) -> Ran {
    knowmvg(["eval", "mrg", &folder.at(""), "--text", "gpt"].iter().chain(more))
}

fn mean_iou(report: &Value, part: usize, system: usize) -> (&str, f64) {
    let scores = &report["parts"][part]["systems"][system];
    (scores["system"].as_str().unwrap(), scores["mean_iou"]["value"].as_f64().unwrap())
}

#[test]
fn a_report_that_tells_the_side_tells_the_box() {
    let folder = benchmark();
    for split in ["train", "val", "test"] {
        let report = run(&folder, &["--split", split, "--json"]).ended_with(0).json();
        let ((blind, with_report), (constant, without)) = (mean_iou(&report, 0, 0), mean_iou(&report, 0, 1));
        assert_eq!((blind, constant), ("blind", "constant"));
        // One box cannot fit both sides, and the report names the side.
        assert!(with_report > 0.9 && without < 0.6, "{split}: {report}");
    }
    let report = run(&folder, &["--json"]).ended_with(0).json();
    // Two of the ten test patients are in val.
    assert_eq!([0, 1, 2].map(|part| report["parts"][part]["n"].as_u64().unwrap()), [10, 8, 8]);
    let table = run(&folder, &[]).ended_with(0).stdout;
    assert!(table.contains("new images (n = 8)") && table.contains("Acc@0.5"), "{table}");
}

#[test]
fn neither_the_box_nor_the_phrase_of_a_test_row_reaches_its_answer() {
    let folder = benchmark();
    run(&folder, &["--out", &folder.at("before")]).ended_with(0);
    let mut rows: Vec<Value> =
        folder.read("gpt_test.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for row in &mut rows {
        row["box_xywh_640"] = json!([10, 10, 40, 40]);
        row["phrase"] = json!("Effusion, position: left top");
    }
    folder.write("gpt_test.jsonl", text(&rows));
    run(&folder, &["--out", &folder.at("after")]).ended_with(0);
    assert_ne!(folder.read("before/items.jsonl"), folder.read("after/items.jsonl"));
    for system in ["blind", "constant"] {
        let [before, after] = ["before", "after"].map(|out| folder.read(&format!("{out}/predictions/{system}.jsonl")));
        assert_eq!(before, after, "{system}");
        assert_eq!(before.lines().count(), 10);
    }
}

#[test]
fn rows_that_are_none_are_named_and_not_quoted() {
    let wrong = [
        ("{\"image\": \"SECRET\"}", "line 1"),
        ("SECRET", "line 1"),
        (r#"{"image":"SECRET","box_xywh_640":[600,0,100,10],"report":"SECRET","phrase":"SECRET"}"#, "640 x 640"),
        (r#"{"image":"SECRET","box_xywh_640":[0,0,-1,10],"report":"SECRET","phrase":"SECRET"}"#, "x0 <= x1"),
        (r#"{"image":"SECRET","box_xywh_640":[5,5,0,10],"report":"SECRET","phrase":"SECRET"}"#, "an area"),
        ("", "found none"),
    ];
    for (line, told) in wrong {
        let folder = benchmark();
        folder.write("gpt_test.jsonl", line);
        let ran = run(&folder, &[]).ended_with(3);
        assert!(ran.stderr.contains("gpt_test.jsonl") && ran.stderr.contains(told), "{ran:?}");
        assert!(!ran.stderr.contains("SECRET"), "{ran:?}");
    }
    let ran = knowmvg(["eval", "mrg", &benchmark().at(""), "--text", "llama"]).ended_with(3);
    assert!(ran.stderr.contains("llama_train.jsonl"), "{ran:?}");
}

#[test]
fn the_model_looks_where_the_image_is_at_hand_and_nowhere_else() {
    let folder = benchmark();
    knowmvg(["synth", &folder.at("corpus"), "--images", "12", "--size", "64"]).ended_with(0);
    // The synthetic images take the place of the benchmark's first ones.
    for file in ["gpt_train.jsonl", "gpt_val.jsonl", "gpt_test.jsonl"] {
        let renamed = folder.read(file).replace("\"image\":\"00", "\"image\":\"").replace("_000.png", ".png");
        folder.write(file, renamed);
    }
    let records = folder.read("corpus/annotations.jsonl");
    let of_test = records.lines().filter(|line| line.contains("\"split\":\"test\"")).count();
    let corpus = folder.at("corpus");
    let report = run(&folder, &["--corpus", &corpus, "--out", &folder.at("out"), "--json"]).ended_with(0).json();
    assert_eq!(report["parts"][0]["n"].as_u64().unwrap() as usize, of_test);
    let (system, iou) = mean_iou(&report, 0, 0);
    assert!(system == "model" && (0.0..=1.0).contains(&iou), "{report}");
    let looked = folder.read("out/predictions/model.jsonl");
    assert_eq!(looked.lines().filter(|line| line.contains("confidence")).count(), of_test, "{looked}");
    // The folder says which model looked, so that another one's answers are not taken for its own.
    let model = |out: &str| {
        let settings: Value = serde_json::from_str(&folder.read(&format!("{out}/settings.json"))).unwrap();
        settings["model"]["sha256"].clone()
    };
    run(&folder, &["--out", &folder.at("blind")]).ended_with(0);
    assert!(model("out").is_string() && model("blind").is_null());
    let unseen = run(&folder, &["--model", "nowhere"]).ended_with(2);
    assert!(unseen.stderr.contains("--corpus"), "{unseen:?}");
}
