//! Words to ids and back.

use std::path::Path;

use serde_json::{Value, json};
use tokenizers::{AddedToken, Tokenizer};

use crate::chat::Piece;
use crate::gguf::Gguf;
use crate::{Error, Result};

/// Kinds of tokens in GGUF's `tokenizer.ggml.token_type`.
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;

/// Splits text into tokens as the model was trained to read it.
#[derive(Clone)]
pub struct TextTokenizer {
    inner: Tokenizer,
}

impl TextTokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When it cannot be read, or the library does not know what it asks for.
    pub fn open(path: &Path) -> Result<Self> {
        let json = std::fs::read(path).map_err(|source| Error::Io { source, path: path.to_owned() })?;
        Self::from_json(&json)
    }

    /// From the words of a GGUF file.
    ///
    /// # Errors
    /// When the file has none, or words of another kind than SmolLM2's.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        let json = gguf_tokenizer(gguf).map_err(Error::Tokenizer)?;
        Self::from_json(json.to_string().as_bytes())
    }

    fn from_json(json: &[u8]) -> Result<Self> {
        let mut inner = Tokenizer::from_bytes(json).map_err(failed)?;
        // What people write never becomes a special token.
        inner.set_encode_special_tokens(true);
        Ok(Self { inner })
    }

    /// The id of a token.
    ///
    /// # Errors
    /// When there is no such token.
    pub fn id(&self, token: &str) -> Result<u32> {
        self.inner.token_to_id(token).ok_or_else(|| Error::Tokenizer(format!("expected a token {token}, found none")))
    }

    /// The ids of text.
    ///
    /// # Errors
    /// When the library fails.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.inner.encode(text, false).map_err(failed)?.get_ids().to_vec())
    }

    /// The ids of a prompt, with one image token for each of a picture's, given in the order in which they are shown.
    ///
    /// # Errors
    /// When a special token is missing, or the pieces show more or fewer pictures than there are.
    pub fn encode_prompt(&self, pieces: &[Piece], image_tokens: &[usize]) -> Result<Vec<u32>> {
        let mut counts = image_tokens.iter();
        let mut ids = vec![];
        for piece in pieces {
            match piece {
                Piece::Special(token) => ids.push(self.id(token)?),
                Piece::Text(text) => ids.extend(self.encode(text)?),
                Piece::Picture => {
                    let count = counts.next().ok_or_else(|| wrong_pictures("more"))?;
                    ids.extend(std::iter::repeat_n(self.id("<|image_pad|>")?, *count));
                }
            }
        }
        if counts.next().is_some() { Err(wrong_pictures("fewer")) } else { Ok(ids) }
    }

    /// Adds a token that no text can spell; returns its id, which is the old one if it is there already.
    ///
    /// # Errors
    /// When the library fails.
    pub fn add_special(&mut self, token: &str) -> Result<u32> {
        let added = AddedToken::from(token.to_owned(), true);
        self.inner.add_special_tokens([added]).map_err(failed)?;
        self.id(token)
    }

    /// Writes a `tokenizer.json`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.inner.save(path, true).map_err(failed)
    }

    /// The text of ids, without special tokens.
    ///
    /// # Errors
    /// When the library fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, true).map_err(failed)
    }
}

fn failed(error: tokenizers::Error) -> Error {
    Error::Tokenizer(error.to_string())
}

fn wrong_pictures(how: &str) -> Error {
    Error::Input(format!("expected as many pictures as the turns show, found {how}"))
}

/// A `tokenizer.json` of the words in a GGUF file.
///
/// # Source
/// `tokenizer.ggml.*` in ggml's `docs/gguf.md`; how `smollm` splits, in llama.cpp's `llama-vocab.cpp`: every digit alone,
/// then as GPT-2.
fn gguf_tokenizer(gguf: &Gguf) -> Result<Value, String> {
    let kind = gguf.string("tokenizer.ggml.model").unwrap_or("nothing");
    let split = gguf.string("tokenizer.ggml.pre").unwrap_or("nothing");
    if (kind, split) != ("gpt2", "smollm") {
        return Err(format!("expected a tokenizer gpt2 / smollm in the GGUF file, found {kind} / {split}"));
    }
    let strings = |key: &str| gguf.strings(key).ok_or_else(|| format!("expected {key} as an array of strings"));
    let tokens = strings("tokenizer.ggml.tokens")?;
    let kinds = gguf.integers("tokenizer.ggml.token_type").unwrap_or_default();
    let added = tokens.iter().zip(&kinds).zip(0u32..).filter(|((_, kind), _)| [CONTROL, USER_DEFINED].contains(kind));
    let added: Vec<Value> = added.map(|((token, kind), id)| added_token(token, id, *kind == CONTROL)).collect();
    let vocabulary: serde_json::Map<String, Value> =
        tokens.iter().map(|t| t.to_string()).zip((0u32..).map(Value::from)).collect();
    Ok(json!({
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        ]},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": strings("tokenizer.ggml.merges")?},
    }))
}

fn added_token(token: &str, id: u32, is_special: bool) -> Value {
    json!({
        "id": id, "content": token, "special": is_special,
        "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
    })
}
