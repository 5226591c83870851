use std::collections::BTreeMap;

use serde_json::Value;

/// Keys that leave a loaded model as it is: bookkeeping, training, generation, and what only other families use.
const IRRELEVANT: [&str; 44] = [
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_name_or_path",
    "add_cross_attention",
    "architectures",
    "attention_dropout",
    "attn_implementation",
    "bos_token_id",
    "chunk_size_feed_forward",
    "decoder_start_token_id",
    "dtype",
    "eos_token_id",
    "id2label",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "is_llama_config",
    "label2id",
    "layer_types",
    "max_position_embeddings",
    "max_window_layers",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "pretraining_tp",
    "problem_type",
    "return_dict",
    "rope_interleaved",
    "sep_token_id",
    "sliding_window",
    "spatial_patch_size",
    "task_specific_params",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "tokens_per_second",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "use_bfloat16",
    "use_cache",
    "vision_token_id",
];

/// Refuses keys that nobody read and that may matter.
pub(super) fn no_unknown(rest: &BTreeMap<String, Value>) -> Result<(), String> {
    let unknown: Vec<_> = rest.keys().filter(|key| !IRRELEVANT.contains(&key.as_str())).map(String::as_str).collect();
    match unknown.as_slice() {
        [] => Ok(()),
        keys => Err(format!("unknown keys {}; take out those that do not change the model", keys.join(", "))),
    }
}

/// Checks that a size is of this world, so that no product of two overflows and no file asks for all memory.
pub(crate) fn size(name: &str, found: usize, most: usize) -> Result<usize, String> {
    if (1..=most).contains(&found) { Ok(found) } else { Err(format!("expected {name} in 1..={most}, found {found}")) }
}

/// Checks that something that this crate does not have is not asked for.
pub(super) fn only(name: &str, found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("expected {name} {expected}, found {found}")) }
}
