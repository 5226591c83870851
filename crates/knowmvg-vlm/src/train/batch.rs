//! Examples to the numbers that a step learns from.

use burn::tensor::Device;
use knowmvg::decoder::{Decoder, place_regions};
use knowmvg::geometry::{Map, Model, Thorax};
use knowmvg::knowledge;
use knowmvg::model::input::{Features, ImageInput, PhraseInput, collate, collate_phrases, phrase_input};
use knowmvg::model::{GroundingInput, PhraseBatch};
use knowmvg::prior::Prior;
use knowmvg::train::criterion::Targets;

use super::example::{Example, Named};
use crate::grounding::{Look, Slot, Speaker};
use crate::{Error, Result};

/// A conversation, cut into slots, and what its places should say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The whole conversation.
    pub slots: Vec<Slot>,
    /// The place that says what comes next, and what that is among the logits.
    pub labels: Vec<(usize, usize)>,
    /// The places of `[BOX]`, phrase by phrase.
    pub boxes: Vec<usize>,
}

impl Row {
    /// The conversation of an example, with `tokens` of knowledge before each `[BOX]`.
    ///
    /// # Errors
    /// When the tokenizer fails, or the model has no token that ends an answer.
    pub fn of(example: &Example, speaker: &Speaker, look: &Look, tokens: usize) -> Result<Self> {
        let mut row = Self { slots: speaker.prompt(example.asked(), look)?, ..Self::default() };
        let mut predictor = row.slots.len() - 1;
        let mut is_first = true;
        let mut say = |row: &mut Self, predictor: &mut usize, text: &str| -> Result<()> {
            for id in speaker.said(text, is_first)? {
                row.push(Slot::Token(id), id as usize, predictor);
            }
            is_first = false;
            Ok(())
        };
        if let Some(lead) = &example.lead {
            say(&mut row, &mut predictor, lead)?;
        }
        for (index, named) in example.named.iter().enumerate() {
            say(&mut row, &mut predictor, &named.text)?;
            row.labels.push((predictor, speaker.box_index()));
            row.slots.extend(speaker.box_slots(index, tokens));
            predictor = row.slots.len() - 1;
            row.boxes.push(predictor);
        }
        let end = speaker.model.stop_ids().first();
        let end = end.ok_or_else(|| Error::Input("expected a token that ends an answer, found none".into()))?;
        row.labels.push((predictor, *end as usize));
        Ok(row)
    }

    /// The next slot, which the last place should say.
    fn push(&mut self, slot: Slot, label: usize, predictor: &mut usize) {
        self.labels.push((*predictor, label));
        self.slots.push(slot);
        *predictor = self.slots.len() - 1;
    }
}

/// An image with its conversation.
pub struct Member {
    /// What the tower saw, blanked as training wants it.
    pub features: Features,
    /// Where the lungs are.
    pub model_from_thorax: Map<Model, Thorax>,
    /// What is asked and answered.
    pub example: Example,
    /// The phrases as the decoder reads them.
    pub phrases: Vec<PhraseInput>,
}

impl Member {
    /// The phrases that somebody looked for, with their place among all.
    pub fn looked_for(&self) -> impl Iterator<Item = (usize, &Named)> {
        self.example.named.iter().enumerate().filter(|(_, named)| named.is_looked_for)
    }
}

/// A named phrase as the decoder reads it, with the prior that its patient's boxes do not know of.
pub fn read(named: &Named, prior: Prior, frame: &Map<Model, Thorax>, decoder: &Decoder) -> PhraseInput {
    let linked = knowledge::link(&named.question.phrase, decoder.knowledge);
    let places = place_regions(&linked.places, decoder.knowledge);
    let grid = decoder.config.image_side / decoder.patch_size;
    let on_image = prior.refined_by(&places).on_image(frame, grid);
    phrase_input(&named.question.phrase, &linked, decoder.knowledge, decoder.tokenizer, frame, on_image, decoder.config)
}

/// What the decoder reads of the phrases of a batch.
pub fn phrases(members: &[Member], decoder: &Decoder, device: &Device) -> PhraseBatch {
    let phrases: Vec<&[PhraseInput]> = members.iter().map(|member| member.phrases.as_slice()).collect();
    let patches = members[0].features.grid.pow(2);
    collate_phrases(&phrases, patches, decoder.texts, decoder.config, device)
}

/// What the decoder reads of those phrases alone that somebody looked for, with their images, and the truth.
pub fn looked_for(members: &[Member], decoder: &Decoder, device: &Device) -> (GroundingInput, Targets) {
    let images: Vec<ImageInput> = members
        .iter()
        .map(|member| ImageInput {
            features: &member.features,
            model_from_thorax: member.model_from_thorax,
            phrases: member.looked_for().map(|(index, _)| member.phrases[index].clone()).collect(),
        })
        .collect();
    let input = collate(&images, decoder.texts, decoder.config, decoder.patch_size, device);
    let [_, longest, _] = input.phrases.prior.dims();
    let targets = members.iter().map(|member| {
        let known = member.looked_for().map(|(_, named)| Some(named.question.target.clone()));
        known.chain(std::iter::repeat(None)).take(longest).collect()
    });
    (input, targets.collect())
}
