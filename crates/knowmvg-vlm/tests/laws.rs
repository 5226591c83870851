//! Properties that need no oracle. Each is one that a public port of such a model has broken.

mod common;

use burn::tensor::{Device, Tensor};
use common::{
    Golden, Side, assert_close, largest_difference, logits, model, padded, padded_logits, path, row_batch, row_logits,
};
use knowmvg::model::params;
use knowmvg_vlm::image::Patches;
use knowmvg_vlm::text::{Cache, TextBatch};
use knowmvg_vlm::{Half, VisionLanguageModel, Weights};
use proptest::prelude::*;

const MODELS: [&str; 3] = ["llama", "qwen2_5_vl", "qwen3_vl"];
/// Those of them that see.
const SEEING: [&str; 2] = ["qwen2_5_vl", "qwen3_vl"];
/// The same numbers, added in another order: logits reach 20, and a product of another size is cut up differently.
const TOLERANCE: f32 = 2e-5;
/// Ids below are words and not special.
const WORDS: u32 = 256;

fn few() -> ProptestConfig {
    ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() }
}

fn row() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..WORDS, 2..9)
}

/// Logits of a row that is read in pieces, which a cache joins.
fn in_pieces(model: &VisionLanguageModel, ids: &[u32], pieces: &[usize]) -> Vec<Vec<f32>> {
    let mut cache = Cache::default();
    let mut found = vec![];
    let mut rest = ids;
    for len in pieces.iter().copied().chain([ids.len()]) {
        let (piece, after) = rest.split_at(len.min(rest.len()));
        rest = after;
        if piece.is_empty() {
            continue;
        }
        let positions = if cache.is_empty() {
            vec![(0..piece.len() as i64).map(|place| [place; 3]).collect()]
        } else {
            cache.continued(piece.len())
        };
        let embeds = model.language().embed(&[piece.to_vec()]).unwrap();
        let batch = TextBatch::without_images(embeds, vec![vec![true; piece.len()]], positions);
        found.extend(logits(model, batch, &mut cache));
    }
    found
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn a_later_token_changes_nothing_before_it(ids in row(), at in any::<prop::sample::Index>(), other in 0..WORDS) {
        for model in MODELS.map(model) {
            let at = at.index(ids.len());
            let mut changed = ids.clone();
            changed[at] = (ids[at] + 1 + other % (WORDS - 1)) % WORDS;
            let [before, after] = [ids.clone(), changed].map(|ids| row_logits(&model, &ids, &[]));
            assert_close("earlier logits", &before[..at].concat(), &after[..at].concat(), 0.0);
            prop_assert!(largest_difference("its own", &before[at], &after[at]) > 1e-2, "the change has to matter");
        }
    }

    #[test]
    fn a_row_of_a_batch_is_the_row_alone(rows in prop::collection::vec(row(), 1..4), more in 0usize..3) {
        for model in MODELS.map(model) {
            let alone: Vec<f32> = rows.iter().flat_map(|row| row_logits(&model, row, &[])).flatten().collect();
            let length = rows.iter().map(Vec::len).max().unwrap() + more;
            for side in [Side::Left, Side::Right] {
                let together = padded_logits(&model, &rows, side, length, &[]).concat();
                assert_close("a row", &together, &alone, TOLERANCE);
            }
        }
    }

    #[test]
    fn a_cache_changes_nothing(ids in row(), pieces in prop::collection::vec(1usize..4, 0..4)) {
        for model in MODELS.map(model) {
            let at_once = row_logits(&model, &ids, &[]).concat();
            assert_close("in pieces", &in_pieces(&model, &ids, &pieces).concat(), &at_once, TOLERANCE);
        }
    }
}

/// Rows of different length, padded on either side, go on as each does alone.
#[test]
fn a_padded_batch_goes_on_as_its_rows_alone() {
    for model in MODELS.map(model) {
        let rows = [vec![5, 9, 40, 77], vec![200, 31]];
        let next = [[12u32, 90], [250, 7]];
        let alone = rows.iter().zip(next).flat_map(|(row, next)| {
            row_logits(&model, &[row.clone(), next.to_vec()].concat(), &[])[row.len()..].to_vec()
        });
        let alone: Vec<f32> = alone.flatten().collect();
        for side in [Side::Left, Side::Right] {
            let (ids, is_token) = padded(&rows, side, 6, 3);
            let mut cache = Cache::default();
            logits(&model, model.batch(&ids, is_token, &[]).unwrap(), &mut cache);
            let embeds = model.language().embed(&next.map(|row| row.to_vec())).unwrap();
            let step = TextBatch::without_images(embeds, vec![vec![true; 2]; 2], cache.continued(2));
            let together = logits(&model, step, &mut cache).concat();
            assert_close(&format!("after padding {side:?}"), &together, &alone, TOLERANCE);
        }
    }
}

fn pictures(name: &str, model: &VisionLanguageModel) -> [Patches; 2] {
    Golden::open(&format!("{name}.safetensors")).patches(model).try_into().unwrap()
}

/// A row that shows a picture after a word.
fn showing(model: &VisionLanguageModel, word: u32, picture: &Patches) -> Vec<u32> {
    let count = model.image_tokens(std::slice::from_ref(picture))[0];
    let image = model.tokenizer().id("<|image_pad|>").unwrap();
    [vec![word], vec![image; count], vec![17]].concat()
}

