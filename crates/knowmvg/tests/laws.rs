//! Laws of the decoder that need no oracle, on the batch of the golden: two images, three phrases each, with padding.

mod common;

use std::collections::BTreeMap;

use burn::tensor::{Device, Int, Tensor, TensorData};
use common::{Golden, Recorded, assert_close};
use knowmvg::model::config::{KnowledgeSwitch, LocalSwitch, ModelConfig, StartSwitch};
use knowmvg::model::fine_map::upsampling;
use knowmvg::model::sight::Sight;
use knowmvg::model::trace::values;
use knowmvg::model::window::Windows;
use knowmvg::model::{GroundingInput, GroundingModel, GroundingOutput, ImageBatch, PhraseBatch, params};

/// Another batch size may mean another order of summation in float32; values reach 12.
const TOLERANCE: f32 = 1e-4;
/// What counts as a change, to show that a law could fail.
const CHANGE: f32 = 1e-2;

struct Bench {
    model: GroundingModel,
    input: GroundingInput,
    config: ModelConfig,
}

impl Bench {
    fn new() -> Self {
        let golden = Golden::open("decoder/tiny.safetensors");
        let device = Device::flex();
        Self { model: golden.model(&device), input: golden.input(&device), config: golden.config("") }
    }

    fn answers(&self, input: &GroundingInput) -> Answers {
        answers(&self.model, input, &self.config)
    }
}

/// Everything that the model says about each phrase, `[image][phrase]`: boxes, presence, spread and attention of every
/// layer, what the patches say, and the knowledge gate.
type Answers = Vec<Vec<Vec<f32>>>;

fn answers(model: &GroundingModel, input: &GroundingInput, config: &ModelConfig) -> Answers {
    let [_, phrases, _] = input.phrases.prior.dims();
    all_said(&model.forward(input.clone(), config, &mut ()), phrases)
}

/// With so many phrases an image.
fn all_said(output: &GroundingOutput, phrases: usize) -> Answers {
    let [batch, _, _] = output.global_maps[0].dims();
    let mut parts: Vec<Vec<f32>> = vec![
        values(&output.knowledge_gate),
        values(&output.patch_boxes.as_ref().unwrap().logits),
        values(&output.patch_boxes.as_ref().unwrap().log_sides),
    ];
    for (boxes, map) in output.layers.iter().zip(&output.global_maps) {
        parts.extend([&boxes.boxes, &boxes.presence_logits, &boxes.log_spread, map].map(values));
    }
    let of_row = |row: usize| {
        let share = |part: &Vec<f32>| {
            let width = part.len() / (batch * phrases);
            part[row * width..(row + 1) * width].to_vec()
        };
        parts.iter().flat_map(share).collect()
    };
    (0..batch).map(|image| (0..phrases).map(|phrase| of_row(image * phrases + phrase)).collect()).collect()
}

fn assert_same(what: &str, found: &[f32], expected: &[f32]) {
    assert_close(what, &[found.len()], found, expected, TOLERANCE);
}

fn assert_all_same(what: &str, found: &Answers, expected: &Answers) {
    for (image, (found, expected)) in found.iter().zip(expected).enumerate() {
        for (phrase, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert_same(&format!("{what}: image {image} phrase {phrase}"), found, expected);
        }
    }
}

fn differs(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).any(|(a, b)| (a - b).abs() > CHANGE)
}

fn index(places: &[usize], device: &Device) -> Tensor<1, Int> {
    let places: Vec<i32> = places.iter().map(|p| *p as i32).collect();
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), device)
}

