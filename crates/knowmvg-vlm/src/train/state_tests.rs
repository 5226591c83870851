//! What several devices learn together is what one learns alone.

use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use knowmvg::geometry::Box2;
use knowmvg::grounder::Grounder;
use knowmvg::knowledge::{self, KnowledgeBase};
use knowmvg::model::GroundingModel;
use knowmvg::model::input::Features;
use knowmvg::model::params;
use knowmvg::prior::Location;
use knowmvg::prior::frame::model_from_typical;
use knowmvg::report;
use knowmvg::train::criterion::Target;
use knowmvg::train::dataset::Question;
use serde_json::json;

use super::*;
use crate::VisionLanguageModel;
use crate::grounding::Speaker;
use crate::train::batch;
use crate::train::config::MixedPrecision;
use crate::train::example::{Example, Kind, Named};

/// Of the largest number of a parameter's gradient: sums of other lengths round otherwise.
const TOLERANCE: f32 = 1e-4;
/// Of the largest number of all: below it a gradient is what rounding leaves of nothing, such as that of a key's bias.
const NOTHING: f32 = 1e-5;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A decoder that learns, beside a language model with random changes.
struct Bench {
    config: VlmTrainConfig,
    grounder: Grounder,
    language: PathBuf,
    state: State,
}

impl Bench {
    fn new(language: &str) -> Self {
        // The contrast sets every phrase against the others of its part: it alone depends on how a batch is cut.
        let config = json!({
            "seed": 3, "corpus": "", "model": "", "language": "", "output": "", "decoder_rate": 0.1,
            "reader": {"model_type": "knowmvg-vlm", "image_tokens_side": 2, "knowledge_tokens": true,
                       "lora": {"r": 2, "lora_alpha": 3.0, "target_modules": ["q_proj", "down_proj"]}},
            "loss": {"decoder": {"contrast": 0.0}}, "data": {"shards": 1},
            "stage": {"epochs": 1, "batch": 4, "learning_rate": 1e-3, "warmup_steps": 0, "weight_decay": 0.0,
                      "clip": 1.0, "ema": 0.5, "validate_every": 1, "patience": 1}
        });
        let config: VlmTrainConfig = serde_json::from_value(config).unwrap();
        let grounder = Grounder::load(&repository("models")).unwrap();
        let device = Device::flex().autodiff();
        let language = repository(&format!("golden/vlm/{language}"));
        let model = VisionLanguageModel::load_on(&language, &device).unwrap();
        let own = grounder.decoder();
        let (adapter, decoder) = params::build(|| {
            device.seed(7);
            let adapter = GroundingAdapter::init(&config.reader, &model, own.config, &device);
            (adapter, GroundingModel::init(own.config, own.patch_size, &device))
        });
        // A change begins at zero, where half of it has no gradient.
        let adapter = params::replace(adapter, |name, shape| {
            let size = if name.contains("norm") { 1.0 } else { 0.2 };
            (0..shape.iter().product())
                .map(|i: usize| size * ((i * 7 + name.len()) % 11) as f32 / 11.0 + 0.01)
                .collect()
        });
        let decoder = WeightAverage::new(own.model).applied_to(decoder);
        let state = State {
            adapter: Learnt::new(adapter, &config.stage),
            decoder: Learnt::new(decoder, &config.stage),
            progress: Progress::default(),
        };
        Self { config, grounder, language, state }
    }

    /// Four images with the same statement, so that every half has as many words, phrases and boxes as the other.
    fn members(&self) -> Vec<Member> {
        let frame = model_from_typical();
        let member = |image: usize| {
            let phrase = report::query("left effusion", KnowledgeBase::chest());
            let boxes = vec![Box2::from_xyxy([0.55, 0.5, 0.9, 0.8]).unwrap()];
            let question = Question {
                target: Target { boxes, is_unlocated: false, weight: 1.0 },
                finding: phrase.finding.clone(),
                location: Location { side: phrase.side, zone: phrase.zone },
                phrase,
            };
            let named = Named { text: "left effusion".into(), question, is_looked_for: true };
            let decoder = self.grounder.decoder();
            let linked = knowledge::link(&named.question.phrase, decoder.knowledge);
            let prior = decoder.prior(&named.question.phrase, &linked);
            let phrases = vec![batch::read(&named, prior, &frame, &decoder)];
            let tokens = (0..32 * 32 * 768).map(|i| ((i * 7919 + image * 131) % 1000) as f32 / 500.0 - 1.0).collect();
            let pixels = (0..448 * 448).map(|i| ((i / 448 * (image + 1) + i) % 256) as f32 / 255.0).collect();
            Member {
                features: Features { grid: 32, side: 448, tokens, pixels },
                model_from_thorax: frame,
                example: Example { kind: Kind::Report, words: "Left effusion.".into(), lead: None, named: vec![named] },
                phrases,
            }
        };
        (0..4).map(member).collect()
    }