#[test]
fn pictures_belong_to_the_rows_that_show_them() {
    for name in SEEING {
        let model = model(name);
        let [first, second] = pictures(name, &model);
        let rows = [showing(&model, 8, &first), vec![4, 5], showing(&model, 9, &second)];
        let shown: [&[Patches]; 3] = [std::slice::from_ref(&first), &[], std::slice::from_ref(&second)];
        let alone: Vec<f32> =
            rows.iter().zip(shown).flat_map(|(row, shown)| row_logits(&model, row, shown)).flatten().collect();
        let length = rows.iter().map(Vec::len).max().unwrap();
        for side in [Side::Left, Side::Right] {
            let together = padded_logits(&model, &rows, side, length, &[first.clone(), second.clone()]);
            assert_close(&format!("{name}, rows with pictures"), &together.concat(), &alone, TOLERANCE);
        }
    }
}

/// Rows change places with their pictures: each keeps its logits.
#[test]
fn the_order_of_pictures_is_the_order_of_rows() {
    for name in SEEING {
        let model = model(name);
        let [first, second] = pictures(name, &model);
        let [a, b] = [showing(&model, 8, &first), showing(&model, 9, &second)];
        let length = a.len().max(b.len());
        let one = padded_logits(&model, &[a.clone(), b.clone()], Side::Left, length, &[first.clone(), second.clone()]);
        let mut other = padded_logits(&model, &[b.clone(), a], Side::Left, length, &[second, first]);
        other.rotate_left(b.len());
        assert_close(&format!("{name}, exchanged"), &other.concat(), &one.concat(), TOLERANCE);
    }
}

#[test]
fn what_a_picture_shows_matters_and_only_from_there_on() {
    for name in SEEING {
        let model = model(name);
        let [first, _] = pictures(name, &model);
        let ids = showing(&model, 8, &first);
        let mut darker = first.clone();
        for value in &mut darker.values {
            *value -= 0.5;
        }
        let [before, after] = [first, darker].map(|picture| row_logits(&model, &ids, &[picture]));
        assert_close("the word before", &before[0], &after[0], 0.0);
        assert!(largest_difference("the word after", before.last().unwrap(), after.last().unwrap()) > 1e-2);
    }
}

/// A model on a device with autodiff can learn: every weight of both parts gets a gradient that is not all zeros.
#[test]
fn a_gradient_reaches_every_weight() {
    SEEING.into_iter().for_each(reaches_every_weight);
}

fn reaches_every_weight(name: &str) {
    let device = Device::flex().autodiff();
    let model = VisionLanguageModel::load_on(&path(name), &device).unwrap();
    let [first, _] = pictures(name, &model);
    let ids = showing(&model, 8, &first);
    let batch = row_batch(&model, &ids, &[first]);
    let rows = model.language().hidden_states(batch, &mut Cache::default()).unwrap();
    // A square, so that what the softmax of attention cancels for a plain sum is not cancelled here.
    let loss = model.language().logits(rows).square().mean();
    let gradients = loss.backward();

    struct Untouched<'a> {
        gradients: &'a burn::tensor::Gradients,
        path: Vec<String>,
        found: Vec<String>,
        seen: usize,
    }
    impl burn::module::ModuleVisitor for Untouched<'_> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            self.seen += 1;
            let gradient = param.val().grad(self.gradients);
            if gradient.is_none_or(|g| g.abs().max().into_scalar::<f32>() == 0.0) {
                self.found.push(self.path.join("."));
            }
        }
    }
    let mut untouched = Untouched { gradients: &gradients, path: vec![], found: vec![], seen: 0 };
    burn::module::Module::visit(model.language(), &mut untouched);
    burn::module::Module::visit(model.vision().unwrap(), &mut untouched);
    assert_eq!(untouched.found, Vec::<String>::new(), "{name}");
    let weights = params::collect(model.language()).len() + params::collect(model.vision().unwrap()).len();
    assert_eq!(untouched.seen, weights, "{name}");
}

/// Matrices of 16 bits round a little, and round: a checkpoint that is asked for in halves and read in floats would be twice as large.
#[test]
fn halves_say_nearly_what_floats_say() {
    for name in MODELS {
        let full = model(name);
        let (ids, picture) = match SEEING.contains(&name) {
            true => {
                let [first, _] = pictures(name, &full);
                (showing(&full, 8, &first), vec![first])
            }
            false => ((1..9).collect(), vec![]),
        };
        let expected = row_logits(&full, &ids, &picture);
        // Of the largest logit; a bfloat16 has three bits less than a float16.
        for (half, tolerance) in [(Half::BFloat16, 4e-2), (Half::Float16, 4e-3)] {
            let model = VisionLanguageModel::load_as(&path(name), &Device::flex(), Weights::Half(half)).unwrap();
            let found = row_logits(&model, &ids, &picture);
            let size = expected.iter().flatten().fold(0.0f32, |size, logit| size.max(logit.abs()));
            let rows = expected.iter().zip(&found);
            let error = rows.map(|(e, f)| largest_difference("a token", e, f)).fold(0.0, f32::max) / size;
            println!("{name} in {half:?}: {error:e} of the largest logit");
            assert!(error > 1e-5 && error < tolerance, "{name} in {half:?}: {error}");
        }
    }
}