/// The given images of a batch with the given phrases of each, in the given order.
fn select(input: &GroundingInput, images: &[usize], phrases: &[usize]) -> GroundingInput {
    let GroundingInput { images: all_images, phrases: all } = input;
    let device = all.prior.device();
    let [_, total, _] = all.prior.dims();
    let [rows, nodes] = all.is_node.dims();
    let picked: Vec<usize> =
        images.iter().flat_map(|image| phrases.iter().map(move |phrase| image * total + phrase)).collect();
    let (image, phrase, row) = (index(images, &device), index(phrases, &device), index(&picked, &device));
    let node_index = all.node_index.clone().reshape([rows, nodes]).select(0, row.clone());
    GroundingInput {
        images: ImageBatch {
            tokens: all_images.tokens.clone().select(0, image.clone()),
            positions: all_images.positions.clone().select(0, image.clone()),
            pixel_patches: all_images.pixel_patches.clone().select(0, image.clone()),
            upsample: all_images.upsample.clone(),
        },
        phrases: PhraseBatch {
            token_ids: all.token_ids.clone().select(0, row.clone()),
            is_word: all.is_word.clone().select(0, row.clone()),
            sides: all.sides.clone().select(0, row.clone()),
            zones: all.zones.clone().select(0, row.clone()),
            node_index: node_index.reshape([picked.len() * nodes]),
            node_features: all.node_features.clone().select(0, row.clone()),
            is_node: all.is_node.clone().select(0, row.clone()),
            link_quality: all.link_quality.clone().select(0, row),
            prior: all.prior.clone().select(0, image.clone()).select(1, phrase.clone()),
            prior_boxes: all.prior_boxes.clone().select(0, image).select(1, phrase),
            ..all.clone()
        },
    }
}

/// The same images with phrases that are changed.
fn with_phrases(input: &GroundingInput, change: impl FnOnce(&PhraseBatch) -> PhraseBatch) -> GroundingInput {
    GroundingInput { images: input.images.clone(), phrases: change(&input.phrases) }
}

#[test]
fn images_that_were_seen_before_get_the_same_answers() {
    let bench = Bench::new();
    let together = bench.answers(&bench.input);
    let alone: Vec<Sight> = (0..together.len())
        .map(|image| bench.model.see(select(&bench.input, &[image], &[0]).images, &mut ()))
        .collect();
    let sight = Sight::stacked(&alone.iter().collect::<Vec<_>>());
    let phrases = bench.input.phrases.clone();
    let output = bench.model.forward_seen(phrases, &sight, &bench.config, &mut ());
    assert_all_same("seen one by one", &all_said(&output, together[0].len()), &together);
    let mirrored = Sight::stacked(&alone.iter().rev().collect::<Vec<_>>());
    let output = bench.model.forward_seen(bench.input.phrases.clone(), &mirrored, &bench.config, &mut ());
    assert!(differs(&all_said(&output, together[0].len())[0][0], &together[0][0]), "it matters which image is seen");
}

#[test]
fn an_image_alone_gets_the_same_answers() {
    let bench = Bench::new();
    let together = bench.answers(&bench.input);
    for (image, expected) in together.iter().enumerate() {
        let alone = bench.answers(&select(&bench.input, &[image], &[0, 1, 2]));
        assert_all_same(&format!("image {image} alone"), &alone, &vec![expected.clone()]);
    }
    assert!(differs(&together[0][1], &together[1][1]), "the images differ");
}

#[test]
fn a_phrase_alone_gets_the_same_answer() {
    let bench = Bench::new();
    let together = bench.answers(&bench.input);
    for phrase in 0..3 {
        let alone = bench.answers(&select(&bench.input, &[0, 1], &[phrase]));
        for (image, (found, expected)) in alone.iter().zip(&together).enumerate() {
            assert_same(&format!("image {image} phrase {phrase}"), &found[0], &expected[phrase]);
        }
    }
}

#[test]
fn other_phrases_change_nothing_and_their_order_permutes_the_answers() {
    let bench = Bench::new();
    let before = bench.answers(&bench.input);
    let order = [2, 0, 1, 0, 2];
    let after = bench.answers(&select(&bench.input, &[1, 0], &order));
    for (place, image) in [1, 0].into_iter().enumerate() {
        for (slot, phrase) in order.into_iter().enumerate() {
            assert_same(&format!("image {image} phrase {phrase}"), &after[place][slot], &before[image][phrase]);
        }
    }
    assert!(differs(&before[0][0], &before[0][1]) && differs(&before[0][1], &before[0][2]), "the phrases differ");
}

