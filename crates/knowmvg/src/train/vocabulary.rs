//! The phrase encoder's vocabulary: given by the recipe, or made from what training will say.

use std::collections::BTreeMap;
use std::fs;

use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::TrainError;
use super::compose;
use super::config::TrainConfig;
use crate::knowledge::{self, KnowledgeBase};
use crate::model::tokenizer::{PhraseTokenizer, node_ids};
use crate::prior::Location;
use crate::report::Zone;

/// The recipe's vocabulary, or one from texts.
pub(super) fn tokenizer(
    knowledge: &KnowledgeBase,
    labels: &BTreeMap<String, String>,
    config: &TrainConfig,
) -> Result<PhraseTokenizer, TrainError> {
    match &config.tokenizer {
        Some(path) => Ok(PhraseTokenizer::from_json(&fs::read(path).map_err(|e| TrainError::io(e, path))?)?),
        None => tokenizer_from_texts(knowledge, labels, config),
    }
}

/// Word pieces from the knowledge base and from composed phrases about every label.
fn tokenizer_from_texts(
    knowledge: &KnowledgeBase,
    labels: &BTreeMap<String, String>,
    config: &TrainConfig,
) -> Result<PhraseTokenizer, TrainError> {
    let mut texts: Vec<String> = node_ids(knowledge).map(|id| knowledge::node_text(id, knowledge)).collect();
    texts.extend(knowledge.findings().iter().flat_map(|f| f.synonyms.values().flatten().cloned()));
    texts.extend(knowledge.places().iter().flat_map(|p| p.synonyms.values().flatten().cloned()));
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    for (label, finding) in labels {
        for _ in 0..40 {
            let location = Location {
                side: [None, Some(crate::grounding::Side::Left), Some(crate::grounding::Side::Right)]
                    .choose(&mut rng)
                    .copied()
                    .flatten(),
                zone: [None, Some(Zone::Upper), Some(Zone::Mid), Some(Zone::Lower)].choose(&mut rng).copied().flatten(),
            };
            let phrase = compose::phrase(finding, label, location, knowledge, &mut rng);
            texts.push(compose::report(&phrase, &["effusion", "pneumothorax"], &mut rng));
        }
    }
    Ok(PhraseTokenizer::from_texts(texts.into_iter(), config.model.vocab_size)?)
}
