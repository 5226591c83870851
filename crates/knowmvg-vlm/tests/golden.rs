//! Tiny checkpoints against transformers (`reference/export_vlm_golden.py`).

mod common;

use burn::tensor::{Tensor, TensorData};
use common::{Golden, Side, assert_close, logits, model, padded_logits, path, row_batch, row_logits, values};
use knowmvg_vlm::image::Patches;
use knowmvg_vlm::text::{Cache, TextBatch};
use knowmvg_vlm::vision::Grid;
use knowmvg_vlm::{Limits, Sampling, VisionLanguageModel};
use safetensors::SafeTensors;

/// Logits reach 10, those of Qwen3-VL 20; the reference in float32 differs from itself in float64 by up to 1.8e-5 (`float32_error`).
const TOLERANCE: f32 = 1e-4;
/// The families with a vision tower.
const SEEING: [&str; 2] = ["qwen2_5_vl", "qwen3_vl"];

/// The golden stores the logit of every third token of the vocabulary.
fn stored(logits: Vec<Vec<f32>>) -> Vec<f32> {
    logits.iter().flat_map(|row| row.iter().step_by(3).copied()).collect()
}

fn text_agrees(name: &str, golden: &str) {
    let golden = Golden::open(golden);
    let found = stored(row_logits(&model(name), &golden.ids("text.ids"), &[]));
    assert_close(&format!("{name}, text"), &found, &golden.floats("text.logits"), TOLERANCE);
}

fn padding_agrees(name: &str, pictures: &[Patches]) {
    let golden = Golden::open(&format!("{name}.safetensors"));
    let rows = golden.rows();
    let length = rows.iter().map(Vec::len).max().unwrap();
    for side in [Side::Left, Side::Right] {
        let found = stored(padded_logits(&model(name), &rows, side, length, pictures));
        assert_close(&format!("{name}, padded {side:?}"), &found, &golden.floats("padded.logits"), TOLERANCE);
    }
}

/// The prompt at once, then one token after the other: each step's logits, and the tokens that generation chooses.
fn decoding_agrees(model: &VisionLanguageModel, golden: &Golden, name: &str, pictures: &[Patches]) {
    let prompt = golden.ids(&format!("{name}.ids"));
    let expected = golden.ids(&format!("{name}.generated"));
    let mut cache = Cache::default();
    let batch = row_batch(model, &prompt, pictures);
    let mut found = vec![logits(model, batch, &mut cache).pop().unwrap()];
    for id in &expected[..expected.len() - 1] {
        let embeds = model.language().embed(&[vec![*id]]).unwrap();
        let step = TextBatch::without_images(embeds, vec![vec![true]], cache.continued(1));
        found.extend(logits(model, step, &mut cache));
    }
    let steps = golden.floats(&format!("{name}.step_logits"));
    assert_close(&format!("{:?}, {name}, decoded", model.style()), &stored(found), &steps, TOLERANCE);

    let limits = Limits { new_tokens: expected.len() };
    let answer = model.continue_ids(&prompt, pictures, &Sampling::Greedy, &limits).unwrap();
    let before_stop: Vec<u32> = expected.into_iter().take_while(|id| !model.stop_ids().contains(id)).collect();
    assert_eq!(answer.ids, before_stop);
    assert!(!answer.ids.is_empty(), "the golden has to go on for a while");
}

#[test]
fn llama_text_agrees() {
    text_agrees("llama", "llama.safetensors");
}

#[test]
fn llama_padding_agrees() {
    padding_agrees("llama", &[]);
}

#[test]
fn llama_decoding_agrees() {
    decoding_agrees(&model("llama"), &Golden::open("llama.safetensors"), "text", &[]);
}

/// Every type of number that is read is in this file, and its rows of query and key are in llama.cpp's order.
#[test]
fn llama_in_gguf_agrees() {
    text_agrees("llama.gguf", "llama_gguf.safetensors");
}

#[test]
fn qwen_text_agrees() {
    for name in SEEING {
        text_agrees(name, &format!("{name}.safetensors"));
    }
}

