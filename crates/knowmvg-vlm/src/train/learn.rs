//! The loss of a batch.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};
use knowmvg::decoder::Decoder;
use knowmvg::model::trace::values;
use knowmvg::model::{GroundingModel, ReadPhrases};
use knowmvg::train::criterion::{self, LossTerms};
use rand_chacha::ChaCha8Rng;

use super::batch::{Member, Row, looked_for, phrases};
use super::config::VlmLossWeights;
use crate::Result;
use crate::grounding::{GroundingAdapter, Knowledge, Look, Slot, Speaker};
use crate::text::Cache;

/// The terms of one batch, before weighting.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// Cross-entropy of the answers, per token.
    pub language: f64,
    /// Distance to the decoder's own reader.
    pub imitation: f64,
    /// The decoder's.
    pub decoder: LossTerms,
}

impl Terms {
    /// Adds a share of other terms.
    pub fn add(&mut self, other: &Self, share: f64) {
        self.language += other.language * share;
        self.imitation += other.imitation * share;
        self.decoder.add(&other.decoder, share);
    }

    /// Every term with its name.
    pub fn named(&self) -> Vec<(&'static str, f64)> {
        let own = [("language", self.language), ("imitation", self.imitation), ("grounding", self.decoder.total)];
        own.into_iter().chain(self.decoder.named().into_iter().skip(1)).collect()
    }
}

/// What is asked, and who answers.
pub struct Learner<'a> {
    /// The frozen language model.
    pub speaker: &'a Speaker,
    /// What is learnt beside it.
    pub adapter: &'a GroundingAdapter,
    /// The decoder.
    pub decoder: &'a GroundingModel,
    /// What the decoder reads with; its weights are not used.
    pub reads: &'a Decoder<'a>,
    /// Weights of the terms.
    pub weights: &'a VlmLossWeights,
}

