//! `prompt -> "phrase. [BOX] phrase. [BOX]"`, with the knowledge of each phrase put in before its `[BOX]`.

use burn::tensor::Tensor;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::model::input::{PhraseInput, collate_phrases};
use knowmvg::model::trace::values;
use knowmvg::reader::Seen;
use knowmvg::report::{self, Phrase};

use super::adapter::GroundingAdapter;
use super::prompt::Words;
use super::slot::Slot;
use super::speaker::{Knowledge, Look, Speaker};
use crate::generate::{Sampler, Sampling};
use crate::text::Cache;
use crate::{Error, Result};

/// Most tokens of an answer.
const MAX_TOKENS: usize = 512;
/// Most phrases of an answer.
const MAX_PHRASES: usize = 64;
/// Most tokens of what is asked; small language models read no more at once.
pub const MAX_PROMPT: usize = 4096;

/// A phrase as it was named, with what the decoder needs.
#[derive(Debug, Clone)]
pub struct Named {
    /// Without the full stop.
    pub text: String,
    /// `e_box`
    pub embed: Vec<f32>,
}

/// What a language model answered.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// In order.
    pub named: Vec<Named>,
    /// Words after the last `[BOX]`.
    pub rest: String,
    /// Whether it ended by itself.
    pub has_ended: bool,
}

impl Speaker {
    /// Answers. The same sampling gives the same answer.
    ///
    /// # Errors
    /// When the words are too many, or the sampling makes no sense.
    pub fn answer(
        &self,
        adapter: &GroundingAdapter,
        seen: &Seen,
        look: &Look,
        words: Words,
        sampling: &Sampling,
    ) -> Result<Answered> {
        let prompt = self.prompt(words, look)?;
        fits(&prompt)?;
        let mut sampler = Sampler::new(sampling).map_err(Error::Input)?;
        let mut cache = Cache::default();
        let batch = self.batch(adapter, &[prompt], look, Knowledge::none())?;
        let mut hidden = last(self.hidden_states(adapter, batch, &mut cache)?);
        let mut answered = Answered::default();
        let mut ids = vec![];
        for _ in 0..MAX_TOKENS {
            let logits = values(&self.logits(adapter, hidden.clone()));
            let chosen = sampler.choose(&logits).ok_or_else(|| Error::Input("no logit is a number".into()))?;
            let (row, knowledge) = if chosen as usize == self.box_index() {
                let text = self.spoken(&ids)?;
                ids.clear();
                let given = self.knowledge_of(adapter, seen, std::slice::from_ref(&phrase(&text)));
                answered.named.push(Named { text, embed: vec![] });
                (self.box_slots(0, given.phrases[1]), given)
            } else if self.model.stop_ids().contains(&chosen) {
                answered.has_ended = true;
                break;
            } else {
                ids.push(chosen);
                (vec![Slot::Token(chosen)], Knowledge::none())
            };
            let is_box = row.last() == Some(&Slot::Box);
            let batch = self.continued(adapter, row, knowledge, &cache)?;
            hidden = last(self.hidden_states(adapter, batch, &mut cache)?);
            if let (true, Some(named)) = (is_box, answered.named.last_mut()) {
                named.embed = values(&adapter.phrase_embeds(hidden.clone()));
            }
            if answered.named.len() >= MAX_PHRASES || repeats(&answered.named) {
                break;
            }
        }
        answered.rest = self.spoken(&ids)?;
        Ok(answered)
    }

