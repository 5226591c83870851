//! A whole run, small enough for a laptop: made-up radiographs, the shipped tower at a low resolution, a small decoder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use knowmvg::grounder::Grounder;
use knowmvg::model::config::{AdapterConfig, ModelConfig};
use knowmvg::model::weights::WeightFile;
use knowmvg::synthetic::{SyntheticOptions, write_corpus};
use knowmvg::train::Observer;
use knowmvg::train::config::{AdaptationConfig, DataConfig, StageConfig, TrainConfig};
use knowmvg::train::run::Run;

/// Keeps every score; can end the process's run early by panicking, as a killed run would.
#[derive(Default)]
struct Notes {
    scores: Vec<BTreeMap<String, f64>>,
    losses: Vec<f64>,
    stop_after: Option<usize>,
}

impl Observer for Notes {
    fn begin(&mut self, _what: &str, _parts: u64) {
        if self.stop_after.is_some_and(|epochs| self.losses.len() >= epochs) {
            panic!("stopped on purpose");
        }
    }
    fn advance(&mut self, _parts: u64) {}
    fn epoch(
        &mut self,
        _stage: &str,
        _epoch: usize,
        terms: &[(&'static str, f64)],
        scores: Option<&BTreeMap<String, f64>>,
    ) {
        self.losses.push(terms[0].1);
        self.scores.extend(scores.cloned());
    }
    fn message(&mut self, _text: &str) {}
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn stage(epochs: usize, learning_rate: f64) -> StageConfig {
    StageConfig {
        epochs,
        stop_after: None,
        batch: 8,
        learning_rate,
        warmup_steps: 5,
        weight_decay: 0.01,
        clip: 1.0,
        ema: 0.9,
        validate_every: epochs.max(1),
        patience: 100,
    }
}

fn recipe(folder: &Path, name: &str) -> TrainConfig {
    let model = ModelConfig {
        image_side: 112,
        width: 48,
        heads: 4,
        layers: 2,
        queries: 2,
        prompt_tokens: 2,
        fine_width: 16,
        window: 6,
        vocab_size: 600,
        max_tokens: 24,
        text_layers: 1,
        ..ModelConfig::default()
    };
    TrainConfig {
        seed: 3,
        corpus: folder.join("corpus"),
        tower: repository().join("models/dinov2-small.safetensors"),
        output: folder.join(name),
        cache: Some(folder.join("features")),
        tokenizer: None,
        thorax: None,
        model,
        loss: Default::default(),
        data: DataConfig {
            views: 0,
            views_of_capped: 0,
            negatives_one_in: 0,
            phrases_per_image: 3,
            ..DataConfig::default()
        },
        anatomy: stage(12, 3e-3),
        findings: stage(2, 1e-3),
        adaptation: None,
        shuffle_labels: false,
    }
}

fn corpus(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("knowmvg-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    write_corpus(&folder.join("corpus"), &SyntheticOptions { images: 60, size: 128, seed: 4 }).unwrap();
    folder
}

/// Every tensor of a file by its name.
fn weights(path: &Path) -> BTreeMap<String, Vec<f32>> {
    let file = WeightFile::open(path).unwrap();
    let mut loader = file.loader().unwrap();
    let order = file.metadata()["order"].clone();
    let tensor = |name: &str| (name.to_owned(), loader.tensor(name, &loader.shape(name).unwrap()));
    order.split('\n').map(tensor).collect()
}

/// Trains until so many epochs are over, and panics as a run that is killed.
fn train_and_stop(config: TrainConfig, after: usize) {
    let result = std::thread::spawn(move || {
        let mut notes = Notes { stop_after: Some(after), ..Notes::default() };
        Run::prepare(config).unwrap().run(false, &mut notes).map(|_| ())
    });
    assert!(result.join().is_err(), "the run was to be stopped");
}

fn train(config: TrainConfig) -> Notes {
    let mut notes = Notes::default();
    Run::prepare(config).unwrap().run(false, &mut notes).unwrap();
    notes
}

/// Lungs and heart are learnt from some forty images; with their boxes dealt out at random they are not.
#[test]
fn a_run_learns_and_its_shuffled_control_does_not() {
    let folder = corpus("learns");
    let learnt = train(recipe(&folder, "learnt"));
    let control = train(TrainConfig { shuffle_labels: true, ..recipe(&folder, "control") });
    let anatomy = |notes: &Notes| notes.scores[0]["anatomy mIoU"];
    let (learnt, control) = (anatomy(&learnt), anatomy(&control));
    assert!(learnt > 0.6, "mIoU of lungs and heart: {learnt}");
    assert!(control < learnt - 0.2, "control {control} against {learnt}");
    std::fs::remove_dir_all(folder).unwrap();
}

/// Stopped after an epoch and resumed, a run ends with the very bytes of one that was never stopped.
#[test]
fn a_resumed_run_continues_bit_for_bit() {
    let folder = corpus("resumes");
    let config = |name: &str| TrainConfig { anatomy: stage(2, 1e-3), ..recipe(&folder, name) };
    train(config("whole"));

    train_and_stop(config("stopped"), 1);
    let mut notes = Notes::default();
    Run::prepare(config("stopped")).unwrap().run(true, &mut notes).unwrap();
    assert_eq!(notes.losses.len(), 3, "one epoch of anatomy and two of findings were left");

    let read = |name: &str| weights(&folder.join(name).join("checkpoint/model.safetensors"));
    assert_eq!(read("whole"), read("stopped"));
    std::fs::remove_dir_all(folder).unwrap();
}

/// A run that is told where the lungs lie needs no anatomy stage, and refuses a file that leaves one out.
#[test]
fn frames_of_an_earlier_run_are_taken_and_must_be_whole() {
    let folder = corpus("frames");
    train(TrainConfig { anatomy: stage(1, 1e-3), findings: stage(1, 1e-3), ..recipe(&folder, "earlier") });
    let frames = folder.join("earlier/thorax.json");
    let config = |name: &str, frames: &Path| TrainConfig {
        anatomy: stage(0, 1e-3),
        findings: stage(1, 1e-3),
        thorax: Some(frames.to_owned()),
        ..recipe(&folder, name)
    };
    train(config("later", &frames));
    let read =
        |path: &Path| -> BTreeMap<String, [f64; 4]> { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    assert_eq!(read(&folder.join("later/thorax.json")), read(&frames));

    let mut some = read(&frames);
    let (missing, _) = some.pop_first().unwrap();
    let partial = folder.join("partial.json");
    std::fs::write(&partial, serde_json::to_vec(&some).unwrap()).unwrap();
    let refused = Run::prepare(config("refused", &partial)).unwrap().run(false, &mut Notes::default());
    let error = refused.unwrap_err().to_string();
    assert!(error.contains(&missing) && error.contains("partial.json"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

/// Adapters are learnt from a finished run's weights, resumed bit for bit, and shipped in the decoder's file; the tower's file stays
/// as it is.
#[test]
fn the_tower_is_adapted_after_a_finished_run() {
    let folder = corpus("adapts");
    train(TrainConfig { anatomy: stage(1, 1e-3), findings: stage(1, 1e-3), ..recipe(&folder, "earlier") });
    let init = folder.join("earlier/model/knowmvg.safetensors");
    let config = |name: &str, adapters: Option<AdapterConfig>| TrainConfig {
        thorax: Some(folder.join("earlier/thorax.json")),
        adaptation: Some(AdaptationConfig {
            init: Some(init.clone()),
            adapters,
            adapters_rate: 3.0,
            stage: stage(2, 1e-3),
        }),
        ..recipe(&folder, name)
    };
    let adapters = Some(AdapterConfig { rank: 2, alpha: 4.0 });
    let notes = train(config("whole", adapters));
    assert_eq!(notes.losses.len(), 2, "the stages before are left out");
    train_and_stop(config("stopped", adapters), 1);
    Run::prepare(config("stopped", adapters)).unwrap().run(true, &mut Notes::default()).unwrap();
    let model = |name: &str| folder.join(name).join("model/knowmvg.safetensors");
    let learnt = weights(&model("whole"));
    assert_eq!(learnt, weights(&model("stopped")));

    let change = &learnt["base_model.model.encoder.layer.9.attention.attention.query.lora_B.weight"];
    assert!(change.iter().any(|v| *v != 0.0), "nothing was learnt of the tower");
    let before = weights(&init);
    assert_ne!(before["decoder.from_prior.weight"], learnt["decoder.from_prior.weight"], "the decoder is learnt too");
    train(config("control", None));
    assert!(weights(&model("control")).keys().eq(before.keys()), "without adapters, the decoder goes on alone");

    let pixels = vec![0.3; 3 * 112 * 112];
    let seen = |name: &str| {
        let folder = folder.join(name).join("model");
        for file in ["dinov2-small.safetensors", "dinov2-small.config.json"] {
            std::fs::copy(repository().join("models").join(file), folder.join(file)).unwrap();
        }
        let output = Grounder::load(&folder).map(|g| g.tower().forward(&pixels, 112, &[8]).unwrap());
        output.map(|o| (o.hidden_states, o.last_hidden_state))
    };
    let ((middle, frozen), (same_middle, adapted)) = (seen("control").unwrap(), seen("whole").unwrap());
    assert_eq!(middle, same_middle);
    assert!(frozen.iter().zip(&adapted).any(|(f, a)| (f - a).abs() > 1e-3), "the grounder sees with the frozen tower");

    // A configuration that does not speak of the adapters does not fit the file that has them.
    let config_file = "model/knowmvg.config.json";
    std::fs::copy(folder.join("control").join(config_file), folder.join("whole").join(config_file)).unwrap();
    let error = seen("whole").expect_err("unused tensors are an error").to_string();
    assert!(error.contains("unused base_model.model.encoder.layer.9"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}