impl Learner<'_> {
    /// The loss of a batch and its terms.
    ///
    /// # Errors
    /// When an image or the words do not fit the language model.
    pub fn loss(&self, members: &[Member], rng: &mut ChaCha8Rng) -> Result<(Tensor<1>, Terms)> {
        let device = self.adapter.box_token.device();
        let config = self.reads.config;
        let read = phrases(members, self.reads, &device);
        let [_, phrases, _] = read.prior.dims();
        let features: Vec<_> = members.iter().map(|member| &member.features).collect();
        let look = self.speaker.look(self.adapter, &features, config.token_width)?;
        let tokens = if self.speaker.config.knowledge_tokens { config.prompt_tokens } else { 0 };
        let knowledge = (tokens > 0).then(|| self.adapter.knowledge(self.decoder.knowledge_tokens(&read, config)));
        let rows = members.iter().map(|member| Row::of(&member.example, self.speaker, &look, tokens));
        let rows = rows.collect::<Result<Vec<Row>>>()?;
        let hidden = self.hidden(&rows, &look, Knowledge { tokens: knowledge, phrases: [phrases, tokens] })?;

        let language = self.cross_entropy(&hidden, &rows);
        let (embeds, at) = self.boxes(&hidden, &rows, phrases);
        let own = self.decoder.read_phrases(&read).detach().select(0, at);
        let imitation = imitation(&embeds, own);
        let mut total = language.clone() * self.weights.language + imitation.clone() * self.weights.imitation;
        let mut terms = Terms { language: number(&language), imitation: number(&imitation), ..Terms::default() };
        if members.iter().any(|member| member.looked_for().next().is_some()) {
            let (loss, decoder) = self.grounding(members, embeds, rng);
            total = total + loss * self.weights.grounding;
            terms.decoder = decoder;
        }
        Ok((total, terms))
    }

    /// The decoder's loss of the phrases that somebody looked for, read as `embeds`, `[phrases of all rows, width]`.
    fn grounding(&self, members: &[Member], embeds: Tensor<2>, rng: &mut ChaCha8Rng) -> (Tensor<1>, LossTerms) {
        let device = embeds.device();
        let config = self.reads.config;
        let (mut input, targets) = looked_for(members, self.reads, &device);
        let [rows, phrases, _] = input.phrases.prior.dims();
        let (mut from, mut to) = (vec![], vec![]);
        let mut first = 0;
        for (row, member) in members.iter().enumerate() {
            for (index, (among_all, _)) in member.looked_for().enumerate() {
                from.push((first + among_all) as i32);
                to.push((row * phrases + index) as i32);
            }
            first += member.example.named.len();
        }
        let places = |places: &[i32]| Tensor::<1, Int>::from_data(places, &device);
        let known = embeds.select(0, places(&from));
        input.phrases.read = Some(scattered(known, places(&to), [rows * phrases, config.width]));
        let output = self.decoder.forward(input, config, &mut ());
        criterion::loss(&output, &targets, config.queries, &self.weights.decoder, rng)
    }

    /// Hidden states of all places, `[rows * places, width]`, and the places of a row.
    fn hidden(&self, rows: &[Row], look: &Look, knowledge: Knowledge) -> Result<Hidden> {
        let slots: Vec<Vec<Slot>> = rows.iter().map(|row| row.slots.clone()).collect();
        let batch = self.speaker.batch(self.adapter, &slots, look, knowledge)?;
        let states = self.speaker.hidden_states(self.adapter, batch, &mut Cache::default())?;
        let [rows, places, width] = states.dims();
        Ok(Hidden { states: states.reshape([rows * places, width]), places })
    }

    /// Mean over all tokens that an answer says.
    fn cross_entropy(&self, hidden: &Hidden, rows: &[Row]) -> Tensor<1> {
        let said = rows
            .iter()
            .enumerate()
            .flat_map(|(row, r)| r.labels.iter().map(move |(place, label)| (row, *place, *label)));
        let (at, labels): (Vec<i32>, Vec<i32>) =
            said.map(|(row, place, label)| ((row * hidden.places + place) as i32, label as i32)).unzip();
        let logits = self.speaker.logits(self.adapter, hidden.at(&at));
        let count = labels.len();
        let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [count, 1]), &logits.device());
        log_softmax(logits, 1).gather(1, labels).mean().neg()
    }

    /// `e_box` of every `[BOX]`, and which phrase of the batch each is.
    fn boxes(&self, hidden: &Hidden, rows: &[Row], phrases: usize) -> (Tensor<2>, Tensor<1, Int>) {
        let boxes = rows
            .iter()
            .enumerate()
            .flat_map(|(row, r)| r.boxes.iter().enumerate().map(move |(i, place)| (row, i, *place)));
        let (at, phrase): (Vec<i32>, Vec<i32>) =
            boxes.map(|(row, i, place)| ((row * hidden.places + place) as i32, (row * phrases + i) as i32)).unzip();
        let device = hidden.states.device();
        (self.adapter.phrase_embeds(hidden.at(&at)), Tensor::from_data(phrase.as_slice(), &device))
    }
}

struct Hidden {
    /// `[rows * places, width]`
    states: Tensor<2>,
    places: usize,
}

impl Hidden {
    fn at(&self, places: &[i32]) -> Tensor<2> {
        let places = Tensor::<1, Int>::from_data(places, &self.states.device());
        self.states.clone().select(0, places)
    }
}

/// Mean squared distance over the mean square of what is imitated.
fn imitation(embeds: &Tensor<2>, own: Tensor<2>) -> Tensor<1> {
    if own.dims()[0] == 0 {
        return Tensor::zeros([1], &own.device());
    }
    let size = own.clone().powi_scalar(2).mean().clamp_min(1e-6);
    (embeds.clone() - own).powi_scalar(2).mean() / size
}

/// Embeddings at their phrases, zeros elsewhere.
fn scattered(embeds: Tensor<2>, at: Tensor<1, Int>, [rows, width]: [usize; 2]) -> ReadPhrases {
    let device = embeds.device();
    let [count, _] = embeds.dims();
    let ones = Tensor::<2>::ones([count, 1], &device);
    let add = burn::tensor::IndexingUpdateOp::Add;
    ReadPhrases {
        embeds: Tensor::zeros([rows, width], &device).select_assign(0, at.clone(), embeds, add),
        is_read: Tensor::zeros([rows, 1], &device).select_assign(0, at, ones, add),
    }
}

fn number(tensor: &Tensor<1>) -> f64 {
    f64::from(values(tensor)[0])
}
