//! Literate cases in `tests/phrases/*.md`, and laws that hold for every text.
//!
//! A case is a heading, a block `report` (or `query`), and a block `phrases` with one line for each expected phrase:
//! `<finding> <assertion> key=value ...`, where `-` is nothing, `places` are joined by `+`, and `text="..."` comes last.
//! Keys that a line leaves out are not compared.

use std::path::Path;

use knowmvg::knowledge::KnowledgeBase;
use knowmvg::report::{MAX_REPORT_BYTES, Phrase, main_finding, phrases, query};
use proptest::prelude::*;

struct Case {
    name: String,
    is_query: bool,
    text: String,
    expected: Vec<String>,
}

/// Blocks between fences, under the heading before them.
fn cases(markdown: &str) -> Vec<Case> {
    let (mut found, mut name): (Vec<Case>, String) = (Vec::new(), String::new());
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            name = heading.to_owned();
        }
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
        match kind {
            "phrases" => {
                found.last_mut().expect("a report before its phrases").expected =
                    block.iter().map(|l| l.to_string()).collect()
            }
            "report" | "query" => {
                let (name, text) = (name.clone(), block.join("\n"));
                found.push(Case {
                    name,
                    is_query: kind == "query",
                    text,
                    expected: vec!["no block of phrases".into()],
                });
            }
            other => panic!("expected report, query or phrases, found {other}"),
        }
    }
    found
}

/// The value of `key` in `phrase`, as the cases write it.
fn value(phrase: &Phrase, key: &str) -> String {
    let lower = |debug: String| debug.to_lowercase();
    let value = match key {
        "finding" => phrase.finding.clone(),
        "assertion" => Some(lower(format!("{:?}", phrase.assertion))),
        "side" => phrase.side.map(|s| lower(format!("{s:?}"))),
        "zone" => phrase.zone.map(|z| lower(format!("{z:?}"))),
        "places" => Some(phrase.places.join("+")).filter(|p| !p.is_empty()),
        "severity" => phrase.severity.clone(),
        "size" => phrase.size.as_ref().map(|s| s.replace(' ', "_")),
        "number" => phrase.number.clone(),
        "change" => phrase.change.clone(),
        "section" => phrase.section.clone(),
        "how" => phrase.mentions.iter().find(|m| m.kind == "finding").map(|m| m.how.clone()),
        "text" => Some(phrase.text.clone()),
        other => panic!("no such key: {other}"),
    };
    value.unwrap_or_else(|| "-".to_owned())
}

/// The keys of an expected line with their values.
fn wanted(line: &str) -> Vec<(&str, &str)> {
    let (line, text) = line.split_once(" text=").map_or((line, None), |(l, t)| (l, Some(t.trim_matches('"'))));
    let mut words = line.split_whitespace();
    let positional = ["finding", "assertion"].into_iter().zip(words.by_ref().take(2)).collect::<Vec<_>>();
    let keyed = words.map(|w| w.split_once('=').expect("key=value"));
    positional.into_iter().chain(keyed).chain(text.map(|t| ("text", t))).collect()
}

fn difference(case: &Case) -> Option<String> {
    let kb = KnowledgeBase::chest();
    let found = if case.is_query { vec![query(&case.text, kb)] } else { phrases(&case.text, kb) };
    let is_same = |(phrase, line): (&Phrase, &String)| wanted(line).iter().all(|(k, v)| value(phrase, k) == *v);
    let agrees = found.len() == case.expected.len() && found.iter().zip(&case.expected).all(is_same);
    let keys =
        ["finding", "assertion", "side", "zone", "places", "severity", "size", "number", "change", "section", "text"];
    let shown = |p: &Phrase| keys.map(|k| format!("{k}={}", value(p, k))).join(" ");
    let found: Vec<String> = found.iter().map(shown).collect();
    (!agrees).then(|| format!("{}\n  expected {:#?}\n  found    {found:#?}", case.name, case.expected))
}

#[test]
fn reports_give_the_phrases_of_the_literate_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/phrases");
    let files = std::fs::read_dir(folder).expect("the folder of cases").map(|f| f.expect("a file").path());
    let all: Vec<Case> = files.flat_map(|f| cases(&std::fs::read_to_string(f).expect("UTF-8"))).collect();
    let differences: Vec<String> = all.iter().filter_map(difference).collect();
    assert!(all.len() >= 40, "expected at least 40 cases, found {}", all.len());
    assert!(differences.is_empty(), "{} of {} cases differ:\n{}", differences.len(), all.len(), differences.join("\n"));
}

