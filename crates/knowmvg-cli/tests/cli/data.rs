//! Annotations are converted and checked from the command line.

use serde_json::Value;

use crate::ran::{Folder, knowmvg, repository_arg};

fn file(name: &str) -> String {
    repository_arg(&format!("crates/knowmvg-data/tests/files/{name}"))
}

#[test]
fn formats_are_listed() {
    let table = knowmvg(["data", "formats"]).ended_with(0).stdout;
    let list = knowmvg(["data", "formats", "--json"]).ended_with(0).json();
    let formats = list.as_array().expect("a list");
    assert_eq!((formats.len(), table.lines().count()), (15, 15));
    let guide = include_str!("../../../../docs/data-formats.md");
    for format in formats {
        let name = format["name"].as_str().expect("a name");
        assert!(table.contains(name) && guide.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_conversion_says_what_is_lost_and_overwrites_nothing() {
    let folder = Folder::new();
    let out = folder.at("coco.json");
    let convert = || knowmvg(["data", "convert", &file("corpus"), &out, "--to", "coco"]);
    let ran = convert().ended_with(0);
    for lost in ["1 reports", "1 patients of images", "1 answers", "1 statements without a box"] {
        assert!(ran.stderr.contains(&format!("coco does not hold {lost}")), "{lost}: {ran:?}");
    }
    let written: Value = serde_json::from_str(&folder.read("coco.json")).expect("JSON");
    assert_eq!(written["annotations"][0]["bbox"], serde_json::json!([20.0, 20.0, 40.0, 20.0]));
    let ran = convert().ended_with(1);
    assert!(ran.stderr.contains("does not exist yet"), "{ran:?}");
}

#[test]
fn sizes_come_from_the_images() {
    let folder = Folder::new();
    let corpus = folder.at("corpus");
    knowmvg(["synth", &corpus, "--images", "3", "--size", "64"]).ended_with(0);
    knowmvg(["data", "convert", &corpus, &folder.at("yolo"), "--to", "yolo"]).ended_with(0);
    let back = |more: &[&str]| {
        let args = ["data", "convert", &folder.at("yolo"), &folder.at("coco.json"), "--to", "coco"];
        knowmvg(args.iter().chain(more))
    };
    assert!(back(&[]).ended_with(1).stderr.contains("--images"));
    back(&["--images", &corpus]).ended_with(0);
    let written: Value = serde_json::from_str(&folder.read("coco.json")).expect("JSON");
    assert_eq!((&written["images"][0]["width"], &written["images"][0]["height"]), (&64.into(), &64.into()));
    let direct = folder.at("direct.json");
    knowmvg(["data", "convert", &corpus, &direct, "--to", "coco"]).ended_with(0);
    let direct: Value = serde_json::from_str(&folder.read("direct.json")).expect("JSON");
    let first = |document: &Value| document["annotations"][0]["bbox"].as_array().expect("a box").clone();
    for (a, b) in first(&written).iter().zip(&first(&direct)) {
        assert!((a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-9, "{a} {b}");
    }
}

#[test]
fn a_check_ends_with_0_or_1() {
    let folder = Folder::new();
    knowmvg(["synth", &folder.at("corpus"), "--images", "4", "--size", "64"]).ended_with(0);
    let ran = knowmvg(["data", "check", &folder.at("corpus")]).ended_with(0);
    assert!(ran.stdout.contains("4 image files read") && ran.stdout.contains("nothing wrong"), "{ran:?}");
    let ran = knowmvg(["data", "check", &file("corpus"), "--json"]).ended_with(1);
    assert_eq!(ran.json()["counts"], serde_json::json!({ "missing_image": 2 }));
    let (test, other) = (file("mrg-pth/single_test.pth"), file("mrg-pth/protocol4_val.pkl"));
    let ran = knowmvg(["data", "check", &test, "--against", &other]).ended_with(1);
    assert!(ran.stdout.contains("share 2 images and 2 patients"), "{ran:?}");
}

#[test]
fn broken_files_are_code_3_and_not_quoted() {
    let broken = file("hostile/rows.mrg.jsonl");
    let ran = knowmvg(["data", "convert", &broken, "out", "--from", "mrg-jsonl", "--to", "coco"]).ended_with(3);
    assert!(ran.stderr.contains("row 1 of") && ran.stderr.contains("fix: "), "{ran:?}");
    let calls = knowmvg(["data", "check", &file("mrg-pth/calls.pth")]).ended_with(3);
    assert!(calls.stderr.contains("GLOBAL, which imports"), "{calls:?}");
    let rows = knowmvg(["data", "check", &broken, "--from", "mrg-jsonl"]).ended_with(1);
    assert!(![&ran, &rows].iter().any(|ran| ran.stdout.contains("SECRET") || ran.stderr.contains("SECRET")));
}