    fn workers(&self, devices: usize) -> Workers {
        let device = Device::flex().autodiff();
        let weights = self.config.mixed_precision.weights();
        let model = VisionLanguageModel::load_as(&self.language, &device, weights).unwrap().frozen();
        let speaker = Speaker { model, config: self.config.reader.clone() };
        Workers::new(Worker { device: device.clone(), speaker }, &vec![device; devices - 1])
    }

    /// Gradients of the batch by parameter, cut into parts of `size`.
    fn gradients(&self, devices: usize, size: usize) -> (Vec<(String, Vec<f32>)>, f64) {
        let mut members = self.members();
        let mut shards = vec![];
        while !members.is_empty() {
            let rest = members.split_off(size.min(members.len()));
            shards.push(std::mem::replace(&mut members, rest));
        }
        let workers = self.workers(devices);
        let learnt = self.state.learnt(&shards, &workers, &self.grounder.decoder(), &self.config).unwrap();
        let mut found = named(&self.state.adapter.module, learnt.adapter);
        found.extend(named(&self.state.decoder.module, learnt.decoder));
        (found, learnt.terms.language)
    }
}

/// Every gradient with the path of its parameter.
fn named(module: &impl Module, gradients: GradientsParams) -> Vec<(String, Vec<f32>)> {
    struct Names {
        path: Vec<String>,
        gradients: GradientsParams,
        found: Vec<(String, Vec<f32>)>,
    }
    impl ModuleVisitor for Names {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.remove::<D>(param.id) {
                self.found.push((self.path.join("."), gradient.try_to_vec_as().unwrap()));
            }
        }
    }
    let mut names = Names { path: vec![], gradients, found: vec![] };
    module.visit(&mut names);
    names.found
}

fn largest(values: impl Iterator<Item = f32>) -> f32 {
    values.map(f32::abs).fold(0.0, f32::max)
}

#[test]
fn two_devices_with_half_a_batch_each_give_the_gradients_of_one_with_the_whole() {
    for language in ["llama", "qwen3_vl"] {
        let bench = Bench::new(language);
        let (whole, loss) = bench.gradients(1, 4);
        let (halves, loss_of_halves) = bench.gradients(2, 2);
        assert!((loss - loss_of_halves).abs() < 1e-5 * loss, "{language}: {loss} {loss_of_halves}");
        let count = params::collect(&bench.state.adapter.module).len();
        assert!(whole.len() > count && whole.len() == halves.len(), "{language}: {} {}", whole.len(), halves.len());
        let greatest = largest(whole.iter().flat_map(|(_, values)| values.iter().copied()));
        let mut worst = (0.0f32, "");
        for ((name, whole), (_, halves)) in whole.iter().zip(&halves) {
            let size = largest(whole.iter().copied()).max(NOTHING * greatest);
            let difference = largest(whole.iter().zip(halves).map(|(a, b)| a - b)) / size;
            worst = if difference > worst.0 { (difference, name) } else { worst };
        }
        println!("{language}: {} parameters, {:e} at most, {}; largest {greatest}", whole.len(), worst.0, worst.1);
        assert!(worst.0 < TOLERANCE, "{language}: {worst:?}");
    }
}

/// Which device a part is learnt from on changes not a bit, and more parts than devices take turns.
#[test]
fn the_same_parts_give_the_same_gradients_on_any_number_of_devices() {
    let bench = Bench::new("llama");
    let (alone, _) = bench.gradients(1, 1);
    for devices in [2, 3] {
        assert!(bench.gradients(devices, 1).0 == alone, "{devices} devices");
    }
}

/// The frozen model rounds on its way there and back, so gradients turn a little; what is learnt has 32 bits.
#[test]
fn a_language_model_in_halves_points_where_one_in_floats_points() {
    for language in ["llama", "qwen2_5_vl"] {
        let mut bench = Bench::new(language);
        let (full, loss) = bench.gradients(1, 4);
        bench.config.mixed_precision = MixedPrecision::Bf16;
        let (halves, loss_of_halves) = bench.gradients(1, 4);
        assert!(loss != loss_of_halves && (loss - loss_of_halves).abs() < 1e-2 * loss, "{loss} {loss_of_halves}");
        let all =
            |found: &[(String, Vec<f32>)]| found.iter().flat_map(|(_, values)| values.clone()).collect::<Vec<_>>();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let [full, halves] = [all(&full), all(&halves)];
        let cosine = dot(&full, &halves) / (dot(&full, &full) * dot(&halves, &halves)).sqrt();
        println!("{language}: cosine of the gradients {cosine}");
        assert!(cosine > 0.99, "{language}: {cosine}");
    }
}