/// Spans lie on character boundaries within the text, and hold the phrase's own words.
fn check_spans(text: &str) {
    let found = phrases(text, KnowledgeBase::chest());
    for phrase in &found {
        assert_eq!(text.get(phrase.span.clone()), Some(phrase.text.as_str()));
        assert!(phrase.finding.is_some() && !phrase.text.is_empty());
        for mention in &phrase.mentions {
            assert!(text.get(mention.span.clone()).is_some_and(|t| !t.is_empty()));
            assert!((0.0..=1.0).contains(&mention.score));
        }
    }
    let asked = query(text, KnowledgeBase::chest());
    assert_eq!(text.get(asked.span.clone()), Some(asked.text.as_str()));
    assert_eq!(
        main_finding(&found).is_some(),
        found.iter().any(|p| p.assertion != knowmvg::grounding::Assertion::Absent)
    );
}

/// Words that rules care about, between characters that they may not expect.
fn report_like() -> impl Strategy<Value = String> {
    let words = [
        "no",
        "effusion",
        "left",
        "right upper",
        "and",
        "or",
        ",",
        ".",
        "\n\n",
        "FINDINGS:",
        "greater than",
        "mass",
        "3 cm x",
        "such as",
        "heart",
        "enlarged",
        "?",
        "Erguß",
        "ﬁ",
        "é\u{301}",
        "…",
        "🫁",
        "the",
        "lobe",
        "possible",
        "RLL",
        "history of",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..60).prop_map(|w| w.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in "\\PC{0,200}") {
        check_spans(&text);
    }

    #[test]
    fn any_characters_are_read(text in any::<String>()) {
        check_spans(&text);
    }

    #[test]
    fn any_order_of_words_is_read(text in report_like()) {
        check_spans(&text);
    }
}

#[test]
fn long_texts_are_read_up_to_the_limit_and_in_linear_time() {
    for piece in ["no effusion, ", "left lower lobe ", "(", "3 x ", "é", "such as mass or ", "\n-", "."] {
        let text = piece.repeat(2 * MAX_REPORT_BYTES / piece.len());
        let start = std::time::Instant::now();
        let found = phrases(&text, KnowledgeBase::chest());
        assert!(found.iter().all(|p| p.span.end <= MAX_REPORT_BYTES));
        // Quadratic work on 64,000 tokens would take minutes; the bound leaves room for slow machines.
        assert!(start.elapsed().as_secs() < 20, "{piece:?} took {:?}", start.elapsed());
    }
}

/// Reports that language models wrote about one named finding; the shares are the requirement, not what is reached.
#[test]
fn main_findings_of_reports_by_language_models() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/mrg-chestx-ray8"));
    if !folder.exists() {
        return println!("SKIPPED main_findings_of_reports_by_language_models: {} is absent", folder.display());
    }
    let classes = [
        ("Atelectasis", "atelectasis"),
        ("Cardiomegaly", "cardiomegaly"),
        ("Effusion", "pleural_effusion"),
        ("Infiltrate", "infiltrate"),
        ("Mass", "pulmonary_mass"),
        ("Nodule", "pulmonary_nodule"),
        ("Pneumonia", "pneumonia"),
        ("Pneumothorax", "pneumothorax"),
    ];
    for (file, required) in [("gpt_test.jsonl", 0.97), ("llama_test.jsonl", 0.95)] {
        let text = std::fs::read_to_string(folder.join(file)).expect("UTF-8");
        let samples: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        let is_right = |sample: &&serde_json::Value| {
            let found = phrases(sample["report"].as_str().expect("a report"), KnowledgeBase::chest());
            let class = sample["phrase"].as_str().expect("a phrase").split(',').next().unwrap_or_default();
            let wanted = classes.iter().find(|(name, _)| *name == class).map(|(_, id)| *id);
            main_finding(&found).and_then(|p| p.finding.as_deref()) == wanted
        };
        let share = samples.iter().filter(is_right).count() as f64 / samples.len() as f64;
        assert!(share >= required, "{file}: expected at least {required}, found {share:.3}");
    }
}