    /// `e_box` of phrases that are known, as if the language model had named each in answer to itself.
    ///
    /// # Shapes
    /// - returns `[phrases][decoder width]`
    ///
    /// # Errors
    /// When a phrase has too many words.
    pub fn read_phrases(
        &self,
        adapter: &GroundingAdapter,
        seen: &Seen,
        look: &Look,
        phrases: &[Phrase],
    ) -> Result<Vec<Vec<f32>>> {
        let knowledge = self.knowledge_of(adapter, seen, phrases);
        let [_, tokens] = knowledge.phrases;
        let mut rows = vec![];
        for phrase in phrases {
            let mut row = self.prompt(Words::Phrase(&phrase.text), look)?;
            row.extend(self.said(&phrase.text, true)?.into_iter().map(Slot::Token));
            row.extend(self.box_slots(0, tokens));
            fits(&row)?;
            rows.push(row);
        }
        // Every row is about one phrase, its first.
        let knowledge = Knowledge { phrases: [1, tokens], ..knowledge };
        let batch = self.batch(adapter, &rows, &look.repeated(rows.len()), knowledge)?;
        let hidden = self.hidden_states(adapter, batch, &mut Cache::default())?;
        let ends = rows.iter().enumerate().map(|(index, row)| {
            let [_, _, width] = hidden.dims();
            hidden.clone().narrow(0, index, 1).narrow(1, row.len() - 1, 1).reshape([1, width])
        });
        let embeds = adapter.phrase_embeds(Tensor::cat(ends.collect(), 0));
        let [_, width] = embeds.dims();
        Ok(values(&embeds).chunks_exact(width).map(<[f32]>::to_vec).collect())
    }

    /// `[BOX]` with the knowledge tokens that stand before it.
    pub fn box_slots(&self, phrase: usize, tokens: usize) -> Vec<Slot> {
        (0..tokens).map(|index| Slot::Knowledge { phrase, index }).chain([Slot::Box]).collect()
    }

    /// Knowledge tokens of phrases about one image.
    fn knowledge_of(&self, adapter: &GroundingAdapter, seen: &Seen, phrases: &[Phrase]) -> Knowledge {
        if !self.config.knowledge_tokens {
            return Knowledge::none();
        }
        let decoder = seen.decoder;
        let asked: Vec<PhraseInput> = phrases.iter().map(|phrase| phrase_input(seen, phrase)).collect();
        let patches = seen.features.grid.pow(2);
        let input = collate_phrases(&[&asked], patches, decoder.texts, decoder.config, decoder.device);
        let tokens = decoder.model.knowledge_tokens(&input, decoder.config);
        Knowledge { phrases: [phrases.len(), tokens.dims()[1]], tokens: Some(adapter.knowledge(tokens)) }
    }

    /// Tokens of a phrase as it is said in an answer.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn said(&self, phrase: &str, is_first: bool) -> Result<Vec<u32>> {
        let space = if is_first { "" } else { " " };
        self.model.tokenizer().encode(&format!("{space}{}.", phrase.trim().trim_end_matches('.')))
    }

    fn spoken(&self, ids: &[u32]) -> Result<String> {
        Ok(self.model.tokenizer().decode(ids)?.trim().trim_end_matches('.').to_owned())
    }
}

/// Named words as a phrase.
fn phrase(text: &str) -> Phrase {
    report::query(text, KnowledgeBase::chest())
}

/// The decoder's input for a phrase about an image, with the prior that its words have.
pub fn phrase_input(seen: &Seen, phrase: &Phrase) -> PhraseInput {
    let linked = knowmvg::knowledge::link(phrase, seen.decoder.knowledge);
    let prior = seen.decoder.prior(phrase, &linked);
    seen.decoder.input(phrase, &prior, seen.model_from_thorax, seen.features.grid)
}

fn fits(prompt: &[Slot]) -> Result<()> {
    if prompt.len() <= MAX_PROMPT {
        return Ok(());
    }
    Err(Error::Input(format!("expected at most {MAX_PROMPT} tokens, found {}", prompt.len())))
}

/// The state of the last place, `[1, width]`.
fn last(hidden: Tensor<3>) -> Tensor<2> {
    let [_, places, width] = hidden.dims();
    hidden.narrow(1, places - 1, 1).reshape([1, width])
}

/// A small model that says the same thing again goes on for ever.
fn repeats(named: &[Named]) -> bool {
    let Some((last, before)) = named.split_last() else { return false };
    before.iter().any(|earlier| earlier.text == last.text)
}
