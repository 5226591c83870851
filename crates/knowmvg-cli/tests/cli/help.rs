//! What the program says of itself.

use crate::ran::knowmvg;

const VERBS: [&str; 11] =
    ["ground", "sr", "deidentify", "serve", "listen", "knowledge", "info", "train", "eval", "synth", "data"];
const NOTICE: &str = "Research software, not a medical device.";

#[test]
fn the_help_lists_every_verb_and_every_exit_code() {
    let help = knowmvg(["--help"]).ended_with(0).stdout;
    let is_listed = |word: &str| help.lines().any(|line| line.split_whitespace().next() == Some(word));
    assert!(VERBS.iter().all(|verb| is_listed(verb)), "{help}");
    assert!(["0", "1", "2", "3", "4", "5"].iter().all(|code| is_listed(code)), "{help}");
    assert!(help.contains(NOTICE));
}

#[test]
fn the_readme_has_the_same_exit_codes() {
    let help = knowmvg(["--help"]).ended_with(0).stdout;
    let readme = include_str!("../../README.md");
    let codes = readme.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let codes: Vec<(&str, &str)> = codes.filter(|(code, _)| code.parse::<u8>().is_ok()).collect();
    assert_eq!(codes.len(), 6);
    for (code, meaning) in codes {
        assert!(help.contains(&format!("  {code}  {meaning}\n")), "{code} {meaning}");
    }
}

#[test]
fn every_verb_explains_itself_and_fits_a_terminal() {
    for verb in VERBS {
        let ran = knowmvg([verb, "--help"]).ended_with(0);
        assert!(ran.stdout.contains(&format!("Usage: knowmvg {verb}")), "{}", ran.stdout);
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 120), "{}", ran.stdout);
    }
}

#[test]
fn the_version_says_what_the_program_is_not() {
    let version = knowmvg(["--version"]).ended_with(0).stdout;
    assert!(version.starts_with(&format!("knowmvg {}\n", env!("CARGO_PKG_VERSION"))) && version.contains(NOTICE));
}

#[test]
fn wrong_arguments_are_code_2() {
    let wrong: [&[&str]; 8] = [
        &[],
        &["unknown"],
        &["ground"],
        &["ground", "image.png"],
        &["ground", "--batch", "in.jsonl"],
        &["ground", "image.png", "--phrase", " "],
        &["info", "--bench", "everything"],
        &["eval"],
    ];
    for args in wrong {
        let ran = knowmvg(args).ended_with(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{args:?}: {ran:?}");
    }
}

#[test]
fn knowledge_is_printed_for_people_and_as_json() {
    let text = knowmvg(["knowledge", "left pleural effusion"]).ended_with(0).stdout;
    assert!(text.contains("pleural_effusion") && text.contains("left"));
    let json = knowmvg(["knowledge", "left pleural effusion", "--json"]).ended_with(0).json();
    assert_eq!(json["knowledge"]["finding"], "pleural_effusion");
    assert_eq!((&json["assertion"], &json["knowledge"]["side"]), (&"present".into(), &"left".into()));
}