/// A copy of the first column after the last.
fn widened(table: &Tensor<2, Int>) -> Tensor<2, Int> {
    let first = table.clone().select(1, index(&[0], &table.device()));
    Tensor::cat(vec![table.clone(), first], 1)
}

/// A column of zeros after the last.
fn masked(mask: &Tensor<2>) -> Tensor<2> {
    let [rows, _] = mask.dims();
    Tensor::cat(vec![mask.clone(), Tensor::zeros([rows, 1], &mask.device())], 1)
}

/// One more place of padding for words, words of nodes, and nodes; what stands there is not empty.
fn padded(input: &PhraseBatch) -> PhraseBatch {
    let [rows, nodes, features] = input.node_features.dims();
    let junk = Tensor::full([rows, 1, features], 3.0, &input.prior.device());
    let node_index = widened(&input.node_index.clone().reshape([rows, nodes]));
    PhraseBatch {
        token_ids: widened(&input.token_ids),
        is_word: masked(&input.is_word),
        node_token_ids: widened(&input.node_token_ids),
        node_is_word: masked(&input.node_is_word),
        node_index: node_index.reshape([rows * (nodes + 1)]),
        node_features: Tensor::cat(vec![input.node_features.clone(), junk], 1),
        is_node: masked(&input.is_node),
        ..input.clone()
    }
}

#[test]
fn more_padding_changes_nothing() {
    let bench = Bench::new();
    let before = bench.answers(&bench.input);
    assert_all_same("padded", &bench.answers(&with_phrases(&bench.input, padded)), &before);

    let read = with_phrases(&bench.input, |p| PhraseBatch { is_word: p.is_word.ones_like(), ..p.clone() });
    assert!(differs(&bench.answers(&read)[0][1], &before[0][1]), "padding that counts as words is seen");
    let linked = with_phrases(&bench.input, |p| PhraseBatch { is_node: p.is_node.ones_like(), ..p.clone() });
    assert!(differs(&bench.answers(&linked)[0][0], &before[0][0]), "padding that counts as nodes is seen");
}

#[test]
fn nodes_of_other_phrases_change_nothing() {
    let bench = Bench::new();
    let before = bench.answers(&bench.input);
    let mut input = bench.input.clone();
    let twice = |t: &mut PhraseBatch| {
        t.node_token_ids = t.node_token_ids.clone().repeat_dim(0, 2);
        t.node_is_word = t.node_is_word.clone().repeat_dim(0, 2);
    };
    twice(&mut input.phrases);
    assert_all_same("more nodes in the batch", &bench.answers(&input), &before);
    input.phrases.node_index = input.phrases.node_index + 5;
    assert_all_same("the same nodes elsewhere", &bench.answers(&input), &before);
}

/// The same batch with other regions of the nodes.
fn with_other_nodes(input: &GroundingInput) -> GroundingInput {
    with_phrases(input, |p| PhraseBatch { node_features: p.node_features.clone() * -2.0 + 0.5, ..p.clone() })
}

/// The same batch with nothing linked.
fn unlinked(input: &GroundingInput) -> GroundingInput {
    with_phrases(input, |p| PhraseBatch { link_quality: p.link_quality.zeros_like(), ..p.clone() })
}

#[test]
fn knowledge_off_ignores_the_nodes() {
    let mut bench = Bench::new();
    let with_knowledge = bench.answers(&bench.input);
    assert!(differs(&bench.answers(&with_other_nodes(&bench.input))[0][0], &with_knowledge[0][0]), "on, nodes matter");
    let without_links = bench.answers(&unlinked(&bench.input));

    bench.config.switches.knowledge = KnowledgeSwitch::Off;
    let off = bench.answers(&bench.input);
    assert!(differs(&off[0][0], &with_knowledge[0][0]), "knowledge matters");
    assert_all_same("other nodes", &bench.answers(&with_other_nodes(&bench.input)), &off);
    assert_all_same("nothing linked", &without_links, &off);
}

