//! A made-up corpus, from its pictures to a small model and its scores.

use std::fs;

use knowmvg::model::config::ModelConfig;
use serde_json::{Map, Value};

use crate::ran::{Folder, knowmvg, repository_arg};

/// A model as small as it gets, so that an epoch takes a second.
fn small_model() -> ModelConfig {
    ModelConfig { image_side: 56, width: 24, heads: 2, layers: 2, fine_width: 8, window: 4, ..ModelConfig::default() }
}

/// Numbers, strings and truth values are written alike in JSON and TOML.
fn toml_table(name: &str, table: &Map<String, Value>) -> String {
    let (tables, scalars): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_object());
    let scalars: String = scalars.into_iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let below =
        |(key, value): (&String, &Value)| toml_table(&format!("{name}.{key}"), value.as_object().expect("a table"));
    format!("[{name}]\n{scalars}") + &tables.into_iter().map(below).collect::<String>()
}

/// A run of a second or two on the corpus beside it.
pub fn recipe() -> String {
    let stage = "epochs = 1\nbatch = 4\nlearning_rate = 1e-3\nwarmup_steps = 1\nweight_decay = 0.01\nclip = 1.0\n\
                 ema = 0.9\nvalidate_every = 1\npatience = 1\n";
    let model = serde_json::to_value(small_model()).expect("a configuration is JSON");
    let tower = repository_arg("models/dinov2-small.safetensors");
    format!(
        "seed = 1\ncorpus = \"corpus\"\ntower = {tower:?}\noutput = \"run\"\n\
         [data]\nviews = 0\ninserted = 0\n[anatomy]\n{stage}[findings]\n{stage}{}",
        toml_table("model", model.as_object().expect("an object"))
    )
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON a line")).collect()
}

#[test]
fn a_small_model_is_trained_logged_and_scored() {
    let folder = Folder::new();
    knowmvg(["synth", &folder.at("corpus"), "--images", "20", "--size", "64"]).ended_with(0);
    let recipe = folder.write("recipe.toml", recipe());
    let ran = knowmvg(["train", &recipe, "--seed", "3"]).ended_with(0);
    let model = ran.stdout.trim().to_owned();
    let log = folder.read("run/log.jsonl");
    let stages: Vec<Value> = lines(&log).into_iter().map(|row| row["stage"].clone()).collect();
    assert_eq!(stages, ["anatomy", "findings"]);
    assert!(
        lines(&log).iter().all(|row| row["loss"]["total"].as_f64().unwrap() > 0.0 && row["val"].is_object()),
        "{log}"
    );
    assert_eq!(fs::read_dir(folder.at("run/tensorboard")).unwrap().count(), 1);

    // The folder is a whole model.
    let info = knowmvg(["info", "--json", "--model", &model]).ended_with(0).json();
    assert_eq!([&info["decoder"]["image_side"], &info["decoder"]["width"]], [56, 24]);
    let args = ["eval", &folder.at("corpus"), "--split", "train", "--anatomy", "--text", "zone", "--json"];
    let predictions = folder.at("predictions.jsonl");
    let more = ["--model", &model, "--predictions", &predictions];
    check_report(&knowmvg(args.iter().chain(&more)).ended_with(0).json(), &folder);

    // Everything is done, so there is nothing to go on with, and the same folder comes out.
    let again = knowmvg(["train", &recipe, "--seed", "3", "--resume"]).ended_with(0);
    assert_eq!((again.stdout.trim(), folder.read("run/log.jsonl")), (model.as_str(), log));
}

/// What the report says follows from the predictions.
fn check_report(report: &Value, folder: &Folder) {
    let rows = lines(&folder.read("predictions.jsonl"));
    let findings: Vec<&Value> = rows.iter().filter(|row| row["kind"] == "finding").collect();
    let overall = &report["findings"]["overall"];
    assert!(!findings.is_empty() && overall["phrases"] == findings.len(), "{report}");
    assert_eq!(report["anatomy"]["overall"]["phrases"], rows.len() - findings.len());
    assert_eq!(report["anatomy"]["by_label"].as_object().unwrap().len(), 3);
    for (name, key) in [("model", "iou"), ("prior", "prior_iou"), ("floor", "floor_iou")] {
        let mean = findings.iter().map(|row| row[key].as_f64().unwrap()).sum::<f64>() / findings.len() as f64;
        let reported = &overall[name]["mean_iou"];
        assert!((reported["value"].as_f64().unwrap() - mean).abs() < 1e-9, "{name}: {report}");
        let [low, high] = ["low", "high"].map(|end| reported["interval"][end].as_f64().unwrap());
        assert!(low <= mean && mean <= high, "{name}: {report}");
    }
}

#[test]
fn the_shipped_model_is_scored_as_a_table() {
    let folder = Folder::new();
    knowmvg(["synth", &folder.at("corpus"), "--images", "12", "--size", "128"]).ended_with(0);
    let args = ["eval", &folder.at("corpus"), "--split", "train", "--limit", "2"];
    let ran = knowmvg(args).ended_with(0);
    for told in ["2 images, text class", "findings", "prior mIoU", "floor mIoU", "source synthetic", "box size"] {
        assert!(ran.stdout.contains(told), "{told}: {ran:?}");
    }
    let ran = knowmvg(["eval", &folder.at("corpus"), "--tier", "research"]).ended_with(3);
    assert!(ran.stderr.contains("found none"), "{ran:?}");
}
