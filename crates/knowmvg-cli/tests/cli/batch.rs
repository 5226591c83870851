//! Many rows: order, resuming, bad rows.

use serde_json::{Value, json};

use crate::ran::{Folder, Ran, knowmvg};

/// A folder with three made-up radiographs below `corpus/`.
fn folder_with_images() -> Folder {
    let folder = Folder::new();
    knowmvg(["synth", &folder.at("corpus"), "--images", "3", "--size", "128"]).ended_with(0);
    folder
}

fn image(index: usize) -> String {
    format!("corpus/images/synthetic/{index:06}.png")
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn good_rows() -> Vec<Value> {
    vec![
        json!({"id": "a", "image": image(0), "report": "Cardiomegaly. No pneumothorax."}),
        json!({"id": "b", "image": image(0), "phrases": ["left pleural effusion", "right upper lobe nodule"]}),
        json!({"id": "c", "image": image(1), "phrases": ["consolidation"], "site": "a key that is not ours"}),
    ]
}

fn run(folder: &Folder) -> Ran {
    knowmvg(["ground", "--batch", &folder.at("in.jsonl"), "--out", &folder.at("out.jsonl")])
}

fn results(folder: &Folder) -> Vec<Value> {
    let text = folder.read("out.jsonl");
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).expect("a grounding a line")).collect()
}

fn ids(results: &[Value]) -> Vec<&str> {
    results.iter().map(|row| row["id"].as_str().expect("an id")).collect()
}

#[test]
fn rows_come_back_in_order_and_are_done_once() {
    let folder = folder_with_images();
    folder.write("in.jsonl", lines(&good_rows()));
    let ran = run(&folder).ended_with(0);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("3 grounded, 0 already there, 0 skipped"), "{ran:?}");
    let first = results(&folder);
    assert_eq!(ids(&first), ["a", "b", "c"]);
    assert_eq!(first[1]["findings"].as_array().unwrap().len(), 2);
    assert_eq!(first[0]["image"]["sha256"], first[1]["image"]["sha256"]);
    assert_ne!(first[0]["image"]["sha256"], first[2]["image"]["sha256"]);
    let absent =
        first[0]["findings"].as_array().unwrap().iter().filter(|f| f["assertion"] == "absent").collect::<Vec<_>>();
    assert!(!absent.is_empty() && absent.iter().all(|f| f["boxes"].as_array().unwrap().is_empty()));

    let ran = run(&folder).ended_with(0);
    assert!(ran.stderr.contains("0 grounded, 3 already there, 0 skipped"), "{ran:?}");
    assert_eq!(results(&folder), first);
}

#[test]
fn an_interrupted_batch_goes_on_where_it_stopped() {
    let folder = folder_with_images();
    folder.write("in.jsonl", lines(&good_rows()));
    run(&folder).ended_with(0);
    let whole = folder.read("out.jsonl");
    let first = whole.lines().next().unwrap().to_owned();
    // The second line was being written when the power went.
    folder.write("out.jsonl", &whole[..first.len() + 1 + 40]);
    let ran = run(&folder).ended_with(0);
    assert!(ran.stderr.contains("2 grounded, 1 already there, 0 skipped"), "{ran:?}");
    let again = folder.read("out.jsonl");
    assert_eq!(again.lines().next(), Some(first.as_str()));
    assert_eq!(ids(&results(&folder)), ["a", "b", "c"]);
}

#[test]
fn bad_rows_are_named_and_skipped() {
    let folder = folder_with_images();
    let secret = "SECRET effusion";
    let rows = [
        json!({"id": "good", "image": image(0), "phrases": ["effusion"]}).to_string(),
        json!({"id": "lost", "image": "absent.png", "report": secret}).to_string(),
        "not JSON, SECRET".to_owned(),
        json!({"id": "mute", "image": image(0)}).to_string(),
        String::new(),
        json!({"id": "good", "image": image(0), "report": secret}).to_string(),
        json!({"id": 7, "image": image(0), "report": secret}).to_string(),
        // Without a line break at the end.
        json!({"id": "last", "image": image(0), "phrases": ["nodule"]}).to_string(),
    ];
    folder.write("in.jsonl", rows.join("\n"));
    let ran = run(&folder).ended_with(5);
    assert_eq!(ids(&results(&folder)), ["good", "last"]);
    for told in ["line 2 (id lost)", "line 3 was", "line 4 (id mute)", "line 6 (id good)", "line 7 was", "5 skipped"] {
        assert!(ran.stderr.contains(told), "{told}: {ran:?}");
    }
    assert!(!ran.stderr.contains("SECRET") && ran.stderr.contains("absent.png"), "{ran:?}");
}

#[test]
fn a_file_of_something_else_is_not_written_to() {
    let folder = folder_with_images();
    let rows = lines(&good_rows());
    folder.write("in.jsonl", &rows);
    folder.write("out.jsonl", &rows);
    let ran = run(&folder).ended_with(3);
    assert!(ran.stderr.contains("line 1") && !ran.stderr.contains("Cardiomegaly"), "{ran:?}");
    assert_eq!(folder.read("out.jsonl"), rows);
    let ran = knowmvg(["ground", "--batch", "absent.jsonl", "--out", &folder.at("new.jsonl")]).ended_with(3);
    assert!(ran.stderr.contains("absent.jsonl") && !std::path::Path::new(&folder.at("new.jsonl")).exists());
}