#[test]
fn shuffled_knowledge_reads_what_it_is_given() {
    let mut bench = Bench::new();
    let on = bench.answers(&bench.input);
    bench.config.switches.knowledge = KnowledgeSwitch::Shuffled;
    assert_all_same("the data shuffles, not the model", &bench.answers(&bench.input), &on);
}

#[test]
fn without_links_the_prompt_is_the_null_prompt() {
    let bench = Bench::new();
    let mut trace = Recorded::default();
    bench.model.forward(unlinked(&bench.input), &bench.config, &mut trace);
    let parameters = params::collect(&bench.model);
    let null = &parameters.iter().find(|p| p.name == "knowledge_prompt.null").expect("a parameter").values;
    let prompts = trace.get("knowledge_prompt.embeds");
    assert_eq!(prompts.len(), 6 * null.len());
    assert!(prompts.chunks_exact(null.len()).all(|prompt| prompt == null));
    assert!(trace.get("knowledge_prompt.gate").iter().all(|gate| *gate == 0.0));
}

#[test]
fn local_off_ignores_the_pixels() {
    let mut bench = Bench::new();
    let mut darker = bench.input.clone();
    darker.images.pixel_patches = darker.images.pixel_patches - 1.0;
    let on = bench.answers(&bench.input);
    assert!(differs(&bench.answers(&darker)[0][0], &on[0][0]), "on, pixels matter");

    bench.config.switches.local = LocalSwitch::Off;
    let off = bench.answers(&bench.input);
    assert!(differs(&off[0][0], &on[0][0]), "the window matters");
    assert_all_same("darker", &bench.answers(&darker), &off);
}

/// The same model with every λ set, as it is stored: a tenth of itself.
fn with_prior_weight(model: &GroundingModel, stored: f32) -> GroundingModel {
    let old: BTreeMap<String, Vec<f32>> = params::collect(model).into_iter().map(|p| (p.name, p.values)).collect();
    params::replace(model.clone(), |name, _| match name.ends_with("prior_weight") {
        true => vec![stored],
        false => old[name].clone(),
    })
}

/// A prior map that is 1 at one patch and 0 elsewhere.
fn with_prior_at(input: &GroundingInput, patch: usize) -> GroundingInput {
    let [batch, phrases, patches] = input.phrases.prior.dims();
    let map = (0..batch * phrases * patches).map(|i| f32::from(i % patches == patch)).collect();
    let prior = Tensor::from_data(TensorData::new(map, [batch, phrases, patches]), &input.phrases.prior.device());
    with_phrases(input, |p| PhraseBatch { prior, ..p.clone() })
}

#[test]
fn the_prior_map_acts_by_its_weight() {
    let mut bench = Bench::new();
    let elsewhere = with_prior_at(&bench.input, 6);
    assert!(differs(&bench.answers(&elsewhere)[0][0], &bench.answers(&bench.input)[0][0]), "λ > 0: the prior matters");

    bench.model = with_prior_weight(&bench.model, 0.0);
    assert_all_same("λ = 0", &bench.answers(&elsewhere), &bench.answers(&bench.input));

    bench.model = with_prior_weight(&bench.model, 5.0);
    let output = bench.model.forward(elsewhere, &bench.config, &mut ());
    for map in output.global_maps {
        let rows = values(&map);
        assert!(rows.chunks_exact(16).all(|row| row[6] > 0.999), "λ = 50: all attention lies where the prior is");
    }
}

