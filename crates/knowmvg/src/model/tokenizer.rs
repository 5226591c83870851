//! The phrase encoder's own word pieces.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    AddedToken, DecoderWrapper, ModelWrapper, NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential,
    OffsetType, PostProcessorWrapper, PreTokenizedString, PreTokenizer, PreTokenizerWrapper, TokenizerImpl,
};

use crate::knowledge::{self, KnowledgeBase};

type Inner = TokenizerImpl<WordPiece, BertNormalizer, BertPreTokenizer, PostProcessorWrapper, DecoderWrapper>;

/// Id of padding.
pub const PAD: u32 = 0;
const PAD_TOKEN: &str = "[PAD]";
const UNKNOWN_TOKEN: &str = "[UNK]";

/// Why a tokenizer could not be made.
#[derive(Debug, thiserror::Error)]
#[error("expected a word-piece tokenizer: {0}")]
pub struct TokenizerError(String);

/// Splits lower-cased text into word pieces.
pub struct PhraseTokenizer {
    inner: Inner,
}

impl PhraseTokenizer {
    /// A vocabulary from texts: every character, alone and inside a word, then the most frequent words.
    ///
    /// # Departures
    /// The library's trainer merges characters into pieces, and breaks ties in the order of a hash map: two runs of it
    /// differ. With a few thousand words of one field, whole words and characters as a last resort do as well, and
    /// every run gives the same ids.
    ///
    /// # Errors
    /// When the library refuses the vocabulary.
    pub fn from_texts(texts: impl Iterator<Item = String>, vocab_size: usize) -> Result<Self, TokenizerError> {
        let splitter = empty_with(WordPiece::default());
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for text in texts {
            for word in words(&splitter, &text)? {
                *counts.entry(word).or_default() += 1;
            }
        }
        let characters: BTreeSet<char> = counts.keys().flat_map(|word| word.chars()).collect();
        let mut by_frequency: Vec<(String, usize)> = counts.into_iter().collect();
        by_frequency.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));

        let special = [PAD_TOKEN, UNKNOWN_TOKEN].map(str::to_owned).into_iter();
        let single = characters.iter().flat_map(|c| [c.to_string(), format!("##{c}")]);
        let whole = by_frequency.into_iter().map(|(word, _)| word).filter(|word| word.chars().count() > 1);
        let vocabulary: BTreeMap<String, u32> = special.chain(single).chain(whole).take(vocab_size).zip(0..).collect();
        let model = serde_json::json!({
            "type": "WordPiece",
            "unk_token": UNKNOWN_TOKEN,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        });
        let model: WordPiece = serde_json::from_str(&model.to_string()).map_err(|e| TokenizerError(e.to_string()))?;
        Self::from_json(empty_with(model).to_string(false).map_err(|e| TokenizerError(e.to_string()))?.as_bytes())
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When it is not a word-piece tokenizer with this crate's special tokens.
    pub fn from_json(json: &[u8]) -> Result<Self, TokenizerError> {
        let generic: TokenizerImpl<
            ModelWrapper,
            NormalizerWrapper,
            PreTokenizerWrapper,
            PostProcessorWrapper,
            DecoderWrapper,
        > = serde_json::from_slice(json).map_err(|e| TokenizerError(e.to_string()))?;
        let ModelWrapper::WordPiece(model) = generic.get_model().clone() else {
            return Err(TokenizerError("found another model".into()));
        };
        let mut inner = empty_with(model);
        inner
            .add_special_tokens([PAD_TOKEN, UNKNOWN_TOKEN].map(|t| AddedToken::from(t, true)))
            .map_err(|e| TokenizerError(e.to_string()))?;
        if inner.token_to_id(PAD_TOKEN) != Some(PAD) {
            return Err(TokenizerError(format!("expected {PAD_TOKEN} to have id {PAD}")));
        }
        Ok(Self { inner })
    }

    /// As `tokenizer.json`.
    pub fn to_json(&self) -> String {
        self.inner.to_string(false).expect("a tokenizer serializes")
    }

    /// Size of the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Ids of a text, at least one and at most `max`.
    pub fn encode(&self, text: &str, max: usize) -> Vec<u32> {
        let ids = self.inner.encode(text, false).map(|e| e.get_ids().to_vec()).unwrap_or_default();
        let mut ids: Vec<u32> = ids.into_iter().take(max).collect();
        if ids.is_empty() {
            ids.push(self.inner.token_to_id(UNKNOWN_TOKEN).unwrap_or(PAD));
        }
        ids
    }
}

/// Normalised words of a text, as the tokenizer splits them.
fn words(splitter: &Inner, text: &str) -> Result<Vec<String>, TokenizerError> {
    let error = |e: tokenizers::Error| TokenizerError(e.to_string());
    let mut normalised = NormalizedString::from(text);
    if let Some(normaliser) = splitter.get_normalizer() {
        normaliser.normalize(&mut normalised).map_err(error)?;
    }
    let mut split = PreTokenizedString::from(normalised);
    BertPreTokenizer.pre_tokenize(&mut split).map_err(error)?;
    Ok(split
        .get_splits(OffsetReferential::Original, OffsetType::Byte)
        .into_iter()
        .map(|(word, _, _)| word.to_owned())
        .collect())
}

fn empty_with(model: WordPiece) -> Inner {
    let mut inner = Inner::new(model);
    // Accents are kept apart from their letters' meaning in other languages: stripping is on, Chinese handling off.
    let _ = inner.with_normalizer(Some(BertNormalizer::new(true, false, Some(true), true)));
    let _ = inner.with_pre_tokenizer(Some(BertPreTokenizer));
    inner
}

/// Word pieces of every node of a knowledge base, made once.
pub struct NodeTexts {
    tokens: HashMap<String, Vec<u32>>,
}

impl NodeTexts {
    /// Reads every node's text.
    pub fn new(knowledge: &KnowledgeBase, tokenizer: &PhraseTokenizer, max_tokens: usize) -> Self {
        let ids = node_ids(knowledge);
        let tokens =
            ids.map(|id| (id.to_owned(), tokenizer.encode(&knowledge::node_text(id, knowledge), max_tokens))).collect();
        Self { tokens }
    }

    /// Word pieces of a node; empty if there is no such node.
    pub fn get(&self, id: &str) -> &[u32] {
        self.tokens.get(id).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Findings, then places.
pub fn node_ids(knowledge: &KnowledgeBase) -> impl Iterator<Item = &str> {
    knowledge.findings().iter().map(|f| f.id.as_str()).chain(knowledge.places().iter().map(|p| p.id.as_str()))
}
