//! Any bytes: a language model's configuration and words, or an error; no tensor of it reaches past the file.
#![no_main]

use knowmvg_vlm::gguf::Gguf;
use knowmvg_vlm::tokenizer::TextTokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(gguf) = Gguf::parse(bytes.to_vec()) else { return };
    let _ = gguf.model_config();
    let _ = TextTokenizer::from_gguf(&gguf);
    for tensor in gguf.tensors().values().take(8) {
        assert!(gguf.blocks(tensor).len() <= bytes.len());
    }
});