#[test]
fn a_flat_prior_map_has_no_say_but_on_how_many_patches_propose() {
    let mut bench = Bench::new();
    bench.config.switches.start = StartSwitch::Prior;
    let flat = |value: f32| {
        let input = with_phrases(&bench.input, |p| PhraseBatch { prior: p.prior.zeros_like() + value, ..p.clone() });
        bench.model.forward(input, &bench.config, &mut ())
    };
    let (low, high) = (flat(0.3), flat(1.0));
    for (a, b) in low.layers.iter().zip(&high.layers) {
        assert_same("boxes", &values(&a.boxes), &values(&b.boxes));
        assert_same("presence", &values(&a.presence_logits), &values(&b.presence_logits));
        assert_same("spread", &values(&a.log_spread), &values(&b.log_spread));
    }
    assert_same(
        "sides",
        &values(&low.patch_boxes.as_ref().unwrap().log_sides),
        &values(&high.patch_boxes.as_ref().unwrap().log_sides),
    );
    let parameters = params::collect(&bench.model);
    let lambda =
        10.0 * parameters.iter().find(|p| p.name == "proposal_head.prior_weight").expect("a parameter").values[0];
    let shift = lambda * (1.01_f32 / 0.31).ln();
    let shifted: Vec<f32> =
        values(&low.patch_boxes.as_ref().unwrap().logits).iter().map(|logit| logit + shift).collect();
    assert_same("scores", &values(&high.patch_boxes.as_ref().unwrap().logits), &shifted);
}

#[test]
fn boxes_stay_on_the_square_and_attention_sums_to_one() {
    let bench = Bench::new();
    // Tokens a hundred times too large must not break it.
    let mut loud = bench.input.clone();
    loud.images.tokens = loud.images.tokens * 100.0;
    for input in [bench.input.clone(), loud] {
        let output = bench.model.forward(input, &bench.config, &mut ());
        assert!(values(&output.patch_boxes.as_ref().unwrap().log_sides).iter().all(|side| (-6.0..=0.0).contains(side)));
        for (boxes, map) in output.layers.iter().zip(&output.global_maps) {
            let all = values(&boxes.boxes);
            assert!(all.chunks_exact(4).all(|b| b.iter().all(|c| (0.0..=1.0).contains(c)) && b[2] > 0.0 && b[3] > 0.0));
            assert!(values(&boxes.log_spread).iter().all(|s| (-4.0..=2.0).contains(s)));
            assert!(values(map).chunks_exact(16).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
        }
    }
}

#[test]
fn a_window_reads_a_ramp_exactly() {
    const CELLS: usize = 16;
    const WINDOW: usize = 5;
    let device = Device::flex();
    let centre = |cell: usize| (cell as f32 + 0.5) / CELLS as f32;
    let ramp: Vec<f32> = (0..CELLS * CELLS).flat_map(|i| [centre(i % CELLS), centre(i / CELLS)]).collect();
    let map = Tensor::<3>::from_data(TensorData::new(ramp, [1, CELLS * CELLS, 2]), &device);
    let reference = vec![0.4, 0.55, 0.3, 0.2, 0.5, 0.5, 0.05, 0.4];
    let references = Tensor::<3>::from_data(TensorData::new(reference, [1, 2, 4]), &device);
    let windows = Windows::around(references, 1.5, WINDOW, CELLS);
    // The second box is narrower than three cells.
    assert_close("windows", &[2, 4], &values(&windows.boxes), &[0.4, 0.55, 0.45, 0.3, 0.5, 0.5, 0.1875, 0.6], 1e-6);
    let boxes = values(&windows.boxes);
    let at = |i: usize| (i as f32 + 0.5) / WINDOW as f32 - 0.5;
    let expected: Vec<f32> = boxes
        .chunks_exact(4)
        .flat_map(|b| (0..WINDOW * WINDOW).flat_map(|i| [b[0] + b[2] * at(i % WINDOW), b[1] + b[3] * at(i / WINDOW)]))
        .collect();
    assert_close("samples", &[2, 25, 2], &values(&windows.sample(map)), &expected, 1e-5);
}

#[test]
fn upsampling_keeps_a_constant() {
    for (cells, grid) in [(8, 4), (64, 32), (2, 1), (10, 4)] {
        let sums: Vec<f32> = upsampling(cells, grid).chunks_exact(grid).map(|row| row.iter().sum()).collect();
        assert_close("sums", &[cells], &sums, &vec![1.0; cells], 1e-6);
    }
}
