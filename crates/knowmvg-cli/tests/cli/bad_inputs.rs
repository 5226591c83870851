//! Files that are not what they should be: a code, the file, the reason and a fix, and nothing of what is inside.

use std::fs;

use crate::ran::{Folder, Ran, knowmvg, repository, repository_arg};

const SAMPLE: &str = "samples/rg1.dcm";

/// Asserts the code, and that the message names the file and a fix.
#[track_caller]
fn refused(ran: Ran, code: i32, file: &str) -> Ran {
    let ran = ran.ended_with(code);
    assert!(ran.stdout.is_empty(), "{ran:?}");
    assert!(
        ran.stderr.starts_with("error: ") && ran.stderr.contains(file) && ran.stderr.contains("  fix: "),
        "{ran:?}"
    );
    ran
}

#[test]
fn no_hostile_file_is_an_image_or_gets_quoted() {
    let messages = fs::read_to_string(repository("fixtures/hostile/messages.txt")).expect("the fixtures are committed");
    assert!(messages.lines().count() >= 60);
    for line in messages.lines() {
        let (name, message) = line.split_once(": ").expect("a name and a message");
        let ran = knowmvg(["ground", &repository_arg(&format!("fixtures/hostile/{name}")), "--phrase", "effusion"]);
        let ran = refused(ran, 3, name);
        assert!(ran.stderr.contains(message), "{name}: {ran:?}");
        assert!(!ran.stderr.contains("CANARY"), "{name}: {ran:?}");
    }
}

#[test]
fn an_image_that_is_absent_is_code_3() {
    let ran = knowmvg(["ground", "absent.png", "--phrase", "effusion"]).ended_with(3);
    assert!(ran.stderr.contains("absent.png"), "{ran:?}");
}

#[test]
fn a_report_that_is_no_utf8_is_told_where_and_not_what() {
    let folder = Folder::new();
    let report = folder.write("report.txt", b"SECRET words \xe9t\xe9");
    let ran = refused(knowmvg(["ground", &repository_arg(SAMPLE), "--report", &report]), 3, &report);
    assert!(ran.stderr.contains("offset 13") && !ran.stderr.contains("SECRET"), "{ran:?}");
}

#[test]
fn a_report_has_a_largest_size() {
    let folder = Folder::new();
    let report = folder.write("report.txt", vec![b'a'; (1 << 20) + 1]);
    let ran = knowmvg(["ground", &repository_arg(SAMPLE), "--report", &report]).ended_with(3);
    assert!(ran.stderr.contains("1048576") && ran.stderr.contains(&report), "{ran:?}");
    let ran = knowmvg(["ground", &repository_arg(SAMPLE), "--report", &folder.at("absent.txt")]).ended_with(3);
    assert!(ran.stderr.contains("absent.txt"), "{ran:?}");
}

#[test]
fn a_model_that_is_missing_or_broken_is_code_4() {
    let folder = Folder::new();
    let image = repository_arg(SAMPLE);
    let ground = |model: &str| knowmvg(["ground", &image, "--phrase", "effusion", "--model", model]);
    refused(ground(&folder.at("")), 4, "knowmvg.config.json");
    folder.write("knowmvg.config.json", "{}");
    refused(ground(&folder.at("")), 4, "dinov2-small");
    for verb in [&["info"][..], &["info", "--bench", "tower"], &["info", "--bench", "ground"]] {
        let args = verb.iter().copied().chain(["--model", "absent-folder"]);
        refused(knowmvg(args), 4, "absent-folder");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_code_1() {
    let folder = Folder::new();
    let output = folder.at("absent/result.json");
    let ran = knowmvg(["ground", &repository_arg(SAMPLE), "--phrase", "effusion", "--out", &output]);
    refused(ran, 1, &output);
}

#[test]
fn recipes_and_corpora_that_are_none_are_code_3() {
    let folder = Folder::new();
    assert!(knowmvg(["train", "absent.toml"]).ended_with(3).stderr.contains("absent.toml"));
    let recipe = folder.write("recipe.toml", "seed = \"one\"\n");
    refused(knowmvg(["train", &recipe]), 3, &recipe);
    refused(knowmvg(["eval", &folder.at("")]), 3, "annotations.jsonl");
    folder.write("annotations.jsonl", "{\"id\": 3}\n");
    refused(knowmvg(["eval", &folder.at("")]), 3, "line 1");
}

#[test]
fn a_corpus_is_not_overwritten_and_its_options_have_limits() {
    let folder = Folder::new();
    let corpus = folder.at("corpus");
    let synth = |more: &[&str]| knowmvg(["synth", &corpus].iter().chain(more));
    refused(synth(&["--images", "2"]), 2, "images");
    refused(synth(&["--size", "1"]), 2, "pixels");
    assert!(synth(&["--images", "3", "--size", "64"]).ended_with(0).stdout.contains("corpus"));
    let before = folder.read("corpus/annotations.jsonl");
    refused(synth(&["--images", "4", "--size", "64"]), 1, &corpus);
    assert_eq!(folder.read("corpus/annotations.jsonl"), before);
    assert_eq!(before.lines().count(), 3);
}