#[test]
fn qwen_image_tokens_agree() {
    for name in SEEING {
        let golden = Golden::open(&format!("{name}.safetensors"));
        let model = model(name);
        let tower = model.vision().unwrap();
        let sides: Vec<usize> = golden.ints("grids").into_iter().map(|side| side as usize).collect();
        let grids: Vec<Grid> = sides.chunks(3).map(|grid| Grid::new(grid[1], grid[2], 2).unwrap()).collect();
        let pixels = golden.floats("pixel_values");
        let shape = [pixels.len() / tower.config().patch_values(), tower.config().patch_values()];
        let patches = Tensor::from_data(TensorData::new(pixels, shape), model.device());
        let found = tower.forward(patches, &grids).unwrap();
        assert_close(
            &format!("{name}, image tokens"),
            &values(&found.tokens),
            &golden.floats("image_tokens"),
            TOLERANCE,
        );
        assert_eq!(found.deeper.len(), tower.config().deepstack_layers().len());
        for (i, deeper) in found.deeper.iter().enumerate() {
            let expected = golden.floats(&format!("deepstack.{i}"));
            assert_close(&format!("{name}, deeper {i}"), &values(deeper), &expected, TOLERANCE);
        }
    }
}

#[test]
fn qwen_positions_agree() {
    for name in SEEING {
        let golden = Golden::open(&format!("{name}.safetensors"));
        let model = model(name);
        let batch = row_batch(&model, &golden.ids("image.ids"), &golden.patches(&model));
        let found: Vec<i64> = batch.positions[0].iter().flatten().copied().collect();
        assert_eq!(found, golden.ints("image.positions"), "{name}");
    }
}

#[test]
fn qwen_images_and_text_agree() {
    for name in SEEING {
        let golden = Golden::open(&format!("{name}.safetensors"));
        let model = model(name);
        let found = stored(row_logits(&model, &golden.ids("image.ids"), &golden.patches(&model)));
        assert_close(&format!("{name}, images and text"), &found, &golden.floats("image.logits"), TOLERANCE);
    }
}

#[test]
fn qwen_padding_agrees() {
    for name in SEEING {
        let golden = Golden::open(&format!("{name}.safetensors"));
        let first = golden.patches(&model(name)).remove(0);
        padding_agrees(name, &[first]);
    }
}

#[test]
fn qwen_decoding_agrees() {
    for name in SEEING {
        let golden = Golden::open(&format!("{name}.safetensors"));
        let model = model(name);
        decoding_agrees(&model, &golden, "image", &golden.patches(&model));
    }
}

/// The first picture fits as it is; the second is scaled, which torchvision does in integers: off by one grey level.
#[test]
fn preprocessing_agrees() {
    for (name, least_deviation) in [("qwen2_5_vl", 0.261), ("qwen3_vl", 0.5)] {
        let golden = Golden::open(&format!("{name}.safetensors"));
        let looked = model(name).look(&[golden.picture(0), golden.picture(1)]).unwrap();
        let expected = golden.floats("pixel_values");
        let (first, second) = expected.split_at(looked[0].values.len());
        assert_close(&format!("{name}, a picture that fits"), &looked[0].values, first, 1e-6);
        let level = 1.01 / 255.0 / least_deviation;
        assert_close(&format!("{name}, a picture that is scaled"), &looked[1].values, second, level);
        let grids: Vec<i64> = looked.iter().flat_map(|p| [1, p.grid.rows as i64, p.grid.columns as i64]).collect();
        assert_eq!(grids, golden.ints("grids"));
    }
}

/// The same model as newer versions of transformers may leave it: tensors named after its modules, and the preprocessor
/// inside `processor_config.json`.
#[test]
fn newer_names_are_the_same_model() {
    let folder = std::env::temp_dir().join(format!("knowmvg-vlm-{}-names", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        std::fs::copy(path("qwen2_5_vl").join(file), folder.join(file)).unwrap();
    }
    let preprocessor = std::fs::read_to_string(path("qwen2_5_vl/preprocessor_config.json")).unwrap();
    std::fs::write(folder.join("processor_config.json"), format!("{{\"image_processor\": {preprocessor}}}")).unwrap();
    let bytes = std::fs::read(path("qwen2_5_vl/model.safetensors")).unwrap();
    let renamed = SafeTensors::deserialize(&bytes).unwrap().tensors().into_iter().map(|(name, tensor)| {
        let name = name.replace("model.", "model.language_model.").replace("visual.", "model.visual.");
        (name, tensor)
    });
    safetensors::serialize_to_file(renamed.collect::<Vec<_>>(), None, &folder.join("model.safetensors")).unwrap();
    let loaded = VisionLanguageModel::load(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let golden = Golden::open("qwen2_5_vl.safetensors");
    let [newer, published] = [loaded.unwrap_or_else(|e| panic!("{e}")), model("qwen2_5_vl")]
        .map(|model| row_logits(&model, &golden.ids("image.ids"), &golden.patches(&model)));
    assert_eq!(newer, published);
}
